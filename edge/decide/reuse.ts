import type { EpochMs } from "../../common/clock.ts";
import { acceptedCodings, codingOf, codingWeight } from "../http/accept-encoding.ts";
import {
  type CacheDirectives,
  type RequestDirectives,
  requestDirectives,
} from "../http/cache-control.ts";
import type { FieldLines } from "../http/fields.ts";
import { matchesVariant } from "../key/variant.ts";
import { currentAgeSeconds, dateValue } from "./age.ts";
import { directivesOf, restrictsSharing } from "./facts.ts";
import { forbidsStale } from "./stale.ts";
import { remainingSeconds, type Standing } from "./standing.ts";
import type { StoredResponse } from "./stored.ts";

/**
 * Why a stored response must be validated before it is used. `no-cache` stands for every directive
 * that asks for it each time, `purged` for a soft purge, `request` for the client's own directives.
 */
export type RevalidateReason = "stale" | "no-cache" | "catching-up" | "purged" | "request";

/**
 * What a site does with the directives of requests: `ignore` follows none but `only-if-cached`,
 * `honour` all of RFC 9111 section 5.2.1.
 */
export type ClientDirectives = "ignore" | "honour";

/** Why nothing that is stored helps. */
export type FetchReason = "method" | "uri-miss" | "vary-miss";

/**
 * What to do with a request, given what is stored. `index` points into the given list; seconds are
 * whole, rounded down.
 */
export type Reuse =
  | {
      readonly kind: "serve";
      readonly index: number;
      readonly ageSeconds: number;
      readonly ttlSeconds: number;
    }
  /**
   * Serve it at once although it is stale (`ttlSeconds` is 0 or less), and refresh it behind.
   */
  | {
      readonly kind: "serve-stale-refresh";
      readonly index: number;
      readonly ageSeconds: number;
      readonly ttlSeconds: number;
    }
  | { readonly kind: "revalidate"; readonly index: number; readonly reason: RevalidateReason }
  | { readonly kind: "fetch"; readonly reason: FetchReason }
  /** The client asked for nothing but a stored response: 504. */
  | { readonly kind: "refuse"; readonly reason: "only-if-cached" };

/** A request and what is stored for its key. */
export interface ReuseQuestion {
  /** All variants of the key, in any order. */
  readonly stored: readonly StoredResponse[];
  /** How purges have left each of them; where there is none it is current. */
  readonly standings?: readonly Standing[] | undefined;
  readonly method: string;
  readonly requestFields: FieldLines;
  readonly now: EpochMs;
  /** True while purges may have been missed: nothing is served without asking the origin. */
  readonly revalidateAll: boolean;
  /** Left out: `ignore`. */
  readonly clientDirectives?: ClientDirectives | undefined;
}

/**
 * Decides how a request is answered (P). RFC 9111 section 4, RFC 5861 section 3.
 *
 * Of the variants that match, one that may be served as it is goes before one that may be served
 * while it is refreshed, and that before one that must be validated; among equals the one whose
 * content coding the client likes best, then the most recent Date, then the shortest. Of the
 * request's own directives only `only-if-cached` is followed unless the site honours them:
 * `no-cache`, `max-age`, `min-fresh`, `max-stale` and Pragma are advisory (section 5.2.1), and
 * would let any stranger drive load to the origin or be given what the origin has withdrawn.
 */
export function decideReuse(question: ReuseQuestion): Reuse {
  const { stored, method, requestFields } = question;
  if (method !== "GET" && method !== "HEAD") return { kind: "fetch", reason: "method" };
  const honours = question.clientDirectives === "honour";
  const wishes = honours ? requestDirectives(requestFields) : undefined;
  let best: Candidate | undefined;
  let index = -1;
  for (const response of stored) {
    index += 1;
    if (!matchesVariant(response, requestFields)) continue;
    const candidate = { reuse: judgeCandidate(response, index, question, wishes), response };
    if (best === undefined || isBetter(candidate, best, question)) best = candidate;
  }
  const needsOrigin = best === undefined || best.reuse.kind === "revalidate";
  if (needsOrigin && (wishes ?? requestDirectives(requestFields)).onlyIfCached) {
    return { kind: "refuse", reason: "only-if-cached" };
  }
  if (best !== undefined) return best.reuse;
  return { kind: "fetch", reason: stored.length === 0 ? "uri-miss" : "vary-miss" };
}

