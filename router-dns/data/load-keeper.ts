import { background } from "../../common/background.ts";
import type { Clock, MonotonicMs } from "../../common/clock.ts";
import type { LoadConfig, PopConfig } from "../../common/config/schema.ts";
import type { Logger } from "../../common/log.ts";
import type { Heartbeat, LoadPlan } from "../../state/records.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { distanceKm } from "../geo/place.ts";
import {
  KNOWN_AFTER_SECONDS,
  loadOf,
  measurePops,
  type SmoothedLoad,
  smoothedLoad,
} from "../load/measure.ts";
import { nextPlan } from "../load/next-plan.ts";
import { toMapPop } from "./snapshot.ts";

/** How often loads are looked at and the plan is read. */
const LOOK_EVERY_MS = 1_000;

/** For so long after its start a router proposes no plan: it does not yet know all edges. */
const STARTING_MS = KNOWN_AFTER_SECONDS * 1_000 + 2 * LOOK_EVERY_MS;

/** What a keeper needs. */
export interface LoadKeeperOptions {
  readonly router: string;
  readonly store: StateStore;
  readonly pops: readonly PopConfig[];
  readonly settings: LoadConfig;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** What edges said of themselves when they were last heard. */
  readonly heartbeats: () => readonly Heartbeat[];
  /** Of which edges answers may speak. */
  readonly isUp: (edge: string) => boolean;
  /** Called with each plan that says something else about answers; undefined: there is none. */
  readonly onChange: (plan: LoadPlan | undefined) => void;
}

/** What a keeper knows. */
export interface LoadState {
  readonly plan: LoadPlan | undefined;
  /** True if nothing has been heard for so long that load decides nothing. */
  readonly isStale: boolean;
}

/** What is known of one edge. */
interface EdgeLoad {
  /** Of its last heartbeat. */
  readonly at: number;
  /** The process that it came from. */
  readonly run: string;
  /** Undefined: there has been one heartbeat, and what it measured is how the process started. */
  readonly load: SmoothedLoad | undefined;
}

/**
 * Keeps the load plan that all routers answer by: looks at loads every second, proposes the next
 * plan when it is time, and takes whatever the store says is in force. Without word from the store
 * for `staleAfter` the plan counts no more, and everybody gets the closest PoP again.
 */
export class LoadKeeper {
  readonly #options: LoadKeeperOptions;
  readonly #nearest: ReadonlyMap<string, readonly string[]>;
  #loads: ReadonlyMap<string, EdgeLoad> = new Map();
  #plan: LoadPlan | undefined;
  readonly #started: MonotonicMs;
  #stepSeen: MonotonicMs;
  #changeSeen: MonotonicMs;
  #isStale = false;
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(options: LoadKeeperOptions) {
    this.#options = options;
    this.#nearest = nearestPops(options.pops);
    this.#started = options.clock.monotonic();
    this.#stepSeen = this.#started;
    this.#changeSeen = this.#stepSeen;
  }

