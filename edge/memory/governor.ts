/*
 * Between two looks a process may grow by some megabytes, and while garbage waits by tens of them:
 * the thresholds leave a tenth of the budget for that.
 */
/** While more than this share of the budget is resident, the store grows no further. */
const GROW_BELOW = 0.84;

/** Above this share the store shrinks by what the process grows. */
const SHRINK_ABOVE = 0.9;

/** Above this share it shrinks even while the process does not grow. */
const PRESS_ABOVE = 0.95;

/**
 * In one step the store may grow by this share of the room that is left, and before the first by
 * more. Slower than garbage comes and goes, so that what is resident at the worst moment counts.
 */
const GROWTH_SHARE = 0.05;
const GROWTH_SHARE_FIRST = 0.25;

/** By this share of what is above `PRESS_ABOVE` the store shrinks in one step. */
const PRESS_SHARE = 0.05;

/** The store keeps this share of the budget, whatever else needs memory. */
const STORE_SHARE_MIN = 1 / 16;

/** Garbage is worth collecting when it is at least this share of the budget... */
const GARBAGE_SHARE = 1 / 32;

/** ...and collecting takes no more than this share of the CPU time of the process. */
const COLLECTING_SHARE_MAX = 0.3;

/** By this share of the budget what is certainly no garbage may become more in one step. */
const LEAST_RISE_SHARE = 0.0002;

/** What a process has in memory at one moment. Bytes. */
export interface MemoryFacts {
  /** All that the operating system counts. */
  readonly residentBytes: number;
  /** What JavaScript has, dead or alive, in its heap and in buffers. */
  readonly scriptBytes: number;
  /** What the store says it holds, and what it may. */
  readonly storeBytes: number;
  readonly storeBytesMax: number;
}

/** What one step leaves to the next. */
export interface GovernorState {
  /** What was resident, if that was too much; otherwise 0. */
  readonly exceededBytes: number;
  /** The least that JavaScript had beside the store lately: that much is no garbage. */
  readonly besideBytesMin: number;
}

/** What is to be done. */
export interface GovernorDecision {
  readonly state: GovernorState;
  readonly storeBytesMax: number;
  /** What the store could have by and by, as things are: memory is scarce when this is little. */
  readonly reachableBytes: number;
  /** There is so much garbage, and so little room, that it should be collected now. */
  readonly collect: boolean;
}

/**
 * How much a store may hold so that its whole process stays within a budget (P). One step of a
 * control loop that is taken several times a second; `state` is undefined the first time.
 *
 * The store grows into a part of the room that is left, and shrinks by what the process grows
 * beyond its budget. What it lets go of is garbage first, and is used again by the process sooner
 * than the operating system has it back. So what is resident and no longer grows makes the store
 * shrink only slowly, and between the two thresholds nothing changes.
 */
export function governMemory(
  budgetBytes: number,
  facts: MemoryFacts,
  state: GovernorState | undefined,
): GovernorDecision {
  const { residentBytes, scriptBytes, storeBytes } = facts;
  const besideBytes = Math.max(0, scriptBytes - storeBytes);
  const besideBytesMin = Math.min(
    besideBytes,
    (state?.besideBytesMin ?? besideBytes) + budgetBytes * LEAST_RISE_SHARE,
  );
  const isTight = residentBytes > budgetBytes * GROW_BELOW;
  const collect = isTight && besideBytes - besideBytesMin > budgetBytes * GARBAGE_SHARE;
  const exceededBytes = residentBytes > budgetBytes * SHRINK_ABOVE ? residentBytes : 0;
  const least = Math.floor(budgetBytes * STORE_SHARE_MIN);
  const storeBytesMax = Math.max(least, limitFor(budgetBytes, facts, state));
  const room = Math.max(0, Math.floor(budgetBytes * GROW_BELOW) - residentBytes);
  return {
    state: { exceededBytes, besideBytesMin },
    storeBytesMax,
    reachableBytes: Math.max(storeBytesMax, storeBytes + room),
    collect,
  };
}

function limitFor(
  budgetBytes: number,
  { residentBytes, storeBytes, storeBytesMax }: MemoryFacts,
  state: GovernorState | undefined,
): number {
  const share = state === undefined ? GROWTH_SHARE_FIRST : GROWTH_SHARE;
  const before = state === undefined ? 0 : storeBytesMax;
  const room = budgetBytes * GROW_BELOW - residentBytes;
  if (room >= 0) return Math.max(before, storeBytes + Math.floor(room * share));
  const shrinkAbove = budgetBytes * SHRINK_ABOVE;
  const known = Math.max(state?.exceededBytes ?? 0, shrinkAbove);
  const grown = Math.max(0, residentBytes - known);
  const pressed = Math.max(0, residentBytes - budgetBytes * PRESS_ABOVE) * PRESS_SHARE;
  const less = Math.ceil(grown + pressed);
  return less === 0 ? before : Math.min(before, storeBytes) - less;
}

/**
 * True if it is time to collect garbage (P): that has its share of the CPU time which the process
 * uses, and no more. What others do on the machine changes nothing about it.
 */
export function mayCollect(cpu: {
  /** Used since garbage was last collected, and by that; in the same unit. */
  readonly sinceLast: number;
  readonly lastTook: number;
}): boolean {
  return cpu.lastTook <= cpu.sinceLast * COLLECTING_SHARE_MAX;
}
