import type { Clock } from "../../common/clock.ts";
import { KeyMemory } from "./key-memory.ts";

/** How long clients of a key do not wait for one another after its answer was uncacheable. */
const REMEMBER_MS = 30_000;

/**
 * Remembers which keys lately had answers that could not be shared, so that their clients do not
 * queue up behind one another again. Keys that share a slot cost a few extra fetches.
 */
export class DoNotCoalesce extends KeyMemory {
  constructor(clock: Clock) {
    super(clock, REMEMBER_MS);
  }
}
