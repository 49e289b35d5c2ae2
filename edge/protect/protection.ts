import { readFileSync } from "node:fs";
import { cookiesOf } from "../../common/config/rule-match.ts";
import type { Site } from "../../common/config/site.ts";
import { type IpBytes, parseIp } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import {
  parseSigningKeys,
  type SigningKeys,
  TOKEN_NAME,
  withoutToken,
} from "../../common/signed-url.ts";
import type { FieldLine, FieldLines } from "../http/fields.ts";
import { rulesFor } from "../key/rule.ts";
import type { ErrorReason } from "../serve/error-response.ts";
import { corsFields, preflightFields, preflightMethod } from "./cors.ts";
import { judgeBody, judgeSignature, mayAsk, mayShow } from "./judge.ts";
import { isProtected, type Policy, policies, usesTokens } from "./policy.ts";
import { clientOf, Paces, paceFields } from "./rates.ts";

/** A request for a site, before anything has been made of it. */
export interface GuardedRequest {
  readonly site: Site;
  readonly method: string;
  /** In the form that keys have. */
  readonly host: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly fields: FieldLines;
  /** The client's; undefined where nobody knows it. */
  readonly address: IpBytes | undefined;
  /** In ms. */
  readonly now: number;
  /** In ms, of a clock that is never set back. */
  readonly monotonic: number;
}

/** A refusal, and what is said beside its reason. */
export interface Refusal {
  readonly reason: ErrorReason;
  readonly fields?: readonly FieldLine[];
}

/** What comes of a request. */
export interface Guarded {
  /** As asked, without tokens. */
  readonly target: string;
  readonly fields: FieldLines;
  readonly refusal?: Refusal;
  /** The answer to a preflight. */
  readonly preflight?: FieldLines;
  /** What any other answer says to scripts of other pages. */
  readonly cors?: FieldLines | undefined;
}

/** What protection needs from around it. */
export interface ProtectionOptions {
  readonly keyFile: string | undefined;
  readonly log: Logger;
  onRefused(site: string, reason: ErrorReason): void;
}

const NO_KEYS: SigningKeys = new Map();

/** What stands between clients and the sites of an edge. */
export class Protection {
  readonly #options: ProtectionOptions;
  readonly #paces = new Paces();
  #keys: SigningKeys = NO_KEYS;

  constructor(options: ProtectionOptions) {
    this.#options = options;
    this.readKeys();
  }

  /** Reads the signing keys; if they cannot be read, those of before stay. */
  readKeys(): void {
    const { keyFile: file, log } = this.#options;
    if (file === undefined) return;
    try {
      const keys = parseSigningKeys(readFileSync(file, "utf8"));
      if (keys.ok) this.#keys = keys.value;
      else log.error({ event: "signing-keys-refused", file, detail: keys.error });
    } catch (error) {
      log.error({ event: "signing-keys-refused", file, detail: String(error) });
    }
  }

  /** Decides about a request, and counts it. */
  guard(request: GuardedRequest): Guarded {
    const guarded = this.#decide(request, (policy) => this.#pace(policy, request));
    if (guarded.refusal !== undefined) {
      this.#options.onRefused(request.site.name, guarded.refusal.reason);
    }
    return guarded;
  }

  /** Says what would come of a request, but for its rate; changes nothing. */
  explain(request: GuardedRequest): Guarded {
    return this.#decide(request, () => undefined);
  }

