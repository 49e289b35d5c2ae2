import type { Clock } from "../common/clock.ts";
import { type IpBytes, type IpPrefix, prefixContains } from "../common/ip.ts";
import { FastLane } from "./fast/lane.ts";
import { kindOf } from "./fast/template.ts";
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
  type LimitedAnswer,
  RateLimiter,
  type RateLimits,
} from "./policy/rate-limit.ts";
import type { Transport } from "./transport/answer.ts";
import { RCODE } from "./wire/codes.ts";
import type { Cookie } from "./wire/edns.ts";
import { decodeQuery } from "./wire/message.ts";
import type { NameKey } from "./wire/name.ts";
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
  /** Buckets that other threads have too, of `RateLimiter.sharedMemory`; left out: its own. */
  readonly buckets?: SharedArrayBuffer;
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

/** What becomes of an answer. */
type Fate = "send" | "drop" | "short";

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
  /** What came of the packet that was last answered in place. */
  lastInPlace: Outcome = DROPPED;
  readonly #options: GuardOptions;
  readonly #sources: GuardSources;
  readonly #limiter: RateLimiter;
  // One of each for all queries, as they are answered one after the other.
  readonly #cookie = new Uint8Array(COOKIE_BYTES);
  readonly #extras: { -readonly [K in keyof OptExtras]: OptExtras[K] };
  readonly #keepalive: number;
  readonly #lane: FastLane;
  readonly #onCounted: (outcome: Outcome, count: number) => void;

  /** `onCounted` hears what came of queries that were answered in place, some time later. */
  constructor(
    options: GuardOptions,
    sources: GuardSources,
    onCounted: (outcome: Outcome, count: number) => void = () => undefined,
  ) {
    this.#options = options;
    this.#sources = sources;
    this.#limiter = new RateLimiter(options.rateLimit, sources.seed, sources.buckets);
    this.#extras = { cookie: undefined, nsid: undefined, keepalive: undefined, paddingBlock: 0 };
    this.#lane = new FastLane({ seed: sources.seed, maxUdpBytes: options.maxUdpBytes }, onCounted);
    this.#onCounted = onCounted;
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
    const standing = this.#judgeCookie(packet, query.edns?.cookie, peer);
    this.#chooseExtras(standing, transport);
    const context = this.#context(peer, transport, snapshot);
    const isTrusted = transport !== "udp" || standing === "valid" || this.#isExempt(peer);
    const isDemanded = this.#options.cookies === "require" && !isTrusted;
    if (isDemanded && query.rcode === RCODE.NOERROR && !query.asksNothing) {
      const outcome = this.#demandCookie(received, context, standing, out);
      return this.#limit(received, context, { outcome, standing }, out);
    }
    const outcome = answerDecoded(received, context, out);
    this.#lane.learn(received, context, { outcome, out }, this.#nowSeconds());
    return isTrusted ? outcome : this.#limit(received, context, { outcome, standing }, out);
  }

  /**
   * Answers a packet of UDP that stands in `bytes` from `start` to `end` as `answer` would, if one
   * like it has been answered. Undefined if none has. What came of it is counted here.
   */
  answerInPlace(
    bytes: Uint8Array,
    start: number,
    end: number,
    from: Omit<GuardedContext, "transport">,
    out: Uint8Array,
  ): number | undefined {
    const lane = this.#lane;
    const { cookies } = this.#options;
    if (cookies === "require" || !lane.read(bytes, start, end)) return undefined;
    const hasCookie = cookies === "on" && lane.query.cookie.length > 0;
    const template = lane.find(bytes, from, hasCookie, this.#nowSeconds);
    if (template === undefined) return undefined;
    const { peer } = from;
    const standing = this.#judgeCookie(bytes, hasCookie ? lane.query.cookie : undefined, peer);
    const length = lane.write(bytes, template, hasCookie ? this.#cookie : undefined, out);
    if (standing !== "valid" && !this.#isExempt(peer)) {
      const { outcome, kind } = template;
      const name = outcome.subject ?? "";
      const fate = this.#judge({ peer, kind, name, extraBytes: length - (end - start) }, standing);
      if (fate !== "send") {
        return this.#holdBack(bytes.subarray(start, end), from, { outcome, standing, fate }, out);
      }
    }
    template.count += 1;
    this.lastInPlace = template.outcome;
    return length;
  }

  /**
   * True if an answer over UDP that does not come from here may be sent: to a notice, or to a bad
   * signature. All of them to one network are of one kind; they are too short to be made shorter.
   */
  mayAnswer(peer: IpBytes, extraBytes: number): boolean {
    if (this.#isExempt(peer)) return true;
    const answer = { peer, kind: ANSWER_KIND.ERROR, name: "", extraBytes };
    return this.#judge(answer, "none") !== "drop";
  }

  /** Sends a short answer instead of one that was ready, or none. */
  #holdBack(
    packet: Uint8Array,
    { peer, snapshot }: Omit<GuardedContext, "transport">,
    held: { readonly outcome: Outcome; readonly standing: CookieStanding; readonly fate: Fate },
    out: Uint8Array,
  ): number {
    const { outcome, standing, fate } = held;
    const query = decodeQuery(packet);
    if (query === undefined) return 0;
    this.#chooseExtras(standing, "udp");
    const context = this.#context(peer, "udp", snapshot);
    const sent =
      fate === "drop"
        ? droppedOf(outcome)
        : this.#demandCookie({ packet, query }, context, standing, out);
    this.#onCounted(sent, 1);
    this.lastInPlace = sent;
    return sent.length;
  }

  /** Hands over what has been counted of answers in place. */
  flush(): void {
    this.#lane.flush();
  }

  #judgeCookie(packet: Uint8Array, cookie: Cookie | undefined, peer: IpBytes): CookieStanding {
    if (this.#options.cookies === "off" || cookie === undefined) {
      this.cookies.none += 1;
      return "none";
    }
    const client = { peer, nowSeconds: this.#nowSeconds(), secrets: this.#sources.secrets() };
    const standing = judgeCookie(packet, cookie, client, this.#cookie);
    this.cookies[standing] += 1;
    return standing;
  }

  readonly #nowSeconds = (): number => Math.floor(this.#sources.clock.now() / 1_000);

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
    if (outcome.length === 0) return outcome;
    const kind = kindOf(outcome, out);
    const name = outcome.subject ?? "";
    const extraBytes = outcome.length - received.packet.length;
    const fate = this.#judge({ peer: context.peer, kind, name, extraBytes }, standing);
    if (fate === "send") return outcome;
    if (fate === "drop") return droppedOf(outcome);
    return this.#demandCookie(received, context, standing, out);
  }

  /** What rate limiting says about an answer; counted. */
  #judge(answer: LimitedAnswer, standing: CookieStanding): Fate {
    const { mode } = this.#options.rateLimit;
    if (mode === "off") return "send";
    const verdict = this.#limiter.judge(answer, this.#sources.clock.monotonic());
    if (verdict === "pass" || verdict === "leak") {
      this.actions[verdict] += 1;
      return "send";
    }
    if (mode === "dry-run") {
      this.actions[`would-${verdict}`] += 1;
      return "send";
    }
    if (verdict === "drop") {
      this.actions.drop += 1;
      return "drop";
    }
    this.actions[standing === "none" ? "slip" : "badcookie"] += 1;
    return "short";
  }
}

function droppedOf({ rcode, qtype }: Outcome): Outcome {
  return { ...DROPPED, rcode, qtype };
}
