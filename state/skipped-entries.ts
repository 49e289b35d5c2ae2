import type { Logger } from "../common/log.ts";

/**
 * Counts and logs what could not be read and was left out. An entry that stays broken is met again
 * every second, so only the 1st, 2nd, 4th, 8th... time is logged.
 */
export class SkippedEntries {
  readonly #log: Logger;
  #count = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** How many were left out since the store was opened. */
  count(): number {
    return this.#count;
  }

  /** `what` names the entry, such as `site netcinema`. */
  skip(what: string, reason: string): void {
    this.#count += 1;
    const powerOfTwo = Number.isInteger(Math.log2(this.#count));
    if (powerOfTwo) {
      this.#log.error({ event: "state-entry-skipped", what, reason, count: this.#count });
    }
  }
}
