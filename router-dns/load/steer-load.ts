import type { LoadPlan } from "../../state/records.ts";
import type { Shed, SteerLoad } from "../geo/choose.ts";

/** The names of a PoP and of its edges, in the order of the configuration. */
export interface NamedPop {
  readonly name: string;
  readonly edges: readonly { readonly name: string }[];
}

/**
 * A plan in the shape that choosing needs (P): positions instead of names. What it says of PoPs and
 * edges that are not configured here is passed over; undefined if nothing is left to do.
 */
export function steerLoad(
  plan: LoadPlan | undefined,
  pops: readonly NamedPop[],
): SteerLoad | undefined {
  const planned = new Map(plan?.pops.map((pop) => [pop.pop, pop]));
  const position = new Map(pops.map(({ name }, index) => [name, index]));
  const sheds = pops.map(({ name }): Shed | undefined => {
    const given = planned.get(name)?.sheds.flatMap(({ pop, fraction }) => {
      const to = position.get(pop);
      return to === undefined || fraction <= 0 ? [] : [{ to, fraction }];
    });
    if (given === undefined || given.length === 0) return undefined;
    const fractions = given.map(({ fraction }) => fraction);
    const keeps = Math.max(0, 1 - fractions.reduce((sum, fraction) => sum + fraction, 0));
    return { keeps, to: given.map(({ to }) => to), fractions };
  });
  const keeps = pops.map(({ name, edges }) => {
    const known = new Map(planned.get(name)?.edges.map((edge) => [edge.edge, edge.keeps]));
    const each = edges.map((edge) => known.get(edge.name) ?? 1);
    return each.every((kept) => kept >= 1) ? undefined : each;
  });
  const isIdle = [...sheds, ...keeps].every((one) => one === undefined);
  return isIdle ? undefined : { sheds, keeps };
}
