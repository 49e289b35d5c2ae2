/** Something that costs more while it is awake: one key with all its variants. */
export interface Sleeper {
  /** Asked for since it was last looked at. The owner sets it. */
  wanted: boolean;
  /** Bytes that being awake costs beyond sleeping. Must not change while it is awake. */
  readonly awakeBytes: number;
  /** Lets go of all that can be made again. */
  sleep(): void;
}

/**
 * Those that are awake, within a budget of bytes: a clock (second chance). Who is asked for is
 * awake, and stays so for as long as it is asked for again before its turn comes. The last one is
 * never put to sleep: somebody is looking at it.
 */
export class Awake {
  readonly #sleepers = new Set<Sleeper>();
  #bytesMax: number;
  bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Changes the budget. What no longer fits falls asleep. */
  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#settle();
  }

  /** Takes in what has woken up. Others may fall asleep. */
  add(sleeper: Sleeper): void {
    if (this.#sleepers.has(sleeper)) return;
    this.#sleepers.add(sleeper);
    this.bytes += sleeper.awakeBytes;
    this.#settle();
  }

  /** Forgets one that is gone, or about to change. Gives true if it was awake. */
  remove(sleeper: Sleeper): boolean {
    if (!this.#sleepers.delete(sleeper)) return false;
    this.bytes -= sleeper.awakeBytes;
    return true;
  }

  #settle(): void {
    for (const sleeper of this.#sleepers) {
      if (this.bytes <= this.#bytesMax || this.#sleepers.size === 1) return;
      this.#sleepers.delete(sleeper);
      if (sleeper.wanted) {
        sleeper.wanted = false;
        // A set is iterated in the order of insertion, also over what is added meanwhile.
        this.#sleepers.add(sleeper);
        continue;
      }
      this.bytes -= sleeper.awakeBytes;
      sleeper.sleep();
    }
  }
}
