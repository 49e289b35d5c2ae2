import { invariant } from "../common/assert.ts";
import { type Clock, type EpochMs, systemClock } from "../common/clock.ts";
import type { Logger } from "../common/log.ts";
import { systemRandom } from "../common/random.ts";
import { parseRedisUrl, type RedisTarget } from "../common/redis-url.ts";
import type { Result } from "../common/result.ts";
import { snapshotEdit } from "./apply.ts";
import type { Change, ChangeBody } from "./change.ts";
import {
  type Decoder,
  decodeHeartbeat,
  decodeMeasured,
  decodeObject,
  decodeReport,
  decodeSecret,
} from "./codec.ts";
import {
  ACKNOWLEDGED_FOR_MS,
  LOG_BYTES_MAX,
  LOG_CHANGES_MAX,
  NODES_MAX,
  OBJECT_RECORD_BYTES_MAX,
  OBJECTS_PER_EDGE_MAX,
  QUICK_PAGE_MAX,
} from "./limits.ts";
import type {
  Heartbeat,
  LoadPlan,
  MeasuredRoundTrips,
  ObjectRecord,
  RoundTripTable,
  RouterReport,
  Snapshot,
} from "./records.ts";
import { BULK_DEADLINE_MS, COMMAND_DEADLINE_MS, RedisConnection } from "./redis/connection.ts";
import {
  DRAINED_FIELD,
  decodeVersion,
  readAppended,
  readEntries,
  readLoadPlan,
  readPage,
  readRecent,
  readRoundTrips,
  readSnapshot,
  SITE_FIELD,
  type Skip,
  TOKEN_FIELD,
} from "./redis/replies.ts";
import * as scripts from "./redis/scripts.ts";
import { SkippedEntries } from "./skipped-entries.ts";
import { type ChangePage, type StateStore, StateUnavailableError } from "./store.ts";

/** Where the shared state lives. */
export interface RedisStateOptions {
  /** One server, its sentinels or the nodes of its cluster: see `parseRedisUrl`. */
  readonly url: string;
  /** Sets CDNs that share one Redis apart. No braces: it becomes the hash tag of all keys. */
  readonly prefix?: string;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** Watchers are woken this often even if nothing was heard: a lost message never matters. */
export const WAKE_EVERY_MS = 1_000;

/** A page of changes ends behind the change that makes it longer than this. */
const PAGE_BYTES_MAX = 256 * 1024;

/** Object records of an edge that stores nothing new are forgotten after this. */
const OBJECTS_TTL_MS = 24 * 3_600_000;

/** Object records in one script call: a script blocks Redis while it runs. */
const OBJECTS_PER_CALL = 200;

/**
 * Opens the state store that machines share. Returns at once, whether Redis is there or not: until
 * it is, calls reject with StateUnavailableError, and the connection is tried for ever.
 */
export function openRedisState(options: RedisStateOptions): StateStore {
  return new RedisState(options);
}

class RedisState implements StateStore {
  readonly kind = "redis";
  readonly #options: RedisStateOptions;
  readonly #clock: Clock;
  readonly #commands: RedisConnection;
  readonly #keyPrefix: string;
  readonly #target: RedisTarget;
  readonly #skip: Skip;
  readonly #watchers = new Set<() => void>();
  #wakes: RedisConnection | undefined;
  #cancelWake: (() => void) | undefined;
  /** The log that the last answer was about. */
  #epoch = "";

  constructor(options: RedisStateOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const prefix = options.prefix ?? "default";
    invariant(/^[^{}]+$/.test(prefix), "a prefix is not empty and has no braces");
    this.#keyPrefix = `meridian:{${prefix}}:`;
    const target = parseRedisUrl(options.url);
    invariant(target.ok, "the URL has been checked by the configuration");
    this.#target = target.value;
    const skipped = new SkippedEntries(options.log);
    this.#skip = (what, reason) => skipped.skip(what, reason);
    this.#commands = this.#connect("commands");
  }

