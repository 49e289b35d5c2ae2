/** Milliseconds since 1970-01-01T00:00:00Z, as everybody else's clock counts them. */
export type EpochMs = number;

/** Milliseconds since some fixed moment; only differences mean anything, and they never shrink. */
export type MonotonicMs = number;

/**
 * Where time comes from. Decision code never has one: it gets `now` as an argument. Shells have
 * one, so that tests can own time.
 */
export interface Clock {
  /** The wall clock. It may jump in either direction. */
  now(): EpochMs;
  /** For measuring how long something took. */
  monotonic(): MonotonicMs;
  /**
   * Runs `action` once after `delayMs`; the returned function cancels it. Never keeps a process
   * alive.
   */
  after(delayMs: number, action: () => void): () => void;
}

/** The only reader of real time in the product. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Where the monotonic clock of this thread begins, on the one that all threads of a process share;
 * milliseconds.
 */
export function monotonicOrigin(): number {
  return Number(process.hrtime.bigint()) / 1_000_000 - performance.now();
}

/** The clock of a thread, with monotonic times as the thread has them that begins at `origin`. */
export function clockFrom(origin: number): Clock {
  const shift = monotonicOrigin() - origin;
  return { ...systemClock, monotonic: () => performance.now() + shift };
}
