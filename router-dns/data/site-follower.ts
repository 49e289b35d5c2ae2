import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { Site } from "../../common/config/site.ts";
import type { Logger } from "../../common/log.ts";
import { type FollowedView, Follower } from "../../state/follower.ts";
import type { RouterReport } from "../../state/records.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import {
  type EdgeProgress,
  type Rollout,
  releaseSites,
  reportRollout,
  type SitesAt,
  takeSites,
} from "./rollout.ts";

/** How often it is asked what edges have, while a site waits for them. */
const LOOK_EVERY_MS = 20;

/** What a SiteFollower needs, and whom it tells. */
export interface SiteFollowerOptions {
  /** The name that acknowledgements carry. */
  readonly router: string;
  readonly store: StateStore;
  /** What DNS knows at the start. */
  readonly inForce: SitesAt;
  /** In force until the store answers, and after that until somebody has put sites into it. */
  readonly initialSites: readonly Site[];
  readonly clock: Clock;
  readonly log: Logger;
  /** True for edges that answers speak of. */
  readonly isAnswered: (edge: string) => boolean;
  /** The view that was followed is another one. */
  readonly onView: (view: FollowedView) => void;
  /** DNS has other sites from now on. */
  readonly onSites: (sites: SitesAt) => void;
  /** Told how many versions came to DNS that had waited for edges, and whether those have them. */
  readonly onRelease: (result: "acknowledged" | "overdue", versions: number) => void;
}

/**
 * Follows the log for a router. What is removed leaves DNS at once; what is added or changed comes
 * to DNS when every edge that lives has acknowledged it. The decisions are in `rollout.ts`.
 */
export class SiteFollower {
  readonly #options: SiteFollowerOptions;
  readonly #follower: Follower;
  #rollout: Rollout;
  #progress: EdgeProgress = { alive: [], acknowledgements: new Map() };
  #looking = false;
  #again = false;
  #stopped = false;
  #cancel: () => void = () => undefined;

  constructor(options: SiteFollowerOptions) {
    this.#options = options;
    this.#rollout = { inForce: options.inForce, waiting: [] };
    const { store, router, initialSites, log, clock } = options;
    this.#follower = new Follower({
      store,
      node: router,
      initialSites,
      log,
      clock,
      onChange: (_change, view) => this.#take(view),
      onSnapshot: (view) => this.#take(view),
    });
  }

  /** Begins to follow. */
  start(): void {
    this.#follower.start();
  }

  /** Follows no more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#follower.stop();
  }

  /** The version that has been read, and what of it is in DNS. */
  report(): Required<Pick<RouterReport, "version" | "rollout">> {
    const { version } = this.#follower.view();
    const known = { followed: version, progress: this.#progress };
    const at = this.#options.clock.monotonic();
    return { version, rollout: reportRollout(this.#rollout, known, at) };
  }

  /** Changes that are known to exist and are not applied. */
  lag(): number {
    return this.#follower.lag();
  }

  /** Versions that wait for edges. */
  get waiting(): number {
    return this.#rollout.waiting.length;
  }

  #take(view: FollowedView): void {
    const { clock, onView } = this.#options;
    onView(view);
    this.#put(takeSites(this.#rollout, view, clock.monotonic()));
    // Acknowledgements that are being read are older than this change.
    this.#again = this.#looking;
    if (this.waiting > 0 && !this.#looking) this.#lookNow();
  }

  #put(rollout: Rollout): void {
    const before = this.#rollout.inForce;
    this.#rollout = rollout;
    const { sites, challenges } = rollout.inForce;
    if (sites === before.sites && challenges === before.challenges) return;
    this.#options.onSites(rollout.inForce);
  }

  #lookNow(): void {
    this.#cancel();
    this.#looking = true;
    background(this.#options.log, "rollout", this.#look());
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#options;
    this.#again = false;
    const known = await this.#read();
    this.#looking = false;
    if (this.#stopped) return;
    if (!this.#again) this.#release(known);
    if (this.waiting === 0) return;
    const delayMs = this.#again ? 0 : LOOK_EVERY_MS;
    this.#looking = true;
    this.#cancel = clock.after(delayMs, () => background(log, "rollout", this.#look()));
  }

  /** What edges say now; while the store is away, what they said last. */
  async #read(): Promise<EdgeProgress> {
    const { store, log, isAnswered } = this.#options;
    try {
      const [beats, acknowledgements] = await Promise.all([
        store.heartbeats(),
        store.acknowledgements(),
      ]);
      return { alive: beats.map(({ edge }) => edge).filter(isAnswered), acknowledgements };
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) log.warn({ event: "rollout", err: error });
      return this.#progress;
    }
  }

  #release(progress: EdgeProgress): void {
    const { log, clock, onRelease } = this.#options;
    this.#progress = progress;
    const step = releaseSites(this.#rollout, progress, clock.monotonic());
    if (step.released === 0) return;
    if (step.overdue !== undefined) {
      log.warn({ event: "rollout-overdue", ...step.overdue }, "edges that live do not have it");
    }
    this.#put(step.rollout);
    onRelease(step.overdue === undefined ? "acknowledged" : "overdue", step.released);
  }
}
