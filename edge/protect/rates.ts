import type { RateLimit } from "../../common/config/protect.ts";
import { formatIp, type IpBytes, maskIp } from "../../common/ip.ts";
import type { FieldLine } from "../http/fields.ts";

/** Clients whose pace is remembered. One that is forgotten may begin with a whole burst again. */
export const PACES_MAX = 65_536;

/** Whether a request comes too early, and when the next one does not. */
export type PaceVerdict =
  /** `busyUntil` is what is to be remembered, in ms. */
  | { readonly kind: "on-time"; readonly busyUntil: number }
  | { readonly kind: "early"; readonly waitMs: number };

/**
 * A token bucket in one number (P): the generic cell rate algorithm (ITU-T I.371). `busyUntil` is
 * the time at which the bucket will be full again.
 */
export function judgePace(
  { requests, per, burst = requests }: Pick<RateLimit, "requests" | "per" | "burst">,
  busyUntil: number,
  now: number,
): PaceVerdict {
  const eachMs = per / requests;
  const next = Math.max(busyUntil, now) + eachMs;
  const waitMs = next - now - burst * eachMs;
  // Sums of fractions may come to a little more than they should.
  if (waitMs > 1e-6) return { kind: "early", waitMs };
  return { kind: "on-time", busyUntil: next };
}

/** Who counts as one client under a limit (P). */
export function clientOf({ ipv4, ipv6 }: RateLimit, address: IpBytes | undefined): string {
  if (address === undefined) return "unknown";
  return formatIp(maskIp(address, address.length === 4 ? ipv4 : ipv6));
}

/** How clients keep to their limits, up to `PACES_MAX` of them; the longest silent goes first. */
export class Paces {
  readonly #busyUntil = new Map<string, number>();
  readonly #max: number;

  constructor(max: number = PACES_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#busyUntil.size;
  }

  /** Counts a request, if it is on time; else says in how many ms the next one is. */
  take(rate: RateLimit & { readonly bucket: string }, client: string, now: number): PaceVerdict {
    const name = `${rate.bucket} ${client}`;
    const verdict = judgePace(rate, this.#busyUntil.get(name) ?? 0, now);
    if (verdict.kind === "early") return verdict;
    this.#busyUntil.delete(name);
    const [oldest] = this.#busyUntil.keys();
    if (this.#busyUntil.size >= this.#max && oldest !== undefined) this.#busyUntil.delete(oldest);
    this.#busyUntil.set(name, verdict.busyUntil);
    return verdict;
  }
}

/** What a client is told that asks too often (P): draft-ietf-httpapi-ratelimit-headers-10. */
export function paceFields({ requests, per }: RateLimit, waitMs: number): FieldLine[] {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return [
    ["retry-after", String(seconds)],
    ["ratelimit-policy", `"client";q=${requests};w=${Math.ceil(per / 1_000)}`],
    ["ratelimit", `"client";r=0;t=${seconds}`],
  ];
}
