import type { SteerPop, SteerView } from "../../router-dns/geo/choose.ts";

/**
 * Says of which rankings the clients may get another answer by a view than by the one before (P).
 * An answer depends on the first PoP of the ranking that is up, on whom that one gives clients to,
 * and on the edges of these.
 */
export function changedHomes(
  before: SteerView | undefined,
  after: SteerView,
): (ranking: readonly number[]) => boolean {
  if (before === undefined) return () => true;
  const isOther = after.pops.map((pop, i) => {
    const edges = standingsOf(pop) !== standingsOf(before.pops[i]);
    return edges || !isEqual(after.load?.keeps[i], before.load?.keeps[i]);
  });
  const isOtherHome = after.pops.map((_, i) => {
    const shed = after.load?.sheds[i];
    const was = before.load?.sheds[i];
    if (isOther[i] === true) return true;
    if (shed === undefined && was === undefined) return false;
    if (!isEqual(shed?.to, was?.to) || !isEqual(shed?.fractions, was?.fractions)) return true;
    return shed?.to.some((to) => isOther[to] === true) ?? false;
  });
  const upBefore = before.pops.map(isUp);
  const upAfter = after.pops.map(isUp);
  return (ranking) => {
    const home = ranking.find((pop) => upAfter[pop]) ?? -1;
    const was = ranking.find((pop) => upBefore[pop]) ?? -1;
    return home !== was || isOtherHome[home] === true;
  };
}

function isUp({ edges }: SteerPop): boolean {
  return edges.some(({ standing }) => standing === "up");
}

function standingsOf(pop: SteerPop | undefined): string {
  return pop?.edges.map(({ standing }) => standing).join() ?? "";
}

function isEqual(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
