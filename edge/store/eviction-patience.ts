const PATIENCE_MIN = 1;
const PATIENCE_MAX = 7;

/** Outcomes below this say nothing, however small the cache is. */
const OUTCOMES_MIN = 16;

/**
 * For how many rounds without a use an object may live on its earlier uses. Where popularity lasts,
 * more is better; where it moves on, what was hot would be in the way. So it compares: of the
 * objects that were spared without a use, how many were used in the next round, against how many of
 * those evicted came back. While the spared do better, patience grows, otherwise it shrinks.
 */
export class Patience {
  rounds = 2;
  #spared = 0;
  #sparedUsed = 0;
  #evicted = 0;
  #evictedBack = 0;

  /** Notes how the round ended for an object that had been spared. */
  spared(used: boolean): void {
    this.#spared += 1;
    if (used) this.#sparedUsed += 1;
  }

  evicted(): void {
    this.#evicted += 1;
  }

  cameBack(): void {
    this.#evictedBack += 1;
  }

  /** Takes a step once there are as many outcomes as objects; older outcomes then count half. */
  settle(objects: number): void {
    if (this.#spared + this.#evicted < objects + OUTCOMES_MIN) return;
    if (this.#spared > 0 && this.#evicted > 0) {
      const better = this.#sparedUsed * this.#evicted > this.#evictedBack * this.#spared;
      const rounds = this.rounds + (better ? 1 : -1);
      this.rounds = Math.min(PATIENCE_MAX, Math.max(PATIENCE_MIN, rounds));
    }
    this.#spared >>>= 1;
    this.#sparedUsed >>>= 1;
    this.#evicted >>>= 1;
    this.#evictedBack >>>= 1;
  }
}
