/** Bytes outside the store that somebody still reads. */
export interface Pin {
  /** They have become fewer. */
  resize(bytes: number): void;
  /** Nobody reads them any more. */
  release(): void;
}

/**
 * Accounts for bodies that have left the store, or never came into it, while clients still read
 * them. Without a bound, clients who read slowly would decide how much memory is used: each holds
 * on to a body of its own. Beyond the bound the oldest is given up, and its readers are cut off.
 */
export class Pins {
  #bytesMax: number;
  readonly #onCut: () => void;
  /** The oldest first. */
  readonly #entries = new Set<Entry>();
  bytes = 0;

  constructor(bytesMax: number, onCut: () => void) {
    this.#bytesMax = bytesMax;
    this.#onCut = onCut;
  }

  /** Counts a body. `cut` ends all who read it; it may be called before this returns. */
  add(bytes: number, cut: () => void): Pin {
    const entry = { bytes, cut };
    this.#entries.add(entry);
    this.bytes += bytes;
    this.#cutBeyond();
    return {
      resize: (fewer) => {
        if (!this.#entries.has(entry)) return;
        this.bytes += fewer - entry.bytes;
        entry.bytes = fewer;
      },
      release: () => this.#drop(entry),
    };
  }

  /** Changes how much may be pinned. */
  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#cutBeyond();
  }

  #cutBeyond(): void {
    while (this.bytes > this.#bytesMax) this.#cutOldest();
  }

  #cutOldest(): void {
    for (const oldest of this.#entries) {
      this.#drop(oldest);
      this.#onCut();
      oldest.cut();
      return;
    }
  }

  #drop(entry: Entry): void {
    if (this.#entries.delete(entry)) this.bytes -= entry.bytes;
  }
}

interface Entry {
  bytes: number;
  readonly cut: () => void;
}

/** Who reads the body of an object. It stays with the body when a 304 makes a new object of it. */
export class BodyHold {
  readonly #readers = new Set<() => void>();
  #stored: boolean;
  #pin: Pin | undefined;

  /** `stored`: the store counts the body, until it says otherwise. */
  constructor(stored: boolean) {
    this.#stored = stored;
  }

  /** The store counts the body no more: `pins` does, if somebody reads it. */
  leaveStore(bytes: number, pins: Pins): void {
    this.#stored = false;
    if (this.#readers.size > 0) this.#pinIn(pins, bytes);
  }

  /** Somebody reads the body until the function that is returned is called. */
  read(cut: () => void, bytes: number, pins: Pins): () => void {
    this.#readers.add(cut);
    if (!this.#stored) this.#pinIn(pins, bytes);
    return () => {
      this.#readers.delete(cut);
      if (this.#readers.size > 0) return;
      this.#pin?.release();
      this.#pin = undefined;
    };
  }

  #pinIn(pins: Pins, bytes: number): void {
    this.#pin ??= pins.add(bytes, () => {
      for (const cut of this.#readers) cut();
    });
  }
}
