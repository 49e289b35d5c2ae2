import type { Clock } from "./clock.ts";

/**
 * Long work in pieces: each `yield` is a place where other work may come between. What is done
 * between two of them should take well below a millisecond.
 */
export type Steps<T> = Generator<undefined, T>;

/** How long steps are done one after the other before others have a turn. */
export const TURN_MS = 2;

/** Does all steps at once (P): for starts and tools, where nobody waits for anything else. */
export function runToEnd<T>(steps: Steps<T>): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/**
 * Does steps in turns of TURN_MS, between which packets, timers and other work are seen to. Rejects
 * with what a step throws.
 */
export async function runInTurns<T>(steps: Steps<T>, clock: Clock): Promise<T> {
  for (;;) {
    const end = clock.monotonic() + TURN_MS;
    let step = steps.next();
    while (step.done !== true && clock.monotonic() < end) step = steps.next();
    if (step.done === true) return step.value;
    await nextTurn();
  }
}

/** Lets everything happen that waits: packets, timers, other work. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
