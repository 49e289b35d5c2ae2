import type { MonotonicMs } from "../common/clock.ts";
import { applyChange, type View, viewOf } from "./apply.ts";
import type { Change } from "./change.ts";
import type { Snapshot } from "./records.ts";
import type { ChangePage } from "./store.ts";

/** How much of what the store knows is in force here. */
export type FollowStatus =
  /** The store has not answered yet: what the configuration file says is in force. */
  | "starting"
  /** Everything that was in the store at the last contact is applied. */
  | "current"
  /** The store answers, but not all changes are applied yet: purges may be among them. */
  | "catching-up"
  /** The store does not answer: the last good view stays in force. */
  | "cut-off";

/** Without an answer for this long the follower is cut off. More than one poll, less than two. */
export const CUT_OFF_AFTER_MS = 1_500;

/**
 * How long the log must be quiet before a view that was kept from before the log is replaced by
 * what the log says. Seeding an empty store takes several changes; a site must not be missing while
 * they trickle in.
 */
export const SETTLE_MS = 2_000;

/** A place in a log. */
export interface LogPosition {
  readonly epoch: string;
  readonly version: number;
  /** The entry there, as the store marks it. */
  readonly mark?: string;
}

/** Everything that following the log needs to remember. */
export interface FollowState {
  readonly status: FollowStatus;
  readonly view: View;
  /** The entry at the view's version, as the store marks it. */
  readonly mark: string | undefined;
  /** The newest version known to exist. */
  readonly head: number;
  readonly contactAt: MonotonicMs;
  /** When the version last moved. */
  readonly movedAt: MonotonicMs;
  /** The log cannot be continued from here: ask for the whole snapshot. */
  readonly broken: boolean;
  /** The view holds sites from before this log, which had none at first sight. */
  readonly kept: boolean;
  /**
   * To be followed on from where an earlier process was. The view's sites are not those of the log:
   * the snapshot comes first, then the changes since then, for the sake of the purges among them.
   */
  readonly resumed: boolean;
}

/** What happened. */
export type FollowEvent =
  | { readonly kind: "page"; readonly page: ChangePage; readonly at: MonotonicMs }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot; readonly at: MonotonicMs }
  | { readonly kind: "failed"; readonly at: MonotonicMs };

/** One change, and the view that includes it. */
export interface AppliedChange {
  readonly change: Change;
  readonly view: View;
}

/** What follows from an event. The shell hands over `applied` or `replaced`, then keeps `state`. */
export interface FollowStep {
  readonly state: FollowState;
  readonly applied: readonly AppliedChange[];
  readonly replaced?: { readonly historyLost: boolean };
  /** There is more to fetch at once. */
  readonly again: boolean;
}

/**
 * The state before the first contact (P). An empty epoch is that of no log. `from`: what an earlier
 * process had applied, if what it stored is still there.
 */
export function startFollowing(view: View, at: MonotonicMs, from?: LogPosition): FollowState {
  const { epoch, version } = from ?? view;
  return {
    status: "starting",
    view: { ...view, epoch, version },
    mark: from?.mark,
    head: version,
    contactAt: at,
    movedAt: at,
    broken: from === undefined,
    kept: false,
    resumed: from !== undefined,
  };
}

/** What to ask the store next (P). */
export function nextQuestion(state: FollowState, at: MonotonicMs): "snapshot" | "changes" {
  if (state.broken || state.resumed) return "snapshot";
  const settled = state.view.version > 0 && at - state.movedAt >= SETTLE_MS;
  return state.kept && settled ? "snapshot" : "changes";
}

/**
 * The whole logic of following (P): what one event makes of the state.
 *
 * Changes are applied in order and once; a gap, another epoch, a log that was cut or grew anew all
 * lead to a snapshot with `historyLost`. A lost store changes nothing but the status.
 */
