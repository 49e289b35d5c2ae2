import type { PopLoad } from "../../state/records.ts";
import { spreadEdges } from "./edges.ts";
import type { MeasuredPop } from "./measure.ts";

/**
 * Bounded load (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016): a
 * PoP that gives clients away is filled to at most so many times the mean of itself and those that
 * take them. Below the 1.25 that is promised, because hashing and measurement are not exact.
 */
export const BOUND = 1.2;

/** A PoP goes on giving clients away until its own demand is so far below where it began. */
const RELEASE = 0.15;

/** A fraction that would move by less stays where it is. */
const DEADBAND = 0.02;

/** The most that comes back in one change: whoever was overloaded is filled again slowly. */
const RETURN_MAX = 0.1;

/** How much of a difference between believed and measured demand is taken over at one time. */
const FOLLOW = 0.5;

/** Least fraction that a PoP keeps: below it nothing could be learnt about its demand. */
const KEEPS_MIN = 0.05;

/** Rounds in which limits and allocations are fitted to one another. */
const ROUNDS = 8;

/** What an operator says about load. */
export interface SpreadSettings {
  /** The load above which a PoP gives clients away: 0 to 1. */
  readonly target: number;
}

/** Loads and fractions for one more step, and whether any fraction is another one. */
export interface Spread {
  readonly pops: readonly PopLoad[];
  readonly changed: boolean;
}

/** The shares that one PoP gives to others, by name. */
type Sheds = ReadonlyMap<string, number>;

const NOTHING: Sheds = new Map();

/** Loads as they are now, with the fractions that were decided before (P). */
export function keepSpread(before: readonly PopLoad[], pops: readonly MeasuredPop[]): Spread {
  const known = new Map(before.map((pop) => [pop.pop, pop]));
  const kept = pops.flatMap((pop): PopLoad[] => {
    if (pop.capacity === 0) return [];
    const was = known.get(pop.pop);
    const keeps = new Map(was?.edges.map((edge) => [edge.edge, edge.keeps]));
    return [
      {
        pop: pop.pop,
        load: round(pop.load),
        demand: was?.demand ?? round(pop.load),
        sheds: was?.sheds ?? [],
        edges: pop.edges.map(({ edge, load }) => ({
          edge,
          load: round(load),
          keeps: keeps.get(edge) ?? 1,
        })),
      },
    ];
  });
  return { pops: kept, changed: false };
}

/**
 * Decides which fraction of its clients each PoP sends elsewhere (P, deterministic).
 *
 * A PoP whose own demand is above the target keeps what fits below it, and gives the rest to its
 * nearest neighbours that have room, each up to the target too. Demand is what was measured, taken
 * back through the fractions that were in force: so one step says where everybody goes, and no wave
 * of overload runs from neighbour to neighbour. With more demand than room in all of them, all are
 * filled alike. Must not be called again before the effect of the last change can be measured.
 */
export function spreadLoad(
  before: readonly PopLoad[],
  pops: readonly MeasuredPop[],
  settings: SpreadSettings,
): Spread {
  const old = new Map(before.map((pop) => [pop.pop, pop]));
  const shedsBefore = new Map(before.map((pop) => [pop.pop, shedsOf(pop)]));
  const known = pops.filter(({ capacity }) => capacity > 0);
  const demand = estimateDemand(known, old, shedsBefore);
  const wanted = allocate(known, demand, shedsBefore, settings.target);
  let changed = false;
  const result = known.map((pop): PopLoad => {
    const was = shedsBefore.get(pop.pop) ?? NOTHING;
    const sheds = settle(was, wanted.get(pop.pop) ?? NOTHING);
    const edges = spreadEdges(old.get(pop.pop)?.edges ?? [], pop, settings.target);
    changed ||= sheds !== was || edges.changed;
    return {
      pop: pop.pop,
      load: round(pop.load),
      demand: round(demand.get(pop.pop) ?? 0),
      sheds: [...sheds].map(([to, fraction]) => ({ pop: to, fraction })),
      edges: edges.edges,
    };
  });
  return { pops: result, changed };
}

/** What would come to each PoP if all its clients, and only they, came to it; by its capacity. */
function estimateDemand(
  pops: readonly MeasuredPop[],
  before: ReadonlyMap<string, PopLoad>,
  sheds: ReadonlyMap<string, Sheds>,
): ReadonlyMap<string, number> {
  const keepsOf = (pop: MeasuredPop) => Math.max(KEEPS_MIN, 1 - total(sheds.get(pop.pop)));
  const received = new Map<string, number>();
  for (const pop of pops) {
    const demanded = (pop.load * pop.capacity) / keepsOf(pop);
    for (const [to, fraction] of sheds.get(pop.pop) ?? []) {
      received.set(to, (received.get(to) ?? 0) + fraction * demanded);
    }
  }
  return new Map(
    pops.map((pop) => {
      const foreign = received.get(pop.pop) ?? 0;
      const own = Math.max(0, pop.load * pop.capacity - foreign) / pop.capacity;
      const measured = own / keepsOf(pop);
      const was = before.get(pop.pop);
      const isExact = foreign === 0 && total(sheds.get(pop.pop)) === 0;
      if (was === undefined || isExact) return [pop.pop, measured] as const;
      return [pop.pop, was.demand + FOLLOW * (measured - was.demand)] as const;
    }),
  );
}