  /**
   * In order: the address, the pace, preflights (which never have tokens or cookies), the page, the
   * signature, the body. A path that an origin may take for another one must pass for both.
   */
  #decide(request: GuardedRequest, pace: (policy: Policy) => Refusal | undefined): Guarded {
    const { site, method } = request;
    if (!isProtected(site)) return request;
    const { token, target, fields } = usesTokens(site) ? takeToken(request) : untouched(request);
    const wanted = preflightMethod(method, fields);
    const asked = { method: wanted ?? method, host: request.host, target, fields };
    const found = new Set(rulesFor(site, asked).map((rule) => policies.of(site, rule)));
    const [policy, another] = found;
    // Where there is doubt, scripts of other pages get nothing.
    const cors = another === undefined ? policy?.cors : undefined;
    for (const each of found) {
      const early = mayAsk(each, request.address) ? pace(each) : { reason: "address-refused" };
      if (early !== undefined) return { target, fields, refusal: early as Refusal };
    }
    if (wanted !== undefined && cors !== undefined) {
      const preflight = preflightFields(cors, fields);
      const refusal: Refusal = { reason: "script-refused" };
      return preflight === undefined ? { target, fields, refusal } : { target, fields, preflight };
    }
    const said = cors === undefined ? undefined : corsFields(cors, fields);
    for (const each of found) {
      const reason = this.#judge(each, { ...request, target, fields }, token);
      if (reason !== undefined) return { target, fields, refusal: { reason }, cors: said };
    }
    return { target, fields: cors === undefined ? fields : shareable(fields, method), cors: said };
  }

  #pace({ rate }: Policy, { address, monotonic }: GuardedRequest): Refusal | undefined {
    if (rate === undefined) return undefined;
    const verdict = this.#paces.take(rate, clientOf(rate, address), monotonic);
    if (verdict.kind === "on-time") return undefined;
    return { reason: "too-many-requests", fields: paceFields(rate, verdict.waitMs) };
  }

  #judge(policy: Policy, request: GuardedRequest, token: Token): ErrorReason | undefined {
    const { referers, signed, maxBody } = policy;
    const { site, host, target, fields, address, now } = request;
    const hosts = [...site.hosts, hostOf(host)];
    if (referers !== undefined && !mayShow(referers, hosts, fields)) return "page-refused";
    if (signed !== undefined) {
      const given = token.url ?? (signed.cookies ? token.cookie : undefined);
      const nowSeconds = now / 1_000;
      const asked = { host, target, token: given, address, nowSeconds };
      const reason = judgeSignature(signed, this.#keys, asked);
      if (reason !== undefined) return reason;
    }
    return maxBody === undefined ? undefined : judgeBody(maxBody, fields);
  }
}

/** The address of a client as sockets give it (P); undefined if it has none. */
export function addressOf(text: string | undefined): IpBytes | undefined {
  const address = parseIp((text ?? "").replace(/%.*$/, ""));
  return address.ok ? address.value : undefined;
}

interface Token {
  readonly url: string | undefined;
  readonly cookie: string | undefined;
}

type Untouched = Pick<Guarded, "target" | "fields"> & { readonly token: Token };

const NO_TOKEN: Token = { url: undefined, cookie: undefined };

function untouched({ target, fields }: GuardedRequest): Untouched {
  return { target, fields, token: NO_TOKEN };
}

/** Takes tokens out: they are no part of a key, and nobody else's business (P). */
function takeToken(request: GuardedRequest): Untouched {
  const { target, token: url } = withoutToken(request.target);
  const cookie = cookiesOf(request.fields).find(([name]) => name === TOKEN_NAME)?.[1];
  const fields = cookie === undefined ? request.fields : withoutCookie(request.fields);
  return { target, fields, token: { url, cookie } };
}

function withoutCookie(fields: FieldLines): FieldLines {
  return fields.flatMap(([name, value]): FieldLine[] => {
    if (name !== "cookie") return [[name, value]];
    const kept = value.split(";").filter((pair) => pair.split("=", 1)[0]?.trim() !== TOKEN_NAME);
    return kept.length === 0 ? [] : [[name, kept.join(";").trim()]];
  });
}

/** What an origin says of a page's origin must not go to other pages: it is not told of it (P). */
function shareable(fields: FieldLines, method: string): FieldLines {
  if (method !== "GET" && method !== "HEAD") return fields;
  return fields.filter(([name]) => name !== "origin");
}

function hostOf(host: string): string {
  return host.replace(/:\d*$/, "");
}
