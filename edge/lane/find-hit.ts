import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { judgeRequest } from "../accept/request-policy.ts";
import type { Representation } from "../coding/encoded-forms.ts";
import { selectStored } from "../coding/select-stored.ts";
import type { EdgeContext } from "../context.ts";
import { isUnconditional, type Selection } from "../decide/precondition.ts";
import { decideReuse } from "../decide/reuse.ts";
import { type DerivedRequest, deriveRequest } from "../key/derive.ts";
import type { Scheme } from "../key/primary.ts";
import { askedOfHost, type SiteTable } from "../key/site.ts";
import { isProtected } from "../protect/policy.ts";
import { answerHead } from "../serve/answer-head.ts";
import { clientEdits } from "../serve/client-edits.ts";
import { selectedBody } from "../serve/selected-body.ts";
import { sliceChunks } from "../serve/send-chunks.ts";
import { CHALLENGE_PATH } from "../steps/challenge.ts";
import { standingsOf } from "../steps/lookup.ts";
import type { CacheObject } from "../store/store.ts";
import type { EdgeCertificate } from "../tls/certificate-table.ts";
import type { SecuredConnection } from "../tls/entrance.ts";
import { judgeScheme } from "../tls/scheme-policy.ts";
import { type HeadText, type HitFacts, headText, hitText, isPlainHead } from "./answer-text.ts";
import type { FieldBlock, RequestHead } from "./request-head.ts";

/** An answer out of the store that needs nothing but what is in memory. */
export interface Hit {
  readonly site: Site;
  readonly rule: SiteRule | undefined;
  readonly status: number;
  readonly head: HeadText;
  /** For `wholeText`: the answer is all of the object, and its body may be sent with the head. */
  readonly facts: HitFacts | undefined;
  /** Whose bytes are sent. */
  readonly object: CacheObject;
  readonly chunks: readonly Buffer[];
  readonly bodyBytes: number;
  readonly sent: Representation | undefined;
}

/** What a block of fields comes to as long as the sites are the same. */
interface Asked {
  readonly sites: SiteTable;
  readonly certificate: EdgeCertificate | undefined;
  readonly site: Site | undefined;
  readonly host: string;
  readonly isUnconditional: boolean;
}

const asked = new WeakMap<FieldBlock, Asked>();

/** Larger bodies go the path of all requests under TLS. */
const SECURED_BYTES_MAX = 8_192;

const FULL: Selection = { kind: "full" };
const NO_CHUNKS: readonly Buffer[] = [];

/**
 * Answers a request that is a hit, by the decisions that `STEPS` takes for all requests; undefined:
 * it is for them. Changes nothing but what a hit changes.
 */
export function findHit(
  head: RequestHead,
  edge: EdgeContext,
  secured: SecuredConnection | undefined,
): Hit | undefined {
  const { method, target, block } = head;
  const { site, host, isUnconditional } = askedOf(block, edge, secured?.certificate);
  const scheme: Scheme = secured === undefined ? "http" : "https";
  // What is about the edge itself, or about its certificates, is answered elsewhere.
  if (site === undefined || target === "/healthz") return undefined;
  if (edge.challenges.size > 0 && target.startsWith(CHALLENGE_PATH)) return undefined;
  if (isProtected(site)) return undefined;
  const derived = deriveRequest(site, { method, scheme, host, target, fields: block.fields });
  const { rule, bypass, key, base, fields: requestFields } = derived;
  if (bypass !== undefined || derived.climbs || rule?.redirect !== undefined) return undefined;
  const variants = edge.store.lookup(key);
  if (variants === undefined) return undefined;
  const now = edge.clock.now();
  const reuse = decideReuse({
    stored: variants.responses,
    standings: standingsOf({ variants, key, base }, edge),
    method,
    requestFields,
    now,
    revalidateAll: edge.revalidateAll(),
    clientDirectives: site.clientDirectives,
  });
  const object = reuse.kind === "serve" ? variants.objects[reuse.index] : undefined;
  if (reuse.kind !== "serve" || object === undefined) return undefined;
  if (object.response.sliceBytes !== undefined) return undefined;
  // Under TLS each piece of a large body is copied: they are sent one by one, at the client's pace.
  if (secured !== undefined && object.bodyBytes > SECURED_BYTES_MAX) return undefined;
  const sent = edge.forms.atHand(object, { site, rule, method, requestFields });
  if (sent === "wanted") return undefined;
  const { ageSeconds, ttlSeconds } = reuse;
  const selection = isUnconditional ? FULL : selectStored({ method, requestFields }, object, sent);
  const found = { edge: edge.name, site, scheme, ageSeconds, ttlSeconds, now, object, sent };
  const hit = answerOf(head, derived, found, selection);
  if (hit !== undefined) edge.store.touch(object);
  return hit;
}