/** The shares that would be right, if all could be changed at once. */
function allocate(
  pops: readonly MeasuredPop[],
  demand: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, Sheds>,
  target: number,
): ReadonlyMap<string, Sheds> {
  const demanded = (pop: MeasuredPop) => demand.get(pop.pop) ?? 0;
  const all = pops.reduce((sum, pop) => sum + demanded(pop) * pop.capacity, 0);
  const capacity = pops.reduce((sum, pop) => sum + pop.capacity, 0);
  const level = Math.max(target, capacity === 0 ? 0 : all / capacity);
  const givers = pops.filter((pop) => {
    const isGiving = total(before.get(pop.pop)) > 0;
    return demanded(pop) > (isGiving ? target - RELEASE : level);
  });
  const limits = new Map(pops.map((pop) => [pop.pop, level]));
  let given = fill(pops, givers, demanded, limits);
  for (let round = 0; round < ROUNDS; round += 1) {
    if (!lowerLimits({ pops, givers, demanded, given, limits, floor: target / 2 })) break;
    given = fill(pops, givers, demanded, limits);
  }
  return given;
}

/** Gives what is above a giver's limit to its neighbours, nearest first, while they have room. */
function fill(
  pops: readonly MeasuredPop[],
  givers: readonly MeasuredPop[],
  demanded: (pop: MeasuredPop) => number,
  limits: ReadonlyMap<string, number>,
): ReadonlyMap<string, Sheds> {
  const room = new Map(
    pops
      .filter((pop) => !givers.includes(pop))
      .map((pop) => {
        const free = (limits.get(pop.pop) ?? 0) - demanded(pop);
        return [pop.pop, Math.max(0, free) * pop.capacity];
      }),
  );
  const result = new Map<string, Sheds>();
  for (const giver of givers) {
    const own = demanded(giver) * giver.capacity;
    const mostKept = Math.max(KEEPS_MIN * own, (limits.get(giver.pop) ?? 0) * giver.capacity);
    let excess = own - mostKept;
    const sheds = new Map<string, number>();
    for (const to of giver.nearest) {
      const taken = Math.min(excess, room.get(to) ?? 0);
      if (taken <= 0) continue;
      sheds.set(to, taken / own);
      room.set(to, (room.get(to) ?? 0) - taken);
      excess -= taken;
    }
    result.set(giver.pop, sheds);
  }
  return result;
}

/** Lowers limits to the bound over the mean of those who share; false if none had to be. */
function lowerLimits(fitting: {
  readonly pops: readonly MeasuredPop[];
  readonly givers: readonly MeasuredPop[];
  readonly demanded: (pop: MeasuredPop) => number;
  readonly given: ReadonlyMap<string, Sheds>;
  readonly limits: Map<string, number>;
  readonly floor: number;
}): boolean {
  const { pops, givers, demanded, given, limits, floor } = fitting;
  const carried = new Map(pops.map((pop) => [pop.pop, demanded(pop) * pop.capacity]));
  for (const giver of givers) {
    const own = demanded(giver) * giver.capacity;
    for (const [to, fraction] of given.get(giver.pop) ?? []) {
      carried.set(to, (carried.get(to) ?? 0) + fraction * own);
      carried.set(giver.pop, (carried.get(giver.pop) ?? 0) - fraction * own);
    }
  }
  let lowered = false;
  for (const giver of givers) {
    const sheds = given.get(giver.pop) ?? NOTHING;
    const sharing = pops.filter((pop) => pop === giver || sheds.has(pop.pop));
    if (sharing.length === 1) continue;
    const load = sharing.reduce((sum, pop) => sum + (carried.get(pop.pop) ?? 0), 0);
    const mean = load / sharing.reduce((sum, pop) => sum + pop.capacity, 0);
    const limit = Math.max(floor, BOUND * mean);
    for (const { pop } of sharing) {
      if (limit >= (limits.get(pop) ?? 0) - 1e-6) continue;
      limits.set(pop, limit);
      lowered = true;
    }
  }
  return lowered;
}

/** What comes into force: `was` itself if nothing moves enough, and never much back at one time. */
function settle(was: Sheds, wanted: Sheds): Sheds {
  const names = [...new Set([...was.keys(), ...wanted.keys()])];
  const moves = names.some(
    (name) => Math.abs((wanted.get(name) ?? 0) - (was.get(name) ?? 0)) > DEADBAND,
  );
  const isOver = wanted.size === 0 && was.size > 0;
  if (!moves && !isOver) return was;
  const returns = total(was) - total(wanted);
  const part = returns > RETURN_MAX ? RETURN_MAX / returns : 1;
  const result = new Map<string, number>();
  for (const name of names) {
    const from = was.get(name) ?? 0;
    const fraction = round(from + part * ((wanted.get(name) ?? 0) - from));
    if (fraction > 0.001) result.set(name, fraction);
  }
  return result;
}

function shedsOf(pop: PopLoad): Sheds {
  return pop.sheds.length === 0
    ? NOTHING
    : new Map(pop.sheds.map(({ pop: to, fraction }) => [to, fraction]));
}

function total(sheds: Sheds | undefined): number {
  let sum = 0;
  for (const fraction of sheds?.values() ?? []) sum += fraction;
  return sum;
}

/** Four digits: enough for a fraction, and the same text for everybody. */
export function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
