import { background } from "../common/background.ts";
import { type Clock, type MonotonicMs, systemClock } from "../common/clock.ts";
import type { Site } from "../common/config/site.ts";
import type { Logger } from "../common/log.ts";
import { type View, viewOf } from "./apply.ts";
import { noRecords } from "./certificates.ts";
import type { Change } from "./change.ts";
import {
  type FollowEvent,
  type FollowState,
  type FollowStatus,
  type FollowStep,
  follow,
  type LogPosition,
  nextQuestion,
  startFollowing,
  statusAt,
} from "./follow-machine.ts";
import { QUICK_PAGE_MAX } from "./limits.ts";
import type { StateStore } from "./store.ts";

export type { FollowStatus, LogPosition } from "./follow-machine.ts";

/** What is in force here. */
export type FollowedView = View;

/**
 * The longest time between two exchanges with a store that answers. One exchange that runs into the
 * store's deadline and is repeated must fit into CUT_OFF_AFTER_MS: one lost packet is no outage.
 */
export const POLL_MS = 800;
/** The first pause after an exchange failed; it doubles up to the longest one. */
export const RETRY_MS = 100;
export const RETRY_MS_MAX = 500;
/** Exchanges without a pause that lead nowhere: only a store that contradicts itself gets there. */
const FRUITLESS_ROUNDS_MAX = 3;
/** Changes fetched in one exchange while behind. */
export const PAGE_MAX = 500;
/** An acknowledgement is repeated after this, so that the store does not forget the node. */
export const ACKNOWLEDGE_EVERY_MS = 5_000;
/**
 * A "current" that is older than this was not kept up by the loop: the process slept. The loop
 * itself would have called it cut off before.
 */
export const CONTACT_MS_MAX = 3_000;

/** What a follower needs, and whom it tells. */
export interface FollowerOptions {
  readonly store: StateStore;
  /** The name that acknowledgements carry. */
  readonly node: string;
  /** In force until the store answers, and after that until somebody has put sites into it. */
  readonly initialSites: readonly Site[];
  /**
   * What an earlier process had applied to what is still stored: then the changes since then are
   * handed over first. Left out: the first snapshot says that the history is lost.
   */
  readonly from?: LogPosition;
  readonly log: Logger;
  readonly clock?: Clock;
  /** In order, before the view that contains it becomes visible and before it is acknowledged. */
  onChange(change: Change, view: FollowedView): void;
  /**
   * The whole view is replaced. `historyLost`: purges may have been missed, so treat all that is
   * stored as purged (soft: revalidate).
   */
  onSnapshot(view: FollowedView, historyLost: boolean): void;
  /** The status has become another one. */
  onStatus?(status: FollowStatus): void;
  /** Everything up to here has been handed over. */
  onPosition?(position: LogPosition): void;
}

