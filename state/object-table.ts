import type { EpochMs } from "../common/clock.ts";
import type { ObjectRecord } from "./records.ts";

/** What one edge is known to store (P). Bounded: the records stored longest ago leave. */
export class ObjectTable {
  /** In the order in which they were noted, which is that of `storedAt` as far as it matters. */
  readonly #records = new Map<string, ObjectRecord>();
  readonly #recordsMax: number;

  constructor(recordsMax: number) {
    this.#recordsMax = recordsMax;
  }

  /** Notes and forgets objects, in this order. */
  note(stored: readonly ObjectRecord[], dropped: readonly string[]): void {
    for (const record of stored) {
      this.#records.delete(record.key);
      this.#records.set(record.key, record);
    }
    for (const key of dropped) this.#records.delete(key);
    for (const key of this.#records.keys()) {
      if (this.#records.size <= this.#recordsMax) break;
      this.#records.delete(key);
    }
  }

  /** The newest records whose objects are fresh at `now`; forgets the others. */
  newest(limit: number, now: EpochMs): ObjectRecord[] {
    for (const [key, record] of this.#records) {
      if (record.freshUntil <= now) this.#records.delete(key);
    }
    return [...this.#records.values()].sort((a, b) => b.storedAt - a.storedAt).slice(0, limit);
  }
}
