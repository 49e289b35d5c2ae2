import type { Clock } from "../common/clock.ts";
import { type IpBytes, type IpPrefix, prefixContains } from "../common/ip.ts";
import {
  answerDecoded,
  answerShort,
  type Outcome,
  type QueryContext,
  type ReceivedQuery,
  type Snapshot,
} from "./pipeline.ts";
import {
  COOKIE_BYTES,
  type CookieSecrets,
  type CookieStanding,
  judgeCookie,
} from "./policy/cookie.ts";
import {
  ANSWER_KIND,
  type AnswerKind,
  type LimitedAnswer,
  RateLimiter,
  type RateLimits,
} from "./policy/rate-limit.ts";
import type { Transport } from "./transport/answer.ts";
import { FLAG, RCODE } from "./wire/codes.ts";
import { decodeQuery } from "./wire/message.ts";
import type { NameKey } from "./wire/name.ts";
import { wordAt } from "./wire/octets.ts";
import type { OptExtras } from "./wire/opt.ts";

/** How a router defends itself and others, and what it says of itself. */
export interface GuardOptions {
  readonly rateLimit: RateLimits & {
    /** `dry-run` decides and counts, and sends everything. */
    readonly mode: "on" | "dry-run" | "off";
    /** Networks whose addresses nobody can forge. */
    readonly exempt: readonly IpPrefix[];
  };
  /** `require`: over UDP, who has no valid cookie gets none but a short answer. */
  readonly cookies: "on" | "require" | "off";
  /** Most octets of an answer over UDP. */
  readonly maxUdpBytes: number;
  /** How long a connection may be idle, in milliseconds. */
  readonly idleMs: number;
  /** Who answers, for who asks (RFC 5001). */
  readonly nsid?: Uint8Array;
  readonly chaos: ReadonlyMap<NameKey, Uint8Array>;
}

/** What a guard is given beside its options. */
export interface GuardSources {
  readonly clock: Clock;
  /** A secret number of 32 bits. */
  readonly seed: number;
  /** The cookie secrets of the moment. */
  readonly secrets: () => CookieSecrets;
}

/** What response rate limiting did with an answer: values of `dns_rrl_total{action}`. */
export type LimitAction =
  | "pass"
  | "leak"
  | "slip"
  | "badcookie"
  | "drop"
  | "would-slip"
  | "would-drop";

/** Who asks, how, and what is answered from. */
export type GuardedContext = Pick<QueryContext, "peer" | "transport" | "snapshot">;

/** RFC 8467 section 4.1: what answers are padded to a multiple of. */
const PADDING_BLOCK_BYTES = 468;

/** RFC 7828 section 3.1 counts in units of so many milliseconds, in 16 bits. */
const KEEPALIVE_UNIT_MS = 100;
const KEEPALIVE_MAX = 65_535;

const DROPPED: Outcome = { length: 0, rcode: RCODE.NOERROR, qtype: 0, truncated: false };

/**
 * What stands between transports and the pipeline: cookies in and out, options that depend on who
 * asks, and how much of what was answered is sent. Only UDP is limited, because only there a source
 * address can be forged; a valid cookie shows that it is not.
 */
export class Guard {
  /** What has been decided, since the start. */
  readonly actions: Record<LimitAction, number> = {
    pass: 0,
    leak: 0,
    slip: 0,
    badcookie: 0,
    drop: 0,
    "would-slip": 0,
    "would-drop": 0,
  };
  /** Cookies of queries, since the start. */
  readonly cookies: Record<CookieStanding, number> = { none: 0, new: 0, bad: 0, valid: 0 };
  readonly #options: GuardOptions;
  readonly #sources: GuardSources;
  readonly #limiter: RateLimiter;
  // One of each for all queries, as they are answered one after the other.
  readonly #cookie = new Uint8Array(COOKIE_BYTES);
  readonly #extras: { -readonly [K in keyof OptExtras]: OptExtras[K] };
  readonly #limited: { -readonly [K in keyof LimitedAnswer]: LimitedAnswer[K] };
  readonly #keepalive: number;

  constructor(options: GuardOptions, sources: GuardSources) {
    this.#options = options;
    this.#sources = sources;
    this.#limiter = new RateLimiter(options.rateLimit, sources.seed);
    this.#extras = { cookie: undefined, nsid: undefined, keepalive: undefined, paddingBlock: 0 };
    this.#limited = { peer: new Uint8Array(4), kind: ANSWER_KIND.ERROR, name: "", extraBytes: 0 };
    this.#keepalive = Math.min(Math.floor(options.idleMs / KEEPALIVE_UNIT_MS), KEEPALIVE_MAX);
  }

  /** Buckets of rate limiting that were in use and had to make room, since the start. */
  get displaced(): number {
    return this.#limiter.displaced;
  }