  /** Begins to look. */
  start(): void {
    background(this.#options.log, "load", this.#look());
  }

  /** Looks no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** What answers are made by. */
  state(): LoadState {
    return { plan: this.#plan, isStale: this.#isStale };
  }

  async #look(): Promise<void> {
    const { store, clock, log, settings, heartbeats } = this.#options;
    try {
      const ttlMs = Math.max(settings.staleAfter, 2 * LOOK_EVERY_MS);
      const inForce = await store.agreeOnLoad(undefined, ttlMs);
      this.#take(inForce);
      const proposal = this.#propose(heartbeats());
      if (proposal !== undefined) this.#take(await store.agreeOnLoad(proposal, ttlMs));
    } catch (error) {
      // The store being away is known from `state_up`; once a second in the log would help nobody.
      if (!(error instanceof StateUnavailableError)) log.warn({ event: "load-failed", err: error });
    }
    if (this.#stopped) return;
    this.#judgeAge();
    this.#cancel = clock.after(LOOK_EVERY_MS, () => background(log, "load", this.#look()));
  }

  #take(plan: LoadPlan | undefined): void {
    if (this.#stopped || plan === undefined) return;
    const before = this.#plan;
    const isOther = plan.step !== before?.step || plan.at !== before.at;
    if (!isOther) return;
    this.#plan = plan;
    const now = this.#options.clock.monotonic();
    this.#stepSeen = now;
    const isChange = before === undefined || plan.change !== before.change;
    if (isChange && before !== undefined) this.#changeSeen = now;
    if (this.#isStale) this.#options.log.info({ event: "load-known-again", step: plan.step });
    const shows = isChange || this.#isStale;
    this.#isStale = false;
    if (shows) this.#options.onChange(plan);
  }

  #propose(beats: readonly Heartbeat[]): LoadPlan | undefined {
    const { pops, isUp, settings, clock, router, ttlMs } = this.#options;
    this.#loads = smoothed(this.#loads, beats, pops);
    // Of one that has just started, half the edges are known: its plan would be half a plan.
    if (clock.monotonic() - this.#started < STARTING_MS) return undefined;
    const load = (edge: string) => knownLoad(this.#loads.get(edge));
    const moment = {
      now: clock.now(),
      monotonic: clock.monotonic(),
      plan: this.#plan,
      stepSeen: this.#stepSeen,
      changeSeen: this.#changeSeen,
      pops: measurePops(pops, load, isUp, this.#nearest),
    };
    // A resolver sees a change up to a TTL late; the next one must be as far away for it, too.
    const settleMs = settings.settle + ttlMs;
    return nextPlan(moment, { target: settings.target, settleMs, by: router });
  }

  #judgeAge(): void {
    const { clock, settings, log, onChange } = this.#options;
    const ageMs = clock.monotonic() - this.#stepSeen;
    if (this.#isStale || this.#plan === undefined || ageMs < settings.staleAfter) return;
    this.#isStale = true;
    log.warn(
      { event: "load-unknown", ageMs: Math.round(ageMs) },
      "no news of any edge's load: everybody is sent to the closest PoP",
    );
    onChange(undefined);
  }
}

/** Loads after one more look (P). Without a heartbeat an edge is forgotten. */
function smoothed(
  before: ReadonlyMap<string, EdgeLoad>,
  beats: readonly Heartbeat[],
  pops: readonly PopConfig[],
): ReadonlyMap<string, EdgeLoad> {
  const edges = new Map(pops.flatMap((pop) => pop.edges.map((edge) => [edge.name, edge])));
  return new Map(
    beats.flatMap((beat): [string, EdgeLoad][] => {
      const edge = edges.get(beat.edge);
      if (edge === undefined) return [];
      const { at, run } = beat;
      const was = before.get(beat.edge);
      if (was === undefined || was.run !== run) return [[beat.edge, { at, run, load: undefined }]];
      if (at <= was.at) return [[beat.edge, was]];
      const load = smoothedLoad(was.load, loadOf(beat, edge), (at - was.at) / 1_000);
      return [[beat.edge, { at, run, load }]];
    }),
  );
}

/** The load of an edge once it has been measured for long enough. */
function knownLoad(edge: EdgeLoad | undefined): number | undefined {
  const measured = edge?.load;
  return measured === undefined || measured.seconds < KNOWN_AFTER_SECONDS
    ? undefined
    : measured.load;
}

/** For each PoP the others that serve everybody, nearest first (P). */
export function nearestPops(pops: readonly PopConfig[]): ReadonlyMap<string, readonly string[]> {
  const placed = pops.map(toMapPop);
  return new Map(
    placed.map(({ name, place }) => {
      const others = placed
        .filter((other) => other.name !== name && other.deep === undefined)
        .map((other) => ({ name: other.name, km: distanceKm(place, other.place) }))
        .sort((a, b) => a.km - b.km);
      return [name, others.map((other) => other.name)] as const;
    }),
  );
}
