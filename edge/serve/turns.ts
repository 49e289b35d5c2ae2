/**
 * Work that may be done in one turn of the event loop. Node accepts one connection a turn, so this
 * is what a new client, such as a router's probe, waits for behind each of those in front of it.
 */
const TURN_MS_MAX = 0.5;

/** Somebody with bytes to hand on. Being told once too often does no harm. */
export interface Deliverer {
  deliver(): void;
}

/**
 * Shares the event loop between large deliveries and everything else. A crowd that reads fast keeps
 * every socket writable; without a bound, one turn would feed all of them, again and again, while
 * connections wait to be accepted and small answers to be given. Beyond the bound, deliveries wait
 * for the next turn, first come, first served.
 */
export class Turns {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly #queue = new Set<Deliverer>();
  #turnBegan: number | undefined;

  constructor(monotonic: () => number) {
    this.now = monotonic;
  }

  /** Lets somebody deliver, now or in one of the next turns. */
  give(deliverer: Deliverer): void {
    if (this.#turnBegan === undefined) {
      this.#turnBegan = this.now();
      setImmediate(() => this.#nextTurn());
    }
    if (this.#queue.size === 0 && this.#hasTime(this.#turnBegan)) deliverer.deliver();
    else this.#queue.add(deliverer);
  }

  #nextTurn(): void {
    this.#turnBegan = undefined;
    if (this.#queue.size === 0) return;
    const began = this.now();
    this.#turnBegan = began;
    setImmediate(() => this.#nextTurn());
    for (const deliverer of this.#queue) {
      this.#queue.delete(deliverer);
      deliverer.deliver();
      if (!this.#hasTime(began)) return;
    }
  }

  #hasTime(began: number): boolean {
    return this.now() - began < TURN_MS_MAX;
  }
}
