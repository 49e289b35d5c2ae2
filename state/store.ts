import type { EpochMs } from "../common/clock.ts";
import type { Change, ChangeBody } from "./change.ts";
import type {
  Heartbeat,
  LoadPlan,
  MeasuredRoundTrips,
  ObjectRecord,
  RoundTripTable,
  RouterReport,
  Snapshot,
} from "./records.ts";

/** The store could not be reached or did not answer in time. Nothing is known about the effect. */
export class StateUnavailableError extends Error {
  override readonly name = "StateUnavailableError";
}

/**
 * What the machines of a CDN share. Two implementations keep this one contract: embedded
 * (`node:sqlite`, one process) and Redis. `test/contract/state-contract.ts` runs on both.
 *
 * Nobody waits for it on a request's or a query's path. Every call has a deadline inside the
 * implementation and rejects with StateUnavailableError when it passes, never later.
 */
export interface StateStore {
  readonly kind: "embedded" | "redis";

  /**
   * Appends one change to the ordered log, applies it to the snapshot in the same step, and gives
   * it the next version. The body has been validated by the caller. Wakes all watchers.
   *
   * With `expected`, only if the newest version is that one; else nothing happens and the answer is
   * undefined. So a decision that rests on a snapshot cannot be overtaken, whoever else decides.
   */
  append(body: ChangeBody, by: string): Promise<Change>;
  append(body: ChangeBody, by: string, expected: number): Promise<Change | undefined>;

  /** Everything that is in force now, and the version that it stands for. */
  snapshot(): Promise<Snapshot>;

  /**
   * The changes after `version`, oldest first, at most `limit` of them. `complete` is false when
   * the log no longer reaches back to `version` (it is bounded): the caller must then take a
   * snapshot, and treat everything that it has stored as purged.
   *
   * `mark` is what a page or snapshot that ended at `version` came with, if anything. A log that
   * lost its newest entries (a failover, an old backup) and grew again has other entries under
   * known versions; `complete` is then false too.
   */
  changesAfter(version: number, limit: number, mark?: string): Promise<ChangePage>;

  /**
   * The newest changes below version `before` (left out: the newest of all), newest first, at most
   * `limit`. Those that the log has dropped or cannot be read are left out.
   */
  recentChanges(limit: number, before?: number): Promise<readonly Change[]>;

  /** Calls `wake` soon after each append, by anybody; maybe too often, never with data. */
  watch(wake: () => void): () => void;

  /** Says that `node` has applied everything up to `version`. */
  acknowledge(node: string, version: number): Promise<void>;

  /** The version that each node has acknowledged; nodes not heard of for a while are forgotten. */
  acknowledgements(): Promise<ReadonlyMap<string, number>>;

  /** Replaces the last heartbeat of an edge; it is forgotten after `ttlMs`. */
  heartbeat(beat: Heartbeat, ttlMs: number): Promise<void>;

  /** The heartbeats that have not been forgotten, by edge name. */
  heartbeats(): Promise<readonly Heartbeat[]>;

  /** Replaces the last report of a router; it is forgotten after `ttlMs`. */
  report(report: RouterReport, ttlMs: number): Promise<void>;

  /** The reports that have not been forgotten, by router name. */
  reports(): Promise<readonly RouterReport[]>;

  /**
   * The load plan in force, after `proposal` was put to it: accepted if its step is the next one,
   * or if there is none in force. Of several proposals for one step the first one counts. A plan is
   * forgotten after `ttlMs`.
   */
  agreeOnLoad(proposal: LoadPlan | undefined, ttlMs: number): Promise<LoadPlan | undefined>;

  /** Replaces the round trips that operators have told; the text has been checked by the caller. */
  putRoundTrips(table: Omit<RoundTripTable, "version">): Promise<RoundTripTable>;

  /** Those round trips; undefined: nobody has told any, or they are still those of `known`. */
  roundTrips(known?: Pick<RoundTripTable, "version" | "at">): Promise<RoundTripTable | undefined>;

  /** Replaces what an edge has measured of its clients; it is forgotten after `ttlMs`. */
  measured(report: MeasuredRoundTrips, ttlMs: number): Promise<void>;

  /** What edges have measured and has not been forgotten, by edge name. */
  measurements(): Promise<readonly MeasuredRoundTrips[]>;

  /**
   * Notes what an edge stores (`stored`) and no longer stores (`dropped`, object keys). Records
   * expire with their object; each edge has a bounded number, newest kept.
   */
  recordObjects(
    edge: string,
    stored: readonly ObjectRecord[],
    dropped: readonly string[],
  ): Promise<void>;

  /** What an edge is known to store, newest first. */
  objects(edge: string, limit: number, now: EpochMs): Promise<readonly ObjectRecord[]>;

  /**
   * The secret of that name: 32 hexadecimal digits. `proposed` becomes it if there is none (or one
   * that cannot be read), so that whoever asks first decides and all others get the same.
   */
  sharedSecret(name: string, proposed: string): Promise<string>;

  /**
   * True if `holder` has the lease of that name now: it was free, or already theirs. It lasts
   * `ttlMs` from now, unless asked for again; 0 gives it up.
   */
  lease(name: string, holder: string, ttlMs: number): Promise<boolean>;

  /** True while the last exchange with the store worked. Does no I/O. */
  isUp(): boolean;

  /** Lets go of files and connections. Calls after that reject. */
  close(): Promise<void>;
}

/** A stretch of the change log. */
export interface ChangePage {
  readonly changes: readonly Change[];
  readonly complete: boolean;
  /** Identity of the log: see Snapshot.epoch. */
  readonly epoch: string;
  /** The newest version that exists. */
  readonly head: number;
  /** Tells the last of `changes` (without any: the entry asked for) from others of its version. */
  readonly mark?: string;
}
