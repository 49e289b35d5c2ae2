import type { EpochMs, MonotonicMs } from "../../common/clock.ts";
import type { LoadPlan } from "../../state/records.ts";
import type { MeasuredPop } from "./measure.ts";
import { keepSpread, type SpreadSettings, spreadLoad } from "./spread.ts";

/** A plan is replaced every so often even if nothing changes: its loads are news. */
export const RENEW_MS = 5_000;

/** A load that has grown by more since the last plan is still growing: it is not yet known. */
const RISING = 1.1;

/** What a router knows when it asks itself whether the plan should be another one. */
export interface PlanMoment {
  readonly now: EpochMs;
  readonly monotonic: MonotonicMs;
  /** The plan in force. */
  readonly plan: LoadPlan | undefined;
  /** When this router first saw the step of it, and its last change. */
  readonly stepSeen: MonotonicMs;
  readonly changeSeen: MonotonicMs;
  readonly pops: readonly MeasuredPop[];
}

/** What an operator says about load. */
export interface PlanSettings extends SpreadSettings {
  /** From one change of fractions to the next: at least a TTL, or its effect is not yet seen. */
  readonly settleMs: number;
  /** The router. */
  readonly by: string;
}

/**
 * The next plan, or undefined if the one in force shall stand (P). Time is measured from when this
 * router saw the plan, so that clocks of routers need not agree; all of them may propose, and the
 * store takes the first.
 */
export function nextPlan(moment: PlanMoment, settings: PlanSettings): LoadPlan | undefined {
  const { plan, monotonic, pops, now } = moment;
  if (pops.every(({ capacity }) => capacity === 0)) return undefined;
  const before = plan?.pops ?? [];
  if (plan !== undefined && monotonic - moment.stepSeen < RENEW_MS) return undefined;
  const isSettled = monotonic - moment.changeSeen >= settings.settleMs;
  const maySpread = plan === undefined || (isSettled && !isRising(plan, pops, settings.target));
  const spread = maySpread ? spreadLoad(before, pops, settings) : keepSpread(before, pops);
  const step = (plan?.step ?? 0) + 1;
  const change = spread.changed ? step : (plan?.change ?? step);
  return { step, change, by: settings.by, at: now, pops: spread.pops };
}

/** A crowd that is still coming would be spread by half its size, and the rest had to wait. */
function isRising(plan: LoadPlan, pops: readonly MeasuredPop[], target: number): boolean {
  const before = new Map(plan.pops.map(({ pop, load }) => [pop, load]));
  return pops.some(({ pop, load }) => load > target && load > RISING * (before.get(pop) ?? load));
}
