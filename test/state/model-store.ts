import type { Clock } from "../../common/clock.ts";
import { applyChange, type View } from "../../state/apply.ts";
import { noRecords, recordMaps } from "../../state/certificates.ts";
import type { Change, ChangeBody } from "../../state/change.ts";
import type { Snapshot } from "../../state/records.ts";
import { type ChangePage, type StateStore, StateUnavailableError } from "../../state/store.ts";

/** How the store behaves towards its callers. */
export type ModelMode = "up" | "refuses" | "hangs";

/** The deadline of a call, as the contract demands one. */
const DEADLINE_MS = 500;

interface Entry {
  readonly change: Change;
  readonly view: View;
}

/**
 * A store in memory that fails as real ones do: it refuses, hangs until the deadline, cuts its log
 * short, falls back to an old backup, or loses everything. Only what a follower uses is there.
 */
export class ModelStore implements Pick<StateStore, "snapshot" | "changesAfter" | "watch"> {
  readonly #clock: Clock;
  #entries: Entry[] = [];
  #epoch = 0;
  #oldest = 1;
  #serial = 0;
  #wake: (() => void) | undefined;
  mode: ModelMode = "up";
  /** False: appends are not announced, as if the message were lost. */
  announces = true;
  /** What was acknowledged, in order. */
  readonly acknowledged: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is in force at the head. */
  head(): View {
    return this.#entries.at(-1)?.view ?? this.#empty();
  }

  /** The store as a follower takes it. */
  asStore(): StateStore {
    return this as unknown as StateStore;
  }

  /** Appends, whatever callers see of the store; every change says `by` which one it is. */
  appendNow(body: ChangeBody): Change {
    const before = this.head();
    this.#serial += 1;
    const by = `change-${this.#serial}`;
    const change: Change = { version: before.version + 1, at: this.#clock.now(), by, body };
    this.#entries.push({ change, view: applyChange(before, change) });
    if (this.announces && this.mode === "up") this.#wake?.();
    return change;
  }

  /** The log forgets all but its newest entries. */
  trim(kept: number): void {
    this.#oldest = Math.max(this.#oldest, this.head().version - kept + 1);
  }

  /** The newest entries are gone, as after a failover; the epoch stays. Gives their names. */
  loseNewest(count: number): readonly string[] {
    const lost = this.#entries.splice(Math.max(0, this.#entries.length - count));
    return lost.map(({ change }) => change.by);
  }

  /** Everything is gone, and a new log begins. */
  loseAll(): void {
    this.#entries = [];
    this.#epoch += 1;
    this.#oldest = 1;
  }

  snapshot(): Promise<Snapshot> {
    return this.#answer(() => {
      const { epoch, version, sites, drained, tokens, ...maps } = this.head();
      return {
        epoch,
        version,
        mark: this.#mark(version),
        sites: [...sites.values()],
        drained: [...drained],
        tokens: [...tokens.values()],
        certificates: [...maps.certificates.values()],
        challenges: [...maps.challenges.values()],
        orders: [...maps.orders.values()],
        accounts: [...maps.accounts.values()],
      };
    });
  }

  changesAfter(version: number, limit: number, mark?: string): Promise<ChangePage> {
    return this.#answer(() => {
      const head = this.head().version;
      const { epoch } = this.#empty();
      const sameLog = version === 0 || mark === undefined || mark === this.#mark(version);
      if (version > head || version + 1 < this.#oldest || !sameLog) {
        return { changes: [], complete: false, epoch, head };
      }
      const changes = this.#entries.slice(version, version + limit).map(({ change }) => change);
      return { changes, complete: true, epoch, head, mark: this.#mark(version + changes.length) };
    });
  }

  watch(wake: () => void): () => void {
    this.#wake = wake;
    return () => {
      this.#wake = undefined;
    };
  }

  acknowledge(_node: string, version: number): Promise<void> {
    return this.#answer(() => {
      this.acknowledged.push(version);
    });
  }

  #answer<T>(work: () => T): Promise<T> {
    if (this.mode === "up") return Promise.resolve().then(work);
    const error = new StateUnavailableError(`the model ${this.mode}`);
    if (this.mode === "refuses") return Promise.reject(error);
    return new Promise((_, reject) => {
      this.#clock.after(DEADLINE_MS, () => reject(error));
    });
  }

  #mark(version: number): string {
    return this.#entries[version - 1]?.change.by ?? "";
  }

  #empty(): View {
    const nothing = { sites: new Map(), drained: new Set<string>(), tokens: new Map() };
    const records = recordMaps(noRecords());
    return { epoch: `epoch-${this.#epoch}`, version: 0, ...nothing, ...records };
  }
}
