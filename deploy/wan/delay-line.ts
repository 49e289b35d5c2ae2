import { invariant } from "../../common/assert.ts";
import type { Clock, MonotonicMs } from "../../common/clock.ts";

interface Parcel<T> {
  readonly item: T;
  readonly bytes: number;
  readonly dueMs: MonotonicMs;
}

/** What a delay line needs. */
export interface DelayLineOptions<T> {
  readonly clock: Clock;
  readonly delayMs: number;
  /** Nothing arrives before this moment plus the delay: while a connection is being opened. */
  readonly openAtMs?: MonotonicMs;
  /** Takes what has arrived; false if it cannot take more until `resume` is called. */
  readonly deliver: (item: T) => boolean;
  /** Called after bytes have left the line. */
  readonly onDelivered?: () => void;
}

/**
 * One direction of a long cable: what goes in comes out in the same order, `delayMs` later. How
 * much may be on the way is up to the sender, who can see `bytes`.
 */
export class DelayLine<T> {
  readonly #options: DelayLineOptions<T>;
  readonly #parcels: Parcel<T>[] = [];
  #bytes = 0;
  #blocked = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: DelayLineOptions<T>) {
    invariant(options.delayMs >= 0, "a delay is not negative");
    this.#options = options;
  }

  /** Bytes that are on the way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Puts something on the way. `bytes` is what it counts for. */
  push(item: T, bytes: number): void {
    const { clock, delayMs, openAtMs = 0 } = this.#options;
    const dueMs = Math.max(clock.monotonic(), openAtMs) + delayMs;
    this.#parcels.push({ item, bytes, dueMs });
    this.#bytes += bytes;
    this.#arm();
  }

  /** The receiver can take more. */
  resume(): void {
    this.#blocked = false;
    this.#deliverDue();
  }

  /** Forgets what is on the way. */
  cut(): void {
    this.#parcels.length = 0;
    this.#bytes = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(): void {
    const next = this.#parcels[0];
    if (next === undefined || this.#blocked || this.#cancelTimer !== undefined) return;
    const waitMs = Math.max(0, next.dueMs - this.#options.clock.monotonic());
    this.#cancelTimer = this.#options.clock.after(waitMs, () => {
      this.#cancelTimer = undefined;
      this.#deliverDue();
    });
  }

  #deliverDue(): void {
    const { clock, deliver, onDelivered } = this.#options;
    while (!this.#blocked) {
      const next = this.#parcels[0];
      if (next === undefined || next.dueMs > clock.monotonic()) break;
      this.#parcels.shift();
      this.#bytes -= next.bytes;
      if (!deliver(next.item)) this.#blocked = true;
      onDelivered?.();
    }
    this.#arm();
  }
}