export function follow(state: FollowState, event: FollowEvent): FollowStep {
  switch (event.kind) {
    case "page":
      return followPage(state, event.page, event.at);
    case "snapshot":
      return followSnapshot(state, event.snapshot, event.at);
    case "failed": {
      const lost = state.status !== "starting" && event.at - state.contactAt >= CUT_OFF_AFTER_MS;
      return wait(lost ? { ...state, status: "cut-off" } : state);
    }
  }
}

/** The status of a state as of now (P): see `Follower.status`. */
export function statusAt(state: FollowState, at: MonotonicMs, contactMaxMs: number): FollowStatus {
  const asleep = state.status === "current" && at - state.contactAt > contactMaxMs;
  return asleep ? "catching-up" : state.status;
}

function followPage(state: FollowState, page: ChangePage, at: MonotonicMs): FollowStep {
  const contact = { ...state, contactAt: at };
  if (!continues(state.view, page)) {
    const status = state.status === "starting" ? "starting" : "catching-up";
    return { state: { ...contact, status, broken: true }, applied: [], again: true };
  }
  const applied: AppliedChange[] = [];
  let view = state.view;
  for (const change of page.changes) {
    view = applyChange(view, change);
    applied.push({ change, view });
  }
  const behind = view.version < page.head;
  const next: FollowState = {
    ...contact,
    status: behind ? "catching-up" : "current",
    view,
    mark: page.mark,
    head: page.head,
    movedAt: applied.length > 0 ? at : state.movedAt,
  };
  return { state: next, applied, again: behind };
}

/** True if the page is of the same log, starts right behind the view, and has no gap. */
function continues(view: View, page: ChangePage): boolean {
  if (page.epoch !== view.epoch || !page.complete || page.head < view.version) return false;
  if (page.changes.length === 0) return page.head === view.version;
  return page.changes.every((change, index) => change.version === view.version + 1 + index);
}

function followSnapshot(state: FollowState, snapshot: Snapshot, at: MonotonicMs): FollowStep {
  const contact = { ...state, contactAt: at };
  const sameVersion =
    snapshot.epoch === state.view.epoch && snapshot.version === state.view.version;
  // A snapshot tells nothing of purges: unless the log broke, it may only replace its own version.
  if (!state.broken && !state.resumed && !sameVersion) {
    // Not quiet after all: follow the log on, and look again when it is.
    return { state: { ...contact, movedAt: at }, applied: [], again: true };
  }
  const says = viewOf(snapshot);
  const kept = isUnseeded(state.view, says);
  const resumes = state.resumed && canResume(state, snapshot);
  const version = resumes ? state.view.version : says.version;
  const behind = version < says.version;
  const next: FollowState = {
    ...contact,
    status: behind ? state.status : "current",
    // Changes that the sites include already change nothing when they come once more.
    view: { ...(kept ? keepSites(state.view, says) : says), version },
    mark: behind ? state.mark : snapshot.mark,
    head: snapshot.version,
    movedAt: at,
    broken: false,
    kept,
    resumed: false,
  };
  const historyLost = state.broken || (state.resumed && !resumes);
  return { state: next, applied: [], replaced: { historyLost }, again: behind };
}

/** True if the log may still have every change since the earlier process: the pages will tell. */
function canResume({ view, mark }: FollowState, snapshot: Snapshot): boolean {
  if (snapshot.epoch !== view.epoch || snapshot.version < view.version) return false;
  return snapshot.version > view.version || isSameMark(mark, snapshot.mark);
}

/** Not every store marks every version. */
function isSameMark(left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right;
}

/**
 * True for a log that is new to us and has no site yet: they may be about to come. It need not be
 * empty, for a purge or a drain may have been quicker than whoever seeds it.
 */
function isUnseeded(before: View, says: View): boolean {
  return says.sites.size === 0 && (says.version === 0 || says.epoch !== before.epoch);
}

/** What the log says, and the sites that were in force before it. */
function keepSites(before: View, says: View): View {
  const drained = says.version === 0 ? before.drained : says.drained;
  return { ...says, sites: before.sites, drained };
}

function wait(state: FollowState): FollowStep {
  return { state, applied: [], again: false };
}
