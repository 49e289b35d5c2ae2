import type { DatabaseSync, StatementSync } from "node:sqlite";
import { unreachable } from "../common/assert.ts";
import { type Clock, type EpochMs, systemClock } from "../common/clock.ts";
import { type Logger, silentLogger } from "../common/log.ts";
import { systemRandom } from "../common/random.ts";
import { type SnapshotEdit, snapshotEdit } from "./apply.ts";
import type { RecordKind, RecordKinds } from "./certificates.ts";
import type { Change, ChangeBody } from "./change.ts";
import {
  type Decoder,
  decodeChangeBody,
  decodeRoundTrips,
  decodeSecret,
  decodeSite,
  decodeToken,
  RECORD_DECODERS,
} from "./codec.ts";
import { openStateFile } from "./embedded-file.ts";
import { ExpiringMap } from "./expiring-map.ts";
import {
  ACKNOWLEDGED_FOR_MS,
  LEASES_MAX,
  LOG_BYTES_MAX,
  LOG_CHANGES_MAX,
  NODES_MAX,
  OBJECT_RECORD_BYTES_MAX,
  OBJECTS_PER_EDGE_MAX,
} from "./limits.ts";
import { ObjectTable } from "./object-table.ts";
import type {
  Heartbeat,
  LoadPlan,
  MeasuredRoundTrips,
  ObjectRecord,
  RoundTripTable,
  RouterReport,
  Snapshot,
} from "./records.ts";
import { SkippedEntries } from "./skipped-entries.ts";
import { type ChangePage, type StateStore, StateUnavailableError } from "./store.ts";

/** Where the state of a single process lives. */
export interface EmbeddedStateOptions {
  /** Path of the file, created if it is not there; `:memory:` keeps nothing. */
  readonly file: string;
  readonly log?: Logger;
  readonly clock?: Clock;
}

/**
 * Opens the state store of a single process: `node:sqlite`, one transaction per change. Sites,
 * drains and the log survive a restart; heartbeats, reports, acknowledgements and object
 * records are of running parts and live in memory.
 *
 * Throws StateFileError, which names the file and the remedy, if the file cannot be used.
 */
export function openEmbeddedState(options: EmbeddedStateOptions): StateStore {
  return new EmbeddedState(options);
}

class EmbeddedState implements StateStore {
  readonly kind = "embedded";
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #epoch: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #skipped: SkippedEntries;
  readonly #watchers = new Set<() => void>();
  readonly #acknowledged = new ExpiringMap<number>(NODES_MAX);
  readonly #heartbeats = new ExpiringMap<Heartbeat>(NODES_MAX);
  readonly #reports = new ExpiringMap<RouterReport>(NODES_MAX);
  readonly #measured = new ExpiringMap<MeasuredRoundTrips>(NODES_MAX);
  readonly #loadPlan = new ExpiringMap<LoadPlan>(1);
  readonly #leases = new ExpiringMap<string>(LEASES_MAX);
  readonly #objects = new Map<string, ObjectTable>();
  /** Of all bodies in the log. */
  #logBytes: number;
  #open = true;
  /** False after the file could not be read or written, until it can be again. */
  #working = true;

  constructor(options: EmbeddedStateOptions) {
    this.#log = options.log ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#skipped = new SkippedEntries(this.#log);
    const newEpoch = Buffer.from(systemRandom.bytes(8)).toString("hex");
    this.#db = openStateFile(options.file, newEpoch);
    this.#sql = prepare(this.#db);
    this.#logBytes = Number(this.#sql.bytes.get()?.["bytes"]);
    this.#epoch = String(this.#sql.head.get()?.["epoch"]);
  }

  append(body: ChangeBody, by: string): Promise<Change>;
  append(body: ChangeBody, by: string, expected: number): Promise<Change | undefined>;
  append(body: ChangeBody, by: string, expected?: number): Promise<Change | undefined> {
    return this.#answer(() => {
      if (expected !== undefined && expected !== this.#version()) return undefined;
      const change = this.#write(body, by);
      for (const wake of this.#watchers) queueMicrotask(() => this.#wakeOne(wake));
      return change;
    });
  }