  /** Answers one packet into `out`, or decides that it gets no answer. Never throws. */
  answer(packet: Uint8Array, guarded: GuardedContext, out: Uint8Array): Outcome {
    const query = decodeQuery(packet);
    if (query === undefined) return DROPPED;
    const { peer, transport, snapshot } = guarded;
    const received = { packet, query };
    const standing = this.#judgeCookie(received, peer);
    this.#chooseExtras(standing, transport);
    const context = this.#context(peer, transport, snapshot);
    if (transport !== "udp" || standing === "valid" || this.#isExempt(peer)) {
      return answerDecoded(received, context, out);
    }
    const outcome =
      this.#options.cookies === "require" && query.rcode === RCODE.NOERROR && !query.asksNothing
        ? this.#demandCookie(received, context, standing, out)
        : answerDecoded(received, context, out);
    return this.#limit(received, context, { outcome, standing }, out);
  }

  #judgeCookie({ packet, query }: ReceivedQuery, peer: IpBytes): CookieStanding {
    const cookie = query.edns?.cookie;
    if (this.#options.cookies === "off" || cookie === undefined) {
      this.cookies.none += 1;
      return "none";
    }
    const { clock, secrets } = this.#sources;
    const client = { peer, nowSeconds: Math.floor(clock.now() / 1_000), secrets: secrets() };
    const standing = judgeCookie(packet, cookie, client, this.#cookie);
    this.cookies[standing] += 1;
    return standing;
  }

  #chooseExtras(standing: CookieStanding, transport: Transport): void {
    const extras = this.#extras;
    extras.cookie = standing === "none" ? undefined : this.#cookie;
    extras.nsid = this.#options.nsid;
    // RFC 7828 section 3.2.1 forbids it over UDP; what carries DoH is not ours to promise.
    extras.keepalive = transport === "tcp" || transport === "dot" ? this.#keepalive : undefined;
    // RFC 7830 section 6: only where nobody can see what is inside.
    extras.paddingBlock = transport === "dot" || transport === "doh" ? PADDING_BLOCK_BYTES : 0;
  }

  #context(peer: IpBytes, transport: Transport, snapshot: Snapshot): QueryContext {
    const { maxUdpBytes, chaos } = this.#options;
    return { peer, transport, snapshot, maxUdpBytes, extras: this.#extras, chaos };
  }

  #isExempt(peer: IpBytes): boolean {
    for (const prefix of this.#options.rateLimit.exempt) {
      if (prefixContains(prefix, peer)) return true;
    }
    return false;
  }

  /** RFC 7873 section 5.2.3: BADCOOKIE tells a client its cookie; others have to come by TCP. */
  #demandCookie(
    received: ReceivedQuery,
    context: QueryContext,
    standing: CookieStanding,
    out: Uint8Array,
  ): Outcome {
    this.#extras.nsid = undefined;
    const isTruncated = standing === "none";
    const rcode = isTruncated ? RCODE.NOERROR : RCODE.BADCOOKIE;
    return answerShort(received, context, out, { rcode, isTruncated });
  }

  /** Decides what becomes of an answer that is ready, and puts a short one in its place. */
  #limit(
    received: ReceivedQuery,
    context: QueryContext,
    answered: { readonly outcome: Outcome; readonly standing: CookieStanding },
    out: Uint8Array,
  ): Outcome {
    const { outcome, standing } = answered;
    const { mode } = this.#options.rateLimit;
    if (mode === "off" || outcome.length === 0) return outcome;
    const limited = this.#limited;
    limited.peer = context.peer;
    limited.kind = kindOf(outcome, out);
    limited.name = outcome.subject ?? "";
    limited.extraBytes = outcome.length - received.packet.length;
    const verdict = this.#limiter.judge(limited, this.#sources.clock.monotonic());
    if (verdict === "pass" || verdict === "leak") {
      this.actions[verdict] += 1;
      return outcome;
    }
    if (mode === "dry-run") {
      this.actions[`would-${verdict}`] += 1;
      return outcome;
    }
    if (verdict === "drop") {
      this.actions.drop += 1;
      return { ...DROPPED, rcode: outcome.rcode, qtype: outcome.qtype };
    }
    this.actions[standing === "none" ? "slip" : "badcookie"] += 1;
    return this.#demandCookie(received, context, standing, out);
  }
}

/** What kind of answer stands in `out` (P). */
function kindOf({ rcode, truncated }: Outcome, out: Uint8Array): AnswerKind {
  if (rcode === RCODE.NXDOMAIN) return ANSWER_KIND.NXDOMAIN;
  if (rcode !== RCODE.NOERROR) return ANSWER_KIND.ERROR;
  if (truncated || wordAt(out, 6) > 0) return ANSWER_KIND.ANSWER;
  const isAuthoritative = (wordAt(out, 2) & FLAG.AA) !== 0;
  return isAuthoritative ? ANSWER_KIND.NODATA : ANSWER_KIND.REFERRAL;
}
