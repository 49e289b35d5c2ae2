import type { MeasuredRoundTrips } from "../../state/records.ts";

/** Connections of a prefix to a PoP, below which its round trip says nothing. */
export const SAMPLES_MIN = 8;

/**
 * What edges have measured, as lines of a latency table (P), in order of prefixes.
 *
 * Clients are measured only from where they are sent. So a prefix counts if at least two PoPs have
 * enough connections from it: one alone has nothing to be compared with but a guess. Of several
 * edges of a PoP that with the most connections counts, in whole milliseconds.
 */
export function measuredWays(reports: readonly MeasuredRoundTrips[]): string {
  const byPrefix = new Map<
    string,
    Map<string, { readonly ms: number; readonly samples: number }>
  >();
  for (const { pop, prefixes } of reports) {
    for (const { prefix, ms, samples } of prefixes) {
      if (samples < SAMPLES_MIN) continue;
      const ways = byPrefix.get(prefix) ?? new Map();
      byPrefix.set(prefix, ways);
      if (samples > (ways.get(pop)?.samples ?? 0)) ways.set(pop, { ms, samples });
    }
  }
  return [...byPrefix]
    .filter(([, ways]) => ways.size > 1)
    .sort(byFirst)
    .flatMap(([prefix, ways]) =>
      [...ways].sort(byFirst).map(([pop, { ms }]) => `${prefix},${pop},${Math.round(ms)}\n`),
    )
    .join("");
}

function byFirst([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
