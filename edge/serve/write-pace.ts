/** What is written at once to a client that is quick, and so may be queued for it, in bytes. */
export const TOGETHER_BYTES_MAX = 524_288;

/** What a client has to be quick for twice as much to be written the next time. */
const FIRST_BYTES = 65_536;

/** A client is quick that takes what has been written within so long. */
const QUICK_MS = 20;

/**
 * How much to write to a client at once (P, but for its clock). Each write costs an event, so large
 * ones are cheap; but what a client does not take stays in memory. So a client gets twice as much
 * each time that it has been quick, and one piece at a time again when it has not.
 */
export class WritePace {
  readonly #now: () => number;
  #writtenAt = 0;
  /** For the next write; 0: one piece. */
  bytesMax = 0;

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** More has been written than the client takes at once. */
  written(): void {
    this.#writtenAt = this.#now();
  }

  /** The client has taken all that was written. */
  taken(): void {
    const isQuick = this.#now() - this.#writtenAt < QUICK_MS;
    const more = Math.max(FIRST_BYTES, this.bytesMax) * 2;
    this.bytesMax = isQuick ? Math.min(more, TOGETHER_BYTES_MAX) : 0;
  }
}