  snapshot(): Promise<Snapshot> {
    return this.#answer(() => ({
      epoch: this.#epoch,
      version: this.#version(),
      sites: this.#read("site", this.#sql.sites.all(), decodeSite),
      drained: this.#sql.drained.all().map(({ edge }) => String(edge)),
      tokens: this.#read("token", this.#sql.tokens.all(), decodeToken),
      certificates: this.#readRecords("certificate"),
      challenges: this.#readRecords("challenge"),
      orders: this.#readRecords("order"),
      accounts: this.#readRecords("account"),
    }));
  }

  changesAfter(version: number, limit: number): Promise<ChangePage> {
    return this.#answer(() => {
      const head = this.#version();
      const oldest = Number(this.#sql.oldest.get()?.["version"] ?? head + 1);
      const complete = version <= head && version + 1 >= oldest;
      const changes = complete ? this.#readChanges(this.#sql.changes, version, limit) : [];
      return { changes, complete, epoch: this.#epoch, head };
    });
  }

  recentChanges(limit: number, before?: number): Promise<readonly Change[]> {
    return this.#answer(() =>
      this.#readChanges(this.#sql.recent, before ?? Number.MAX_SAFE_INTEGER, limit),
    );
  }

  watch(wake: () => void): () => void {
    // A function of its own, so that watching twice with one function is two watches.
    const watcher = (): void => wake();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  acknowledge(node: string, version: number): Promise<void> {
    return this.#answer(() => {
      this.#acknowledged.set(node, version, this.#clock.monotonic(), ACKNOWLEDGED_FOR_MS);
    });
  }

  acknowledgements(): Promise<ReadonlyMap<string, number>> {
    return this.#answer(() => new Map(this.#acknowledged.live(this.#clock.monotonic())));
  }

  heartbeat(beat: Heartbeat, ttlMs: number): Promise<void> {
    return this.#answer(() => {
      this.#heartbeats.set(beat.edge, beat, this.#clock.monotonic(), ttlMs);
    });
  }

  heartbeats(): Promise<readonly Heartbeat[]> {
    return this.#answer(() => values(this.#heartbeats.live(this.#clock.monotonic())));
  }

  report(report: RouterReport, ttlMs: number): Promise<void> {
    return this.#answer(() => {
      this.#reports.set(report.router, report, this.#clock.monotonic(), ttlMs);
    });
  }

  reports(): Promise<readonly RouterReport[]> {
    return this.#answer(() => values(this.#reports.live(this.#clock.monotonic())));
  }

  agreeOnLoad(proposal: LoadPlan | undefined, ttlMs: number): Promise<LoadPlan | undefined> {
    return this.#answer(() => {
      const now = this.#clock.monotonic();
      const inForce = this.#loadPlan.live(now)[0]?.[1];
      if (proposal === undefined || (inForce && proposal.step !== inForce.step + 1)) return inForce;
      this.#loadPlan.set("plan", proposal, now, ttlMs);
      return proposal;
    });
  }

  putRoundTrips(table: Omit<RoundTripTable, "version">): Promise<RoundTripTable> {
    return this.#answer(() => {
      const put = { ...table, version: (this.#roundTrips()?.version ?? 0) + 1 };
      this.#db.exec("PRAGMA synchronous = FULL");
      this.#sql.putRecord.run(ROUND_TRIPS, ROUND_TRIPS, JSON.stringify(put));
      return put;
    });
  }

  roundTrips(known?: Pick<RoundTripTable, "version" | "at">): Promise<RoundTripTable | undefined> {
    return this.#answer(() => {
      const table = this.#roundTrips();
      return table?.version === known?.version && table?.at === known?.at ? undefined : table;
    });
  }

  measured(report: MeasuredRoundTrips, ttlMs: number): Promise<void> {
    return this.#answer(() => {
      this.#measured.set(report.edge, report, this.#clock.monotonic(), ttlMs);
    });
  }

  measurements(): Promise<readonly MeasuredRoundTrips[]> {
    return this.#answer(() => values(this.#measured.live(this.#clock.monotonic())));
  }

  recordObjects(
    edge: string,
    stored: readonly ObjectRecord[],
    dropped: readonly string[],
  ): Promise<void> {
    return this.#answer(() => {
      const fitting = stored.filter((it) => JSON.stringify(it).length <= OBJECT_RECORD_BYTES_MAX);
      const table = this.#objects.get(edge) ?? new ObjectTable(OBJECTS_PER_EDGE_MAX);
      this.#objects.set(edge, table);
      table.note(fitting, dropped);
    });
  }

  objects(edge: string, limit: number, now: EpochMs): Promise<readonly ObjectRecord[]> {
    return this.#answer(() => this.#objects.get(edge)?.newest(limit, now) ?? []);
  }

  sharedSecret(name: string, proposed: string): Promise<string> {
    return this.#answer(() => {
      const kept = decodeSecret(String(this.#sql.secret.get(name)?.["body"]));
      if (kept.ok) return kept.value;
      this.#sql.putSecret.run(name, proposed);
      return proposed;
    });
  }

  lease(name: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.#answer(() => {
      const now = this.#clock.monotonic();
      const held = this.#leases.live(now).find(([held]) => held === name)?.[1];
      if (held !== undefined && held !== holder) return false;
      this.#leases.set(name, holder, now, ttlMs);
      return ttlMs > 0;
    });
  }

  isUp(): boolean {
    return this.#open && this.#working;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#watchers.clear();
    this.#db.close();
  }

  /** Runs one call to its end; whatever fails becomes the rejection that the contract names. */
  async #answer<T>(work: () => T): Promise<T> {
    if (!this.#open) throw new StateUnavailableError("the state store is closed");
    try {
      const result = work();
      this.#working = true;
      return result;
    } catch (error) {
      this.#working = false;
      this.#log.error({ event: "state-file-failed", err: error });
      throw new StateUnavailableError("the state file cannot be used", { cause: error });
    }
  }

  #write(body: ChangeBody, by: string): Change {
    const edit = snapshotEdit(body);
    // What is configured must survive a power cut, at the price of a sync to disk. A purge must
    // survive as long as the objects that it kills, which are in memory.
    this.#db.exec(`PRAGMA synchronous = ${edit.kind === "none" ? "NORMAL" : "FULL"}`);
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const change: Change = { version: this.#version() + 1, at: this.#clock.now(), by, body };
      const json = JSON.stringify(body);
      this.#sql.append.run(change.version, Math.trunc(change.at), by, json);
      this.#sql.setHead.run(change.version);
      const logBytes = this.#trim(change.version, this.#logBytes + Buffer.byteLength(json));
      this.#edit(edit);
      this.#db.exec("COMMIT");
      this.#logBytes = logBytes;
      return change;
    } catch (error) {
      // SQLite has rolled back by itself after some errors, such as a full disk.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Drops the oldest changes while the log is too long; gives the bytes that are left. */
  #trim(head: number, logBytes: number): number {
    let left = logBytes;
    for (;;) {
      const oldest = this.#sql.oldest.get();
      const version = Number(oldest?.["version"] ?? head);
      const fits = head - version < LOG_CHANGES_MAX && left <= LOG_BYTES_MAX;
      if (fits || version >= head) return left;
      this.#sql.drop.run(version);
      left -= Number(oldest?.["bytes"]);
    }
  }

  #edit(edit: SnapshotEdit): void {
    switch (edit.kind) {
      case "put-site":
        this.#sql.putSite.run(edit.name, JSON.stringify(edit.site));
        return;
      case "delete-site":
        this.#sql.deleteSite.run(edit.name);
        return;
      case "put-drained":
        this.#sql.putDrained.run(edit.name);
        return;
      case "delete-drained":
        this.#sql.deleteDrained.run(edit.name);
        return;
      case "put-token":
        this.#sql.putToken.run(edit.name, JSON.stringify(edit.token));
        return;
      case "delete-token":
        this.#sql.deleteToken.run(edit.name);
        return;
      case "put-record":
        this.#sql.putRecord.run(edit.table, edit.name, JSON.stringify(edit.record));
        return;
      case "delete-record":
        this.#sql.deleteRecord.run(edit.table, edit.name);
        return;
      case "none":
        return;
      default:
        return unreachable(edit);
    }
  }

  #version(): number {
    return Number(this.#sql.head.get()?.["version"]);
  }

  /** All rows of a table of names and JSON; those that cannot be read are left out. */
  #read<T>(kind: string, rows: readonly Row[], decode: Decoder<T>): T[] {
    const found: T[] = [];
    for (const { name, body } of rows) {
      const value = decode(String(body));
      if (value.ok) found.push(value.value);
      else this.#skipped.skip(`${kind} ${String(name)}`, value.error);
    }
    return found;
  }

  #readRecords<K extends RecordKind>(kind: K): RecordKinds[K][] {
    return this.#read<RecordKinds[K]>(kind, this.#sql.records.all(kind), RECORD_DECODERS[kind]);
  }

  #roundTrips(): RoundTripTable | undefined {
    return this.#read("round trips", this.#sql.records.all(ROUND_TRIPS), decodeRoundTrips)[0];
  }

  #readChanges(rows: StatementSync, from: number, limit: number): Change[] {
    const changes: Change[] = [];
    for (const row of rows.all(from, limit)) {
      const version = Number(row["version"]);
      const body = decodeChangeBody(String(row["body"]));
      if (body.ok) {
        changes.push({ version, at: Number(row["at"]), by: String(row["by"]), body: body.value });
      } else this.#skipped.skip(`change ${version}`, body.error);
    }
    return changes;
  }

  #wakeOne(wake: () => void): void {
    if (!this.#watchers.has(wake)) return;
    try {
      wake();
    } catch (error) {
      this.#log.error({ event: "state-watcher-failed", err: error });
    }
  }
}

