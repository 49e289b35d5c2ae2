import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { ObjectRecord } from "../../state/records.ts";
import type { StateStore } from "../../state/store.ts";
import { currentAgeSeconds } from "../decide/age.ts";
import { freshnessLifetimeSeconds } from "../decide/freshness.ts";
import { singleField } from "../http/fields.ts";
import { type CacheObject, isPartKey } from "../store/store.ts";

/** From one batch to the next. */
const BATCH_MS = 1_000;

/** Records that wait for the next batch; more are dropped and counted. */
const PENDING_MAX = 2_000;

/** How many records went where: the label values of `edge_object_records_total{result}`. */
export type RecordResult = "sent" | "dropped";

/**
 * Tells the state store in the background what this edge stores and no longer stores. The path of a
 * request only ever appends to a bounded list; a store that is slow or gone costs records, not
 * time.
 */
export class ObjectRecorder {
  readonly #edge: string;
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #count: (result: RecordResult, amount: number) => void;
  #stored = new Map<string, ObjectRecord>();
  #dropped = new Set<string>();
  #sending = false;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(
    edge: string,
    options: {
      readonly store: StateStore;
      readonly clock: Clock;
      readonly log: Logger;
      readonly count: (result: RecordResult, amount: number) => void;
    },
  ) {
    this.#edge = edge;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#count = options.count;
  }

  /** Notes an object that has been stored. */
  noteStored(object: Omit<CacheObject, "chunks" | "id">): void {
    if (this.#isFull()) return;
    const record = this.#record(object);
    this.#dropped.delete(record.key);
    this.#stored.set(record.key, record);
  }

  /** Notes an object that has left the store. Parts of an object are no objects to people. */
  noteDropped(object: CacheObject): void {
    if (isPartKey(object.key) || this.#isFull()) return;
    const key = recordKey(object);
    this.#stored.delete(key);
    this.#dropped.add(key);
  }

  /** Sends a batch every second from now on. */
  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#clock.after(BATCH_MS, () => {
      this.#send();
      this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #isFull(): boolean {
    const isFull = this.#stored.size + this.#dropped.size >= PENDING_MAX;
    if (isFull) this.#count("dropped", 1);
    return isFull;
  }

  #send(): void {
    const amount = this.#stored.size + this.#dropped.size;
    if (amount === 0 || this.#sending) return;
    const stored = [...this.#stored.values()];
    const dropped = [...this.#dropped];
    this.#stored = new Map();
    this.#dropped = new Set();
    this.#sending = true;
    const sent = this.#store
      .recordObjects(this.#edge, stored, dropped)
      .then(() => this.#count("sent", amount))
      .catch((error: unknown) => {
        this.#count("dropped", amount);
        this.#log.debug({ event: "object-records-failed", amount, err: error });
      })
      .finally(() => {
        this.#sending = false;
      });
    background(this.#log, "object-records", sent);
  }

  #record(object: Omit<CacheObject, "chunks" | "id">): ObjectRecord {
    const { site, url, response, bodyBytes } = object;
    const now = this.#clock.now();
    const ttlSeconds = freshnessLifetimeSeconds(response) - currentAgeSeconds(response, now);
    const etag = singleField(response.fields, "etag");
    return {
      key: recordKey(object),
      site,
      url,
      status: response.status,
      bytes: bodyBytes,
      storedAt: response.times.responseTime,
      freshUntil: now + ttlSeconds * 1000,
      ...(etag === undefined ? {} : { etag }),
    };
  }
}

/** The primary key, and behind it what the variant was selected by. */
function recordKey({ key, response }: Pick<CacheObject, "key" | "response">): string {
  const selected = response.varyOn.map(([name, value]) => `${name}=${value}`);
  return selected.length === 0 ? key : `${key} ${selected.join("&")}`;
}
