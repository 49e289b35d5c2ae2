import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import { edgeNode } from "../../state/records.ts";
import type { StateStore } from "../../state/store.ts";
import type { Acknowledgement, PendingEdge } from "./shapes.ts";

/** How often acknowledgements are read while a purge is under way: the error of its latency. */
const POLL_MS = 5;
/** How often it is asked which edges are alive at all. */
const LIVE_POLL_MS = 250;
/** When waiting for an edge that is alive but does not acknowledge ends. */
const GIVE_UP_MS = 60_000;
/** Changes followed at a time; beyond, the oldest is no longer measured (it is still applied). */
const TRACKED_MAX = 256;

/** How far a change has come. */
export interface Progress {
  readonly acknowledged: readonly Acknowledgement[];
  readonly pending: readonly PendingEdge[];
}

interface Tracked {
  readonly onApplied: (latencyMs: number) => void;
  readonly version: number;
  readonly startedAt: number;
  readonly acknowledged: Map<string, Acknowledgement>;
  /** Resolves when every live edge has acknowledged, or when that is given up. */
  readonly settled: PromiseWithResolvers<void>;
}

/** Where the tracker gets what it needs. */
export interface PurgeTrackerOptions {
  readonly store: StateStore;
  readonly edges: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Told how long it took until the last live edge had applied a purge. */
  readonly onApplied: (latencyMs: number) => void;
}

/**
 * Follows changes until every live edge has applied them. One loop reads the store for all of them,
 * and it only runs while there is something to wait for.
 */
export class PurgeTracker {
  readonly #options: PurgeTrackerOptions;
  readonly #tracked = new Set<Tracked>();
  #live: ReadonlySet<string> = new Set();
  #liveReadAt = Number.NEGATIVE_INFINITY;
  #polling = false;
  #cancelPoll: () => void = () => {};
  #stopped = false;

  constructor(options: PurgeTrackerOptions) {
    this.#options = options;
  }

  /** Starts following a purge that was accepted at `startedAt` (monotonic), and measures it. */
  trackPurge(version: number, startedAt: number): TrackedChange {
    return this.track(version, startedAt, this.#options.onApplied);
  }

  /** The same for any change. `onApplied` is told how long the last live edge took. */
  track(
    version: number,
    startedAt: number,
    onApplied: (latencyMs: number) => void = () => {},
  ): TrackedChange {
    const tracked: Tracked = {
      onApplied,
      version,
      startedAt,
      acknowledged: new Map(),
      settled: Promise.withResolvers(),
    };
    this.#tracked.add(tracked);
    if (this.#tracked.size > TRACKED_MAX) {
      const [oldest] = this.#tracked;
      if (oldest !== undefined) this.#settle(oldest);
    }
    if (!this.#polling && !this.#stopped) this.#poll();
    return {
      settled: (waitMs) => this.#settledWithin(tracked, waitMs),
      progress: () => this.#progress(tracked),
    };
  }

  /** Ends all waiting. */
  stop(): void {
    this.#stopped = true;
    this.#cancelPoll();
    for (const tracked of this.#tracked) this.#settle(tracked);
  }

  #poll(): void {
    this.#polling = true;
    this.#read()
      .catch((error: unknown) => {
        // The store is away: nothing is known, so nothing changes until it is back.
        this.#options.log.debug({ event: "purge-poll-failed", err: error });
      })
      .finally(() => {
        this.#giveUpOnOld();
        this.#polling = this.#tracked.size > 0 && !this.#stopped;
        if (this.#polling)
          this.#cancelPoll = this.#options.clock.after(POLL_MS, () => this.#poll());
      });
  }

  async #read(): Promise<void> {
    const { store, clock } = this.#options;
    if (clock.monotonic() - this.#liveReadAt >= LIVE_POLL_MS) {
      this.#live = new Set((await store.heartbeats()).map((beat) => beat.edge));
      this.#liveReadAt = clock.monotonic();
    }
    const versions = await store.acknowledgements();
    const now = clock.monotonic();
    for (const tracked of this.#tracked) this.#apply(tracked, versions, now);
  }

  #apply(tracked: Tracked, versions: ReadonlyMap<string, number>, now: number): void {
    const { acknowledged, version, startedAt } = tracked;
    for (const edge of this.#edges()) {
      const applied = versions.get(edgeNode(edge)) ?? 0;
      if (applied < version || acknowledged.has(edge)) continue;
      const ms = Math.max(0, Math.round(now - startedAt));
      acknowledged.set(edge, { edge, version: applied, ms });
    }
    const waiting = [...this.#live].some((edge) => !acknowledged.has(edge));
    if (waiting || acknowledged.size === 0) return;
    tracked.onApplied(Math.max(...[...acknowledged.values()].map(({ ms }) => ms)));
    this.#settle(tracked);
  }

  #giveUpOnOld(): void {
    const now = this.#options.clock.monotonic();
    for (const tracked of this.#tracked) {
      if (now - tracked.startedAt > GIVE_UP_MS) this.#settle(tracked);
    }
  }

  #settle(tracked: Tracked): void {
    this.#tracked.delete(tracked);
    tracked.settled.resolve();
  }

  #settledWithin(tracked: Tracked, waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(waitMs, resolve);
    return Promise.race([tracked.settled.promise, promise]).finally(cancel);
  }

  #progress(tracked: Tracked): Progress {
    const pending = [...this.#edges()].filter((edge) => !tracked.acknowledged.has(edge));
    return {
      acknowledged: [...tracked.acknowledged.values()].sort((a, b) => a.ms - b.ms),
      pending: pending.map((edge) => ({ edge, live: this.#live.has(edge) })),
    };
  }

  /** Those of the configuration, and those that only their heartbeat tells of. */
  #edges(): ReadonlySet<string> {
    return new Set([...this.#options.edges, ...this.#live]);
  }
}

/** One change that is being followed. */
export interface TrackedChange {
  /** Resolves when every live edge has applied it, and at the latest after `waitMs`. */
  settled(waitMs: number): Promise<void>;
  progress(): Progress;
}
