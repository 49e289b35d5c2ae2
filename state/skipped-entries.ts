import type { Logger } from "../common/log.ts";

/** Entries that are told apart; what is broken beyond them only counts in the total. */
const NAMES_MAX = 1_000;

/**
 * Counts and logs what could not be read and was left out. An entry that stays broken is met again
 * every second, so each is logged the 1st, 2nd, 4th, 8th... time.
 */
export class SkippedEntries {
  readonly #log: Logger;
  readonly #times = new Map<string, number>();
  #total = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** `what` names the entry, such as `site netcinema`. */
  skip(what: string, reason: string): void {
    this.#total += 1;
    const known = this.#times.get(what);
    if (known === undefined && this.#times.size >= NAMES_MAX) return;
    const times = (known ?? 0) + 1;
    this.#times.set(what, times);
    if (!Number.isInteger(Math.log2(times))) return;
    this.#log.error({ event: "state-entry-skipped", what, reason, times, total: this.#total });
  }
}
