/** Up to this share of the budget the process may grow; then the store grows no further. */
const GROW_BELOW = 0.92;

/** Above this share what is stored becomes less. */
const SHRINK_ABOVE = 0.97;

/** Above this share it becomes less even while the process does not grow any more. */
const PRESS_ABOVE = 1.02;

/** In one step the store may grow by this share of the room that is left. */
const GROWTH_SHARE = 0.5;

/** By this share of what is above `PRESS_ABOVE` the store shrinks in one step. */
const PRESS_SHARE = 0.05;

/** The store keeps this share of the budget, whatever else needs memory. */
const STORE_SHARE_MIN = 1 / 16;

/** Garbage is collected when there is at least this share of the budget of it... */
const GARBAGE_SHARE = 1 / 16;

/** ...and collecting has not taken more than this share of the time. */
const COLLECTING_SHARE_MAX = 0.1;

/** What a process has in memory at one moment. Bytes. */
export interface MemoryFacts {
  /** All that the operating system counts. */
  readonly residentBytes: number;
  /** What JavaScript holds, dead or alive, in its heap and outside of it. */
  readonly scriptBytes: number;
  /** What the store says it holds, and what it may. */
  readonly storeBytes: number;
  readonly storeBytesMax: number;
}

/** What is remembered from one step to the next. */
export interface GovernorState {
  /** What was resident at the last step, if that was too much; otherwise 0. */
  readonly peakBytes: number;
  /** The least that was in JavaScript's hands beside the store lately: what is not garbage. */
  readonly leastBesideBytes: number;
}

/** What is to be done. */
export interface GovernorDecision {
  readonly state: GovernorState;
  readonly storeBytesMax: number;
  /** There is so much garbage that it should be collected now. */
  readonly collect: boolean;
}

/** At the start nothing is known. */
export const UNGOVERNED: GovernorState = { peakBytes: 0, leastBesideBytes: Infinity };

/**
 * How much a store may hold so that its whole process stays within a budget (P).
 *
 * The store grows into half of the room that is left, and shrinks by what the process has grown
 * beyond its budget. Memory that is given up is used again by the process sooner than the operating
 * system gets it back: so once the store has shrunk, only further growth makes it shrink further,
 * and what is resident need not fall. Between the two thresholds nothing changes.
 */
export function governMemory(
  budgetBytes: number,
  facts: MemoryFacts,
  state: GovernorState,
): GovernorDecision {
  const { residentBytes, scriptBytes, storeBytes, storeBytesMax } = facts;
  const besideBytes = Math.max(0, scriptBytes - storeBytes);
  // What is least rises slowly, so that a moment without garbage is not taken for all times.
  const leastBesideBytes = Math.min(besideBytes, state.leastBesideBytes + budgetBytes / 1_000);
  const garbageBytes = besideBytes - leastBesideBytes;
  const isTight = residentBytes > budgetBytes * GROW_BELOW;
  const collect = isTight && garbageBytes > budgetBytes * GARBAGE_SHARE;
  const least = Math.floor(budgetBytes * STORE_SHARE_MIN);
  const shrinkAbove = budgetBytes * SHRINK_ABOVE;
  if (residentBytes > shrinkAbove) {
    const grown = Math.max(0, residentBytes - Math.max(state.peakBytes, shrinkAbove));
    const pressed = Math.max(0, residentBytes - budgetBytes * PRESS_ABOVE) * PRESS_SHARE;
    const wanted = Math.min(storeBytesMax, storeBytes) - Math.ceil(grown + pressed);
    return {
      state: { peakBytes: residentBytes, leastBesideBytes },
      storeBytesMax: grown + pressed > 0 ? Math.max(least, wanted) : storeBytesMax,
      collect,
    };
  }
  const room = budgetBytes * GROW_BELOW - residentBytes;
  const wanted = isTight ? storeBytesMax : storeBytes + Math.floor(room * GROWTH_SHARE);
  return {
    state: { peakBytes: 0, leastBesideBytes },
    storeBytesMax: Math.max(least, wanted),
    collect,
  };
}

/** True if it is time to collect: collecting has its share of the time, and no more (P). */
export function mayCollect(sinceLastMs: number, lastTookMs: number): boolean {
  return lastTookMs <= sinceLastMs * COLLECTING_SHARE_MAX;
}