  append(body: ChangeBody, by: string): Promise<Change>;
  append(body: ChangeBody, by: string, expected: number): Promise<Change | undefined>;
  async append(body: ChangeBody, by: string, expected?: number): Promise<Change | undefined> {
    const edit = snapshotEdit(body);
    const { field, value } = fieldOf(edit);
    const bounds = [String(LOG_CHANGES_MAX), String(LOG_BYTES_MAX)];
    const words = [random(), by, JSON.stringify(body), field, value, ...bounds, this.#channel()];
    const reply = await this.#onLog(scripts.APPEND, [...words, String(expected ?? "")]);
    if (expected !== undefined && Array.isArray(reply) && reply.length === 0) return undefined;
    const { epoch, version, at } = checked(readAppended(reply));
    this.#epoch = epoch;
    return { version, at, by, body };
  }

  async snapshot(): Promise<Snapshot> {
    const reply = await this.#onLog(scripts.SNAPSHOT, [], BULK_DEADLINE_MS);
    const snapshot = checked(readSnapshot(reply, this.#skip));
    this.#epoch = snapshot.epoch;
    return snapshot;
  }

  async changesAfter(version: number, limit: number, mark?: string): Promise<ChangePage> {
    const words = [String(version), String(limit), String(PAGE_BYTES_MAX)];
    const deadlineMs = limit > QUICK_PAGE_MAX ? BULK_DEADLINE_MS : COMMAND_DEADLINE_MS;
    const reply = await this.#onLog(scripts.CHANGES, words, deadlineMs);
    const page = checked(readPage(reply, { version, mark }, this.#skip));
    this.#epoch = page.epoch;
    return page;
  }

  async recentChanges(limit: number, before?: number): Promise<readonly Change[]> {
    const reply = await this.#onLog(scripts.RECENT, [String(before ?? ""), String(limit)]);
    return checked(readRecent(reply, this.#skip));
  }

  watch(wake: () => void): () => void {
    // A function of its own, so that watching twice with one function is two watches.
    const watcher = (): void => wake();
    this.#watchers.add(watcher);
    this.#wakes ??= this.#connect("wakes", () => this.#subscribe());
    if (this.#cancelWake === undefined) this.#wakeLater();
    return () => this.#watchers.delete(watcher);
  }

  async acknowledge(node: string, version: number): Promise<void> {
    const words = [node, String(version), String(ACKNOWLEDGED_FOR_MS), String(NODES_MAX)];
    await this.#onLog(scripts.ACKNOWLEDGE, [this.#epoch, ...words]);
  }

  async acknowledgements(): Promise<ReadonlyMap<string, number>> {
    return new Map(await this.#readExpiring("acks", decodeVersion));
  }

  heartbeat(beat: Heartbeat, ttlMs: number): Promise<void> {
    return this.#putExpiring("beats", beat.edge, beat, ttlMs);
  }

  async heartbeats(): Promise<readonly Heartbeat[]> {
    return (await this.#readExpiring("beats", decodeHeartbeat)).map(([, beat]) => beat);
  }

  report(report: RouterReport, ttlMs: number): Promise<void> {
    return this.#putExpiring("reports", report.router, report, ttlMs);
  }

  async reports(): Promise<readonly RouterReport[]> {
    return (await this.#readExpiring("reports", decodeReport)).map(([, report]) => report);
  }

  async agreeOnLoad(proposal: LoadPlan | undefined, ttlMs: number): Promise<LoadPlan | undefined> {
    const proposed =
      proposal === undefined ? [] : [String(proposal.step), JSON.stringify(proposal)];
    const reply = await this.#script(scripts.AGREE_ON_LOAD, ["load"], [String(ttlMs), ...proposed]);
    return checked(readLoadPlan(reply, this.#skip));
  }

  async putRoundTrips(table: Omit<RoundTripTable, "version">): Promise<RoundTripTable> {
    const { at, ...body } = table;
    const words = [String(at), JSON.stringify(body)];
    const put = await this.#script(
      scripts.PUT_ROUND_TRIPS,
      ["round-trips"],
      words,
      BULK_DEADLINE_MS,
    );
    return { ...table, version: checked(decodeVersion(String(put))) };
  }

  async roundTrips(
    known?: Pick<RoundTripTable, "version" | "at">,
  ): Promise<RoundTripTable | undefined> {
    const words = known === undefined ? ["", ""] : [String(known.version), String(known.at)];
    const reply = await this.#script(scripts.ROUND_TRIPS, ["round-trips"], words, BULK_DEADLINE_MS);
    return checked(readRoundTrips(reply, this.#skip));
  }

  measured(report: MeasuredRoundTrips, ttlMs: number): Promise<void> {
    return this.#putExpiring("measured", report.edge, report, ttlMs);
  }

  async measurements(): Promise<readonly MeasuredRoundTrips[]> {
    const found = await this.#readExpiring("measured", decodeMeasured, BULK_DEADLINE_MS);
    return found.map(([, report]) => report);
  }

  async recordObjects(
    edge: string,
    stored: readonly ObjectRecord[],
    dropped: readonly string[],
  ): Promise<void> {
    const calls: string[][] = [];
    const limits = [String(OBJECTS_TTL_MS), String(OBJECTS_PER_EDGE_MAX)];
    for (const some of chunks(stored.slice(-OBJECTS_PER_EDGE_MAX))) {
      const records = some.map(objectWords).filter((words) => words.length > 0);
      calls.push([...limits, String(records.length), ...records.flat()]);
    }
    for (const some of chunks(dropped)) calls.push([...limits, "0", ...some]);
    // Sent together and answered in this order, so that the deadline is that of one.
    await Promise.all(
      calls.map((words) => this.#script(scripts.RECORD_OBJECTS, objectKeys(edge), words)),
    );
  }

  async objects(edge: string, limit: number, now: EpochMs): Promise<readonly ObjectRecord[]> {
    const words = [String(limit), String(now)];
    const reply = await this.#script(scripts.NEWEST_OBJECTS, objectKeys(edge), words);
    const named = Array.isArray(reply) ? reply.flatMap((json: unknown) => [edge, json]) : reply;
    const entries = checked(readEntries(named, "object of", decodeObject, this.#skip));
    return entries.map(([, record]) => record);
  }

  async sharedSecret(name: string, proposed: string): Promise<string> {
    const reply = await this.#script(scripts.SHARED_SECRET, ["secrets"], [name, proposed]);
    return checked(decodeSecret(String(reply)));
  }

  async lease(name: string, holder: string, ttlMs: number): Promise<boolean> {
    const words = [holder, String(ttlMs)];
    return (await this.#script(scripts.LEASE, [`lease:${name}`], words)) === 1;
  }

  isUp(): boolean {
    return this.#commands.isUp();
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    this.#cancelWake?.();
    this.#commands.close();
    this.#wakes?.close();
  }

  #connect(purpose: string, onReady?: () => void): RedisConnection {
    const { log } = this.#options;
    const where = { target: this.#target, key: `${this.#keyPrefix}now` };
    const base = { ...where, purpose, log, clock: this.#clock, random: systemRandom };
    return new RedisConnection(onReady === undefined ? base : { ...base, onReady });
  }

  /** Runs a script that begins with the head of the log. */
  #onLog(script: string, words: readonly string[], deadlineMs?: number): Promise<unknown> {
    return this.#script(script, ["now", "log", "acks"], [random(), ...words], deadlineMs);
  }

  #script(
    text: string,
    keys: readonly string[],
    words: readonly string[],
    deadlineMs = COMMAND_DEADLINE_MS,
  ): Promise<unknown> {
    const names = keys.map((key) => this.#keyPrefix + key);
    const command = ["EVAL", text, String(keys.length), ...names, ...words];
    return this.#commands.command(command, deadlineMs);
  }

  async #putExpiring(key: string, name: string, value: unknown, ttlMs: number): Promise<void> {
    const words = [name, JSON.stringify(value), String(ttlMs), String(NODES_MAX)];
    await this.#script(scripts.PUT_EXPIRING, [key], words);
  }

  async #readExpiring<T>(
    key: string,
    decode: Decoder<T>,
    deadlineMs = COMMAND_DEADLINE_MS,
  ): Promise<(readonly [string, T])[]> {
    const reply = await this.#script(scripts.READ_EXPIRING, [key], [], deadlineMs);
    return checked(readEntries(reply, key, decode, this.#skip));
  }

  #channel(): string {
    return `${this.#keyPrefix}wake`;
  }

  #subscribe(): void {
    this.#wakes
      ?.subscribe(this.#channel(), () => this.#wakeAll())
      .catch((error: unknown) => {
        // The connection broke again; the next one subscribes.
        this.#options.log.debug({ event: "redis-subscribe-failed", err: error });
      });
    // Messages may have been missed while there was no connection.
    this.#wakeAll();
  }

  #wakeLater(): void {
    this.#cancelWake = this.#clock.after(WAKE_EVERY_MS, () => {
      this.#wakeAll();
      this.#wakeLater();
    });
  }

  #wakeAll(): void {
    for (const wake of this.#watchers) {
      try {
        wake();
      } catch (error) {
        this.#options.log.error({ event: "state-watcher-failed", err: error });
      }
    }
  }
}

/** The field of the snapshot hash that a change sets, or deletes if the value is empty. */
function fieldOf(edit: ReturnType<typeof snapshotEdit>): { field: string; value: string } {
  switch (edit.kind) {
    case "put-site":
      return { field: SITE_FIELD + edit.name, value: JSON.stringify(edit.site) };
    case "delete-site":
      return { field: SITE_FIELD + edit.name, value: "" };
    case "put-drained":
      return { field: DRAINED_FIELD + edit.name, value: "1" };
    case "delete-drained":
      return { field: DRAINED_FIELD + edit.name, value: "" };
    case "put-token":
      return { field: TOKEN_FIELD + edit.name, value: JSON.stringify(edit.token) };
    case "delete-token":
      return { field: TOKEN_FIELD + edit.name, value: "" };
    case "put-record":
      return { field: `${edit.table}:${edit.name}`, value: JSON.stringify(edit.record) };
    case "delete-record":
      return { field: `${edit.table}:${edit.name}`, value: "" };
    case "none":
      return { field: "", value: "" };
  }
}

function objectKeys(edge: string): readonly string[] {
  return [`objects:${edge}`, `objects-at:${edge}`];
}

/** Key, time and value as the script takes them; nothing if the record is too long. */
function objectWords(record: ObjectRecord): string[] {
  const json = JSON.stringify(record);
  if (json.length > OBJECT_RECORD_BYTES_MAX) return [];
  const freshUntil = Math.max(0, Math.trunc(record.freshUntil));
  return [record.key, String(record.storedAt), `${freshUntil}:${json}`];
}

function chunks<T>(all: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let i = 0; i < all.length; i += OBJECTS_PER_CALL) {
    result.push(all.slice(i, i + OBJECTS_PER_CALL));
  }
  return result;
}

/** An identity that nobody else makes up. */
function random(): string {
  return Buffer.from(systemRandom.bytes(8)).toString("hex");
}

/** The value of a reply; one that makes no sense is as bad as none. */
function checked<T>(result: Result<T, string>): T {
  if (result.ok) return result.value;
  throw new StateUnavailableError(`Redis: ${result.error}`);
}