function askedOf(
  block: FieldBlock,
  edge: EdgeContext,
  certificate: EdgeCertificate | undefined,
): Asked {
  const known = asked.get(block);
  if (known?.sites === edge.sites && known.certificate === certificate) return known;
  // The lane takes only targets that this verdict does not depend on.
  const probe = { method: "GET", version: "1.1", target: "/", fields: block.fields };
  const verdict = judgeRequest(probe);
  const { sites } = edge;
  const host = verdict.kind === "accept" ? verdict.host : "";
  const scheme = certificate === undefined ? "http" : "https";
  const found = host === "" ? { site: undefined, host } : askedOfHost(sites, host, scheme);
  const { site } = found;
  const isServed = site !== undefined && judgeScheme({ host, site, certificate }) === "serve";
  const fresh: Asked = {
    sites,
    certificate,
    host: found.host,
    site: isServed ? site : undefined,
    isUnconditional: isUnconditional(block.fields),
  };
  asked.set(block, fresh);
  return fresh;
}

/** What has been found for a request. */
interface Found {
  readonly scheme: Scheme;
  readonly edge: string;
  readonly site: NonNullable<Asked["site"]>;
  readonly ageSeconds: number;
  readonly ttlSeconds: number;
  readonly now: number;
  readonly object: CacheObject;
  readonly sent: Representation | undefined;
}

/** The answer to what is selected, if the lane gives such answers. */
function answerOf(
  { method }: RequestHead,
  { rule }: DerivedRequest,
  found: Found,
  selection: Selection,
): Hit | undefined {
  const { edge, ageSeconds, ttlSeconds, now, sent, site, scheme } = found;
  const object = sent?.object ?? found.object;
  const stored = sent?.response ?? object.response;
  const { bodyBytes } = object;
  const edits = clientEdits(site, rule, { method, scheme });
  if (selection.kind === "full") {
    const asked: HitFacts = { stored, bodyBytes, edge, edits, ageSeconds, ttlSeconds, now };
    const head = hitText(asked);
    if (head === undefined) return undefined;
    const isGet = method === "GET";
    return {
      site,
      rule,
      status: stored.status,
      head,
      facts: isGet ? asked : undefined,
      object,
      chunks: isGet ? object.chunks : NO_CHUNKS,
      bodyBytes: isGet ? bodyBytes : 0,
      sent,
    };
  }
  if (selection.kind !== "range" && selection.kind !== "not-modified") return undefined;
  const body = selectedBody(selection, stored.fields, bodyBytes);
  const { status, fields } = answerHead(
    {
      fields: stored.fields,
      status: stored.status,
      length: bodyBytes,
      selection,
      body,
      cacheStatus: { kind: "hit", ttlSeconds },
      ageSeconds,
    },
    edge,
    edits,
  );
  const lines = fields.flat();
  if (!isPlainHead(status, lines, body?.length)) return undefined;
  return {
    site,
    rule,
    status,
    head: headText(status, lines, now),
    facts: undefined,
    object,
    chunks: selection.kind === "range" ? sliceChunks(object.chunks, selection) : NO_CHUNKS,
    bodyBytes: body?.length ?? 0,
    sent,
  };
}
