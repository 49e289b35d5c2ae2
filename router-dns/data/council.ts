import { background } from "../../common/background.ts";
import type { Clock, EpochMs, MonotonicMs } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { Heartbeat, RouterReport } from "../../state/records.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { type EdgeHealth, visibleHealth } from "../health/board.ts";
import { type QuorumState, type Vantage, verdicts, votesOn } from "../health/quorum.ts";

/** How often reports of other routers are read: a part of the time until a dead edge is gone. */
const LISTEN_EVERY_MS = 500;

/** What others said counts for so long without the store, as it does in the store. */
const HEARD_FOR_MS = 5_000;

/** A router that was not heard of for so long is none of us any more. */
const MEMBER_FOR_MS = 600_000;

/** Routers that are remembered; votes of more are not counted. */
const MEMBERS_MAX = 64;

/** An edge whose heartbeats have stopped for so long says no more that it lives. */
const HEARTBEAT_LATE_MS = 3_000;

/** What a council needs. */
export interface CouncilOptions {
  readonly router: string;
  /** Left out: there are no others. */
  readonly store: StateStore | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** See `QuorumInput`. */
  readonly togetherMs: number;
  /** What this router's own probes say. */
  readonly probed: () => ReadonlyMap<string, EdgeHealth>;
  /** Called after a verdict has changed in a way that can be seen. */
  readonly onChange: () => void;
}

/**
 * Puts what several routers see together: reads their reports from the store twice a second, and
 * holds the verdicts that answers are made by.
 */
export class Council {
  readonly #options: CouncilOptions;
  readonly #members = new Map<string, MonotonicMs>();
  readonly #beats = new Map<string, { readonly at: EpochMs; readonly seen: MonotonicMs }>();
  #heartbeats: readonly Heartbeat[] = [];
  #others: readonly Vantage[] = [];
  #heard: MonotonicMs = Number.NEGATIVE_INFINITY;
  #health: ReadonlyMap<string, EdgeHealth> = new Map();
  #state: QuorumState = "majority";
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(options: CouncilOptions) {
    this.#options = options;
    this.#health = new Map(options.probed());
  }

  /** Begins to listen. Resolves when others have been heard once, or cannot be. */
  async start(): Promise<void> {
    await this.#listen();
  }

  /** Listens no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** What each edge is taken for. */
  health(): ReadonlyMap<string, EdgeHealth> {
    return this.#health;
  }

  /** How it was decided. */
  state(): QuorumState {
    return this.#state;
  }

  /** What edges said of themselves when they were last heard. */
  heartbeats(): readonly Heartbeat[] {
    return this.#heartbeats;
  }

  /** Who sees what of an edge. */
  votes(edge: string): ReturnType<typeof votesOn> {
    const { router, probed } = this.#options;
    return votesOn(edge, { own: router, probed: probed(), others: this.#others });
  }

  /** Decides again: after own probes have changed, or others were heard. */
  decide(): void {
    const { router, clock, log, onChange, probed, togetherMs } = this.#options;
    const monotonic = clock.monotonic();
    if (monotonic - this.#heard > HEARD_FOR_MS) this.#others = [];
    for (const [name, seen] of this.#members) {
      if (monotonic - seen > MEMBER_FOR_MS) this.#members.delete(name);
    }
    const before = this.#health;
    const { state, health } = verdicts({
      own: router,
      probed: probed(),
      others: this.#others,
      members: this.#members.size + 1,
      alive: this.#alive(monotonic),
      before,
      togetherMs,
      now: clock.now(),
    });
    if (state !== this.#state) {
      const facts = { event: "health-quorum", from: this.#state, to: state };
      if (state === "majority") log.info(facts);
      else log.warn(facts);
    }
    this.#state = state;
    this.#health = health;
    const changed = [...health].filter(([edge, now]) => {
      const was = before.get(edge);
      return was === undefined || visibleHealth(was) !== visibleHealth(now);
    });
    for (const [edge, now] of changed) {
      log.info({ event: "edge-verdict", edge, to: visibleHealth(now), detail: now.detail });
    }
    if (changed.length > 0) onChange();
  }

  async #listen(): Promise<void> {
    const { store, clock, log } = this.#options;
    if (store === undefined || this.#stopped) return;
    try {
      const [reports, beats] = await Promise.all([store.reports(), store.heartbeats()]);
      this.#hear(reports, beats);
    } catch (error) {
      // The store being away is known from `state_up`; twice a second in the log would help nobody.
      if (!(error instanceof StateUnavailableError)) {
        log.warn({ event: "council-failed", err: error });
      }
    }
    if (this.#stopped) return;
    this.decide();
    this.#cancel = clock.after(LISTEN_EVERY_MS, () => {
      background(log, "council", this.#listen());
    });
  }

  #hear(reports: readonly RouterReport[], beats: readonly Heartbeat[]): void {
    const { clock, router } = this.#options;
    const now = clock.monotonic();
    this.#heard = now;
    this.#heartbeats = beats;
    const others = reports.filter((report) => report.router !== router).slice(0, MEMBERS_MAX);
    this.#others = others.map((report) => ({
      vantage: report.router,
      sees: new Map(report.edges.map((edge) => [edge.edge, sightOf(edge)])),
    }));
    for (const { vantage } of this.#others) {
      if (this.#members.size < MEMBERS_MAX || this.#members.has(vantage)) {
        this.#members.set(vantage, now);
      }
    }
    const watched = this.#options.probed();
    for (const { edge, at } of beats) {
      if (watched.has(edge) && this.#beats.get(edge)?.at !== at) {
        this.#beats.set(edge, { at, seen: now });
      }
    }
  }

  #alive(now: MonotonicMs): ReadonlyMap<string, boolean> {
    // Without the store nobody's heartbeat is seen, which says nothing about anybody.
    if (now - this.#heard > LISTEN_EVERY_MS * 2) return new Map();
    return new Map(
      [...this.#beats].map(([edge, { seen }]) => [edge, now - seen < HEARTBEAT_LATE_MS]),
    );
  }
}

/** What a router's own probes say; reports of older versions only have its health. */
function sightOf({ health, sees }: RouterReport["edges"][number]): "up" | "down" | "unknown" {
  return sees ?? (health === "draining" ? "unknown" : health);
}
