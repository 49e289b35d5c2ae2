import type { Rrset } from "../zone/zone.ts";

/** Signatures of one set of records, and until when they serve. Seconds since 1970. */
export interface CachedSignatures {
  /** What is signed. */
  readonly rrset: Rrset;
  /** The data of RRSIG records. */
  readonly rrsigs: readonly Uint8Array[];
  /** From then on new ones should be made when there is time. */
  readonly dueAt: number;
  /** From then on these are not given out any more. */
  readonly staleAt: number;
}

/** A signature that was made for a query, and whether it was used since it was last looked at. */
interface MadeEntry {
  readonly signatures: CachedSignatures;
  isUsed: boolean;
}

/** Default of the most sets whose signatures are made ahead. Each takes about 300 octets. */
export const AHEAD_MAX = 100_000;

/** Default of the most sets whose signatures are kept because a query needed them. */
export const MADE_MAX = 50_000;

/** How many used entries one insertion looks at before it throws one out all the same. */
const SECOND_CHANCES_MAX = 8;

/**
 * Signatures by a text that stands for zone, key and records. What was made ahead stays; what
 * queries made is bounded and thrown out first come, first served, unless it was used: so a flood
 * of names that do not exist drives out its own signatures and not those of steered answers.
 */
export class SignatureCache {
  #ahead: ReadonlyMap<string, CachedSignatures> = new Map();
  readonly #made = new Map<string, MadeEntry>();
  readonly #madeMax: number;
  /** Found, since the start. */
  hits = 0;

  constructor(madeMax: number = MADE_MAX) {
    this.#madeMax = madeMax;
  }

  /** Sets whose signatures are kept, by why they are. */
  get counts(): { readonly ahead: number; readonly made: number } {
    return { ahead: this.#ahead.size, made: this.#made.size };
  }

  /** The signatures of a set, good at `now`. */
  get(key: string, now: number): CachedSignatures | undefined {
    const ahead = this.#ahead.get(key);
    if (ahead !== undefined && now < ahead.staleAt) {
      this.hits += 1;
      return ahead;
    }
    const made = this.#made.get(key);
    if (made === undefined || now >= made.signatures.staleAt) return undefined;
    this.hits += 1;
    made.isUsed = true;
    return made.signatures;
  }

  /** The signatures of a set, whether they are still good or not. */
  peek(key: string): CachedSignatures | undefined {
    return this.#ahead.get(key) ?? this.#made.get(key)?.signatures;
  }

  /** Keeps what a query needed. */
  put(key: string, signatures: CachedSignatures): void {
    if (!this.#made.has(key) && this.#made.size >= this.#madeMax) this.#makeRoom();
    this.#made.set(key, { signatures, isUsed: false });
  }

  /**
   * Replaces what was made ahead. What is not in it any more is kept like what queries made, if
   * `isAlive` says that it can still be asked for: an edge that is gone may be back soon.
   */
  replaceAhead(
    ahead: ReadonlyMap<string, CachedSignatures>,
    isAlive: (key: string) => boolean,
  ): void {
    const before = this.#ahead;
    this.#ahead = ahead;
    for (const key of ahead.keys()) this.#made.delete(key);
    for (const [key, signatures] of before) {
      if (!ahead.has(key) && isAlive(key)) this.put(key, signatures);
    }
  }

  #makeRoom(): void {
    let chances = SECOND_CHANCES_MAX;
    for (const [key, entry] of this.#made) {
      this.#made.delete(key);
      if (!entry.isUsed || chances === 0) return;
      chances -= 1;
      this.#made.set(key, { signatures: entry.signatures, isUsed: false });
    }
  }
}
