import type { MonotonicMs } from "../../common/clock.ts";
import { formatIp, type IpBytes, maskIp } from "../../common/ip.ts";
import type { MeasuredRoundTrips } from "../../state/records.ts";

/** Client prefixes that are kept; that which was measured longest ago makes room. */
export const PREFIXES_MAX = 10_000;

/** Prefixes that are reported: those with the most connections. */
export const REPORTED_MAX = 2_000;

/** The newest connections of a prefix that count. */
const SAMPLES_MAX = 31;

/** A connection counts for an hour: ways change. */
const SAMPLE_MS = 3_600_000;

/** Bits of a client's network: what resolvers tell of it (RFC 7871 section 11.1). */
const BITS = { 4: 24, 16: 48 } as const;

interface Sample {
  readonly ms: number;
  readonly at: MonotonicMs;
}

/**
 * Round trips of real clients by their network (P: time is an argument). Bounded: 10,000 networks
 * with 31 connections each.
 */
export class PrefixRoundTrips {
  /** That which was measured longest ago first. */
  readonly #samples = new Map<string, Sample[]>();

  /** Notes the round trip of one connection. */
  add(client: IpBytes, ms: number, at: MonotonicMs): void {
    const bits = client.length === 4 ? BITS[4] : BITS[16];
    const prefix = `${formatIp(maskIp(client, bits))}/${bits}`;
    const samples = this.#samples.get(prefix) ?? [];
    samples.push({ ms, at });
    if (samples.length > SAMPLES_MAX) samples.shift();
    this.#samples.delete(prefix);
    this.#samples.set(prefix, samples);
    if (this.#samples.size <= PREFIXES_MAX) return;
    const [oldest = ""] = this.#samples.keys();
    this.#samples.delete(oldest);
  }

  /**
   * The median of each network, those with the most connections first. The smallest would be the
   * way of its best line, and says little of the others in it; one bad line moves no median.
   */
  report(now: MonotonicMs): MeasuredRoundTrips["prefixes"] {
    const known = [...this.#samples].flatMap(([prefix, samples]) => {
      const counting = samples.filter(({ at }) => now - at < SAMPLE_MS);
      if (counting.length === 0) {
        this.#samples.delete(prefix);
        return [];
      }
      const sorted = counting.map(({ ms }) => ms).sort((a, b) => a - b);
      return [{ prefix, ms: sorted[sorted.length >> 1] ?? 0, samples: sorted.length }];
    });
    return known.sort((a, b) => b.samples - a.samples).slice(0, REPORTED_MAX);
  }
}