/** Kind and name of the one record of told round trips. */
const ROUND_TRIPS = "round-trips";

/** What SQLite answers, a value per column. */
type Row = Readonly<Record<string, unknown>>;

/** Length of a body in UTF-8. */
const BYTES = "length(CAST(body AS BLOB))";

function prepare(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text);
  return {
    head: sql("SELECT epoch, version FROM head"),
    setHead: sql("UPDATE head SET version = ?"),
    append: sql("INSERT INTO change (version, at, by, body) VALUES (?, ?, ?, ?)"),
    drop: sql("DELETE FROM change WHERE version = ?"),
    oldest: sql(`SELECT version, ${BYTES} AS bytes FROM change ORDER BY version LIMIT 1`),
    bytes: sql(`SELECT coalesce(sum(${BYTES}), 0) AS bytes FROM change`),
    changes: sql("SELECT * FROM change WHERE version > ? ORDER BY version LIMIT ?"),
    recent: sql("SELECT * FROM change WHERE version < ? ORDER BY version DESC LIMIT ?"),
    sites: sql("SELECT name, body FROM site ORDER BY name"),
    putSite: sql("INSERT INTO site VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"),
    deleteSite: sql("DELETE FROM site WHERE name = ?"),
    drained: sql("SELECT edge FROM drained ORDER BY edge"),
    putDrained: sql("INSERT INTO drained VALUES (?) ON CONFLICT DO NOTHING"),
    deleteDrained: sql("DELETE FROM drained WHERE edge = ?"),
    tokens: sql("SELECT name, body FROM token ORDER BY name"),
    putToken: sql("INSERT INTO token VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"),
    deleteToken: sql("DELETE FROM token WHERE name = ?"),
    records: sql("SELECT name, body FROM record WHERE kind = ? ORDER BY name"),
    putRecord: sql(
      "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
    ),
    deleteRecord: sql("DELETE FROM record WHERE kind = ? AND name = ?"),
    secret: sql("SELECT body FROM secret WHERE name = ?"),
    putSecret: sql(
      "INSERT INTO secret VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
    ),
  };
}

function values<V>(entries: readonly (readonly [string, V])[]): V[] {
  return entries.map(([, value]) => value);
}