/**
 * Keeps a view of what is in force, by following the change log of a store: in order, each change
 * once, acknowledged when applied. The decisions are in `follow-machine.ts`; this is the loop
 * that asks, hands over and waits. A store that is lost leaves the last good view in force.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #clock: Clock;
  readonly #acknowledger: Acknowledger;
  #state: FollowState;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** A wake came while an exchange was under way. */
  #woken = false;
  #endPause: (() => void) | undefined;
  readonly #readyWaiters = new Set<() => void>();

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#acknowledger = new Acknowledger(options, this.#clock);
    const nothing = { epoch: "", version: 0, drained: [], tokens: [], ...noRecords() };
    const view = viewOf({ ...nothing, sites: options.initialSites });
    this.#state = startFollowing(view, this.#clock.monotonic(), options.from);
  }

  /** Begins to follow. Calling it twice is the same as once. */
  start(): void {
    if (this.#running !== undefined || this.#stopped) return;
    const unwatch = this.#options.store.watch(() => this.#wake());
    this.#running = this.#run().finally(unwatch);
    background(this.#options.log, "follower", this.#running);
  }

  /** What is in force now. Never changed in place: hold on to it for one decision. */
  view(): FollowedView {
    return this.#state.view;
  }

  /**
   * How far the view can be trusted. A process that was suspended wakes up with a view that was
   * current long ago; that is `catching-up` until the next exchange tells.
   */
  status(): FollowStatus {
    return statusAt(this.#state, this.#clock.monotonic(), CONTACT_MS_MAX);
  }

  /** Changes that are known to exist and are not applied. */
  lag(): number {
    return Math.max(0, this.#state.head - this.#state.view.version);
  }

  /** True as soon as the view is current for the first time, false if that takes too long. */
  ready(timeoutMs: number): Promise<boolean> {
    if (this.#state.status === "current") return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        this.#readyWaiters.delete(finish);
        resolve(this.#state.status === "current");
      };
      const cancel = this.#clock.after(timeoutMs, finish);
      this.#readyWaiters.add(finish);
    });
  }

  /** Ends following; resolves when nothing is under way any more. The view stays readable. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    for (const finish of this.#readyWaiters) finish();
    await this.#running;
    await this.#acknowledger.idle();
  }

  async #run(): Promise<void> {
    let failures = 0;
    let rounds = 0;
    while (!this.#stopped) {
      this.#woken = false;
      const { version } = this.#state.view;
      const event = await this.#exchange();
      if (this.#stopped) return;
      const again = this.#take(event);
      failures = event.kind === "failed" ? failures + 1 : 0;
      rounds = again && this.#state.view.version === version ? rounds + 1 : 0;
      if (event.kind !== "failed") this.#acknowledger.reached(this.#state.view.version);
      if (!again || rounds >= FRUITLESS_ROUNDS_MAX) await this.#pause(failures);
    }
  }

  async #exchange(): Promise<FollowEvent> {
    const { store, log, node } = this.#options;
    const { view, mark } = this.#state;
    try {
      if (nextQuestion(this.#state, this.#clock.monotonic()) === "snapshot") {
        const snapshot = await store.snapshot();
        return { kind: "snapshot", snapshot, at: this.#clock.monotonic() };
      }
      // A small question tells soon whether the store is alive; catching up may take its time.
      const limit = this.#state.status === "current" ? QUICK_PAGE_MAX : PAGE_MAX;
      const page = await store.changesAfter(view.version, limit, mark);
      return { kind: "page", page, at: this.#clock.monotonic() };
    } catch (error) {
      log.debug({ event: "state-exchange-failed", node, err: error });
      return { kind: "failed", at: this.#clock.monotonic() };
    }
  }

  /** Carries an event out. True if the store has to be asked again at once. */
  #take(event: FollowEvent): boolean {
    // Whoever looks while changes are being handed over must not take the view for current.
    if (this.#state.status === "cut-off" && event.kind !== "failed") {
      this.#become({ ...this.#state, status: "catching-up" });
    }
    const step = follow(this.#state, event);
    try {
      this.#handOver(step);
      this.#become(step.state);
      return step.again;
    } catch (error) {
      const { log, node } = this.#options;
      const { version } = this.#state.view;
      log.error({ event: "change-not-applied", node, version, err: error });
      const { head, contactAt } = step.state;
      this.#become({ ...this.#state, head, contactAt, status: "catching-up" });
      return false;
    }
  }

  #handOver(step: FollowStep): void {
    const options = this.#options;
    if (step.replaced !== undefined) {
      const { historyLost } = step.replaced;
      const { epoch, version } = step.state.view;
      options.onSnapshot(step.state.view, historyLost);
      const { log, node } = options;
      log.info({ event: "state-snapshot", node, epoch, version, historyLost });
    }
    for (const { change, view } of step.applied) {
      options.onChange(change, view);
      // The mark belongs to the end of the page; half-way there is none to compare.
      this.#state = { ...this.#state, view, mark: undefined };
    }
  }

  #become(state: FollowState): void {
    const before = this.#state.status;
    this.#state = state;
    const { status, view, head, mark, broken } = state;
    // Before that, what it starts from is not its own; and a broken log has no places.
    if (status !== "starting" && !broken) {
      const { epoch, version } = view;
      this.#options.onPosition?.({ epoch, version, ...(mark === undefined ? {} : { mark }) });
    }
    if (status === before) return;
    const { log, node } = this.#options;
    log.info({ event: "state-follow", node, status, version: view.version, head });
    this.#options.onStatus?.(status);
    if (status === "current") for (const finish of this.#readyWaiters) finish();
  }

  #pause(failures: number): Promise<void> {
    if (this.#woken || this.#stopped) return Promise.resolve();
    const delayMs =
      failures === 0 ? POLL_MS : Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (failures - 1));
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        this.#endPause = undefined;
        resolve();
      };
      const cancel = this.#clock.after(delayMs, finish);
      this.#endPause = finish;
    });
  }

  #wake(): void {
    this.#woken = true;
    this.#endPause?.();
  }
}

/** Tells the store how far this node is: one call at a time, newest version, repeated. */
class Acknowledger {
  readonly #options: FollowerOptions;
  readonly #clock: Clock;
  #wanted: number | undefined;
  #told: { readonly version: number; readonly at: MonotonicMs } | undefined;
  #underWay: Promise<void> | undefined;

  constructor(options: FollowerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** The node has applied everything up to `version`, and the store answers. */
  reached(version: number): void {
    const told = this.#told;
    const due = told === undefined || this.#clock.monotonic() - told.at >= ACKNOWLEDGE_EVERY_MS;
    if (!due && told.version === version) return;
    this.#wanted = version;
    this.#underWay ??= this.#tell().finally(() => {
      this.#underWay = undefined;
    });
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    await this.#underWay;
  }

  async #tell(): Promise<void> {
    const { store, node, log } = this.#options;
    while (this.#wanted !== undefined) {
      const version = this.#wanted;
      this.#wanted = undefined;
      try {
        await store.acknowledge(node, version);
        this.#told = { version, at: this.#clock.monotonic() };
      } catch (error) {
        // The next exchange that works says it again.
        this.#told = undefined;
        log.debug({ event: "acknowledge-failed", node, version, err: error });
      }
    }
  }
}
