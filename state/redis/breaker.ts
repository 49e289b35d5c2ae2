/** Calls that may fail in a row before no more are tried. */
export const BREAKER_FAILURES_MAX = 3;

/**
 * Stops calls to a server that does not answer (P). Closes again when the server gives any sign of
 * life: a new connection, or the reply to a ping.
 */
export class Breaker {
  #failures = 0;

  /** True while calls should fail without being tried. */
  isOpen(): boolean {
    return this.#failures >= BREAKER_FAILURES_MAX;
  }

  /** A call got no answer in time. */
  failed(): void {
    this.#failures += 1;
  }

  /** The server answered. */
  answered(): void {
    this.#failures = 0;
  }
}
