/** A PoP that may be first for a client, with what is known of the way to it. */
export interface BlendedPop {
  readonly pop: number;
  /** Great-circle distance; undefined: nobody knows where the client is. */
  readonly km: number | undefined;
  /** Measured round trip; undefined: nobody has measured it. */
  readonly ms: number | undefined;
}

/**
 * Milliseconds of round trip that a kilometre of distance costs: light in fibre needs 0.01 there
 * and back, and paths of the internet are about twice as long as the great circle.
 */
export const MS_PER_KM = 0.02;

/**
 * Orders PoPs by how long a round trip takes (P). `candidates` come closest first.
 *
 * What is measured counts as it is. What is not is estimated from the distance and from what the
 * measured ways of the same clients cost beyond theirs: the smallest such extra is what their
 * access network costs on any way. So a measured detour is left for a closer PoP, while a slow
 * access network, which is slow to everywhere, moves nobody.
 *
 * Hysteresis: `incumbent` (left out: the closest) stays first unless another is faster by at least
 * `marginMs`. Equal ones keep the order of distance. Without any distance what is not measured
 * comes last.
 *
 * Example: 100 km measured as 90 ms, 400 km as 12 ms -> the second, if the margin is below 78.
 */
export function blendedOrder(
  candidates: readonly BlendedPop[],
  { incumbent, marginMs }: { readonly incumbent?: number | undefined; readonly marginMs: number },
): readonly number[] {
  const extras = candidates.flatMap(({ km, ms }) =>
    ms === undefined || km === undefined ? [] : [Math.max(0, ms - km * MS_PER_KM)],
  );
  const access = extras.length === 0 ? 0 : Math.min(...extras);
  const cost = ({ km, ms }: BlendedPop): number =>
    ms ?? (km === undefined ? Number.POSITIVE_INFINITY : access + km * MS_PER_KM);
  const ordered = candidates
    .map((candidate, position) => ({ pop: candidate.pop, cost: cost(candidate), position }))
    .sort((a, b) => (a.cost === b.cost ? a.position - b.position : a.cost - b.cost));
  const [best] = ordered;
  const kept =
    ordered.find(({ pop }) => pop === incumbent) ??
    ordered.find(({ position }) => position === 0 && candidates[0]?.km !== undefined);
  if (best === undefined || kept === undefined || kept.cost - best.cost >= marginMs) {
    return ordered.map(({ pop }) => pop);
  }
  return [kept, ...ordered.filter((each) => each !== kept)].map(({ pop }) => pop);
}