type Usable = Extract<Reuse, { readonly index: number }>;

interface Candidate {
  readonly reuse: Usable;
  readonly response: StoredResponse;
}

function judgeCandidate(
  stored: StoredResponse,
  index: number,
  { now, revalidateAll, standings }: ReuseQuestion,
  wishes: RequestDirectives | undefined,
): Usable {
  const standing = standings?.[index];
  if (revalidateAll || standing?.kind === "unsure") {
    return { kind: "revalidate", index, reason: "catching-up" };
  }
  const { directives } = directivesOf(stored.fields);
  if (needsConsent(directives)) return { kind: "revalidate", index, reason: "no-cache" };
  const ageSeconds = currentAgeSeconds(stored, now);
  const remaining = remainingSeconds(stored, now, standing);
  const ttlSeconds = Math.floor(remaining);
  const immutable = directives.immutable && remaining > 0;
  if (wishes !== undefined && !satisfies(wishes, { ageSeconds, remaining, immutable })) {
    return { kind: "revalidate", index, reason: "request" };
  }
  if (remaining > 0) return { kind: "serve", index, ageSeconds, ttlSeconds };
  const purged = standing?.kind === "stale";
  if (!forbidsStale(stored)) {
    if (-remaining < (directives.staleWhileRevalidate ?? 0)) {
      return { kind: "serve-stale-refresh", index, ageSeconds, ttlSeconds };
    }
    // No client may ask for what has been purged, however softly.
    const allowedSeconds = purged ? 0 : (wishes?.maxStale ?? 0);
    if (-remaining < allowedSeconds) return { kind: "serve", index, ageSeconds, ttlSeconds };
  }
  return { kind: "revalidate", index, reason: purged ? "purged" : "stale" };
}

/**
 * True if a response is what its client asks for. RFC 9111 section 5.2.1. The `max-age` of a reload
 * does not count against an immutable response (RFC 8246 section 2), `no-cache` does.
 */
function satisfies(
  { noCache, maxAge, minFresh, maxStale }: RequestDirectives,
  response: {
    readonly ageSeconds: number;
    readonly remaining: number;
    readonly immutable: boolean;
  },
): boolean {
  const { ageSeconds, remaining, immutable } = response;
  if (noCache || (minFresh !== undefined && remaining < minFresh)) return false;
  if (maxAge === undefined || immutable) return true;
  // Section 5.2.1.1: who gives an age wants nothing stale, unless it says so.
  return ageSeconds <= maxAge && (remaining > 0 || maxStale !== undefined);
}

/**
 * No-cache, or a private or no-store that a 304 brought later. Limited to some fields they were
 * obeyed when those were left out of the store.
 */
function needsConsent(directives: CacheDirectives): boolean {
  return directives.noCache === true || restrictsSharing(directives);
}

const RANK: Readonly<Record<Usable["kind"], number>> = {
  revalidate: 0,
  "serve-stale-refresh": 1,
  serve: 2,
};

/** RFC 9111 section 4.1: weights of the request first, and the most recent among equals. */
function isBetter(
  { reuse, response }: Candidate,
  best: Candidate,
  { requestFields }: ReuseQuestion,
): boolean {
  const accepted = acceptedCodings(requestFields);
  const weight = ({ fields }: StoredResponse) => codingWeight(accepted, codingOf(fields));
  const lead =
    RANK[reuse.kind] - RANK[best.reuse.kind] ||
    weight(response) - weight(best.response) ||
    generatedAt(response) - generatedAt(best.response) ||
    (best.response.bodyBytes ?? 0) - (response.bodyBytes ?? 0);
  return lead > 0;
}

function generatedAt({ fields, times }: StoredResponse): EpochMs {
  return dateValue(fields, times.responseTime);
}
