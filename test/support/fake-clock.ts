import type { Clock, EpochMs, MonotonicMs } from "../../common/clock.ts";

interface Timer {
  readonly dueMs: MonotonicMs;
  readonly order: number;
  readonly action: () => void;
}

/** A clock that stands still until a test moves it. Timers run in the order of their due times. */
export class FakeClock implements Clock {
  #wallMs: EpochMs;
  #elapsedMs: MonotonicMs = 0;
  #timers: Timer[] = [];
  #order = 0;

  /** Starts at `epochMs`; the default is 2026-01-01T00:00:00Z. */
  constructor(epochMs: EpochMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = epochMs;
  }

  now(): EpochMs {
    return this.#wallMs;
  }

  monotonic(): MonotonicMs {
    return this.#elapsedMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order, action };
    this.#order += 1;
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that have neither run nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Moves time on and runs what becomes due, each at its own moment; timers may set timers. */
  advance(ms: number): void {
    const target = this.#elapsedMs + ms;
    for (let next = this.#nextDue(target); next !== undefined; next = this.#nextDue(target)) {
      this.#run(next);
    }
    this.#moveTo(target);
  }

  /** The same, and lets promises that a timer settled go on before the next timer runs. */
  async advanceAsync(ms: number): Promise<void> {
    const target = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#nextDue(target); next !== undefined; next = this.#nextDue(target)) {
      this.#run(next);
      await settle();
    }
    this.#moveTo(target);
    await settle();
  }

  /** Sets the wall clock alone, as an operator or NTP does: the monotonic clock does not notice. */
  jumpWall(epochMs: EpochMs): void {
    this.#wallMs = epochMs;
  }

  #nextDue(target: MonotonicMs): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > target) continue;
      const earlier = next === undefined || timer.dueMs < next.dueMs;
      if (earlier || (timer.dueMs === next?.dueMs && timer.order < next.order)) next = timer;
    }
    return next;
  }

  #run(timer: Timer): void {
    this.#moveTo(timer.dueMs);
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.action();
  }

  #moveTo(elapsedMs: MonotonicMs): void {
    this.#wallMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}

/** One turn of the event loop: everything that only waits for promises has run after it. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
