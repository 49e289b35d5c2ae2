import type { LoadState } from "../data/load-keeper.ts";
import { choosePop, type MapPlace, type SteerView } from "../geo/choose.ts";
import { unit } from "../geo/hash.ts";

/** What load had to do with an answer (P). */
export function explainLoad(view: SteerView, place: MapPlace, load: LoadState | undefined) {
  if (load === undefined) return { status: "off: load decides nothing" };
  const { plan, isStale } = load;
  if (plan === undefined) return { status: "nothing is known of any edge's load" };
  const choice = choosePop(view, place);
  const home = view.pops[choice.home];
  const shed = isStale ? undefined : view.load?.sheds[choice.home];
  return {
    status: isStale ? "stale: everybody gets the closest PoP" : "known",
    step: plan.step,
    change: plan.change,
    by: plan.by,
    at: new Date(plan.at).toISOString(),
    home: home?.name ?? null,
    ...(shed === undefined
      ? {}
      : {
          keeps: shed.keeps,
          client: unit(choice.clientHash, home?.seed ?? 0),
          gives: shed.to.map((to, i) => ({
            pop: view.pops[to]?.name ?? "",
            fraction: shed.fractions[i] ?? 0,
          })),
        }),
  };
}

/** Load, demand and what is given away of one PoP, if they are known (P). */
export function explainPopLoad(pop: string, load: LoadState | undefined) {
  const known = load?.plan?.pops.find((one) => one.pop === pop);
  if (known === undefined) return {};
  const { demand, sheds, edges } = known;
  return { load: { load: known.load, demand, gives: sheds, edges } };
}

/** Why a PoP was passed over, or taken (P). */
export function popNote(
  pop: { readonly isChosen: boolean; readonly hasUp: boolean; readonly isHome: boolean },
  reason: string,
): string {
  if (pop.isChosen) return reason === "load" ? "answered: takes clients of a full PoP" : "answered";
  if (!pop.hasUp) return "skipped: no edge that is up";
  return pop.isHome ? "full: gives this client to another PoP" : "not needed";
}
