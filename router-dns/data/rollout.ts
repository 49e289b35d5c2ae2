import { isDeepStrictEqual } from "node:util";
import type { MonotonicMs } from "../../common/clock.ts";
import { ROLLOUT_WAIT_MS } from "../../state/limits.ts";
import { edgeNode, type RolloutReport } from "../../state/records.ts";
import type { SharedParts } from "./live.ts";

/** Changes that wait; beyond, the newest ones are taken together. */
export const WAITING_MAX = 1_000;

/** Edges that a report names. */
const NAMED_MAX = 20;

/** The sites of one version of the log, and what goes into DNS with them. */
export type SitesAt = SharedParts;

/** A version that edges are given first. */
export interface Waiting extends SitesAt {
  readonly since: MonotonicMs;
}

/** The sites that DNS has, and those that it takes next, oldest first. Never changed in place. */
export interface Rollout {
  readonly inForce: SitesAt;
  readonly waiting: readonly Waiting[];
}

/** What is known of edges at one moment. */
export interface EdgeProgress {
  /** The edges that clients are sent to and that say that they live. */
  readonly alive: readonly string[];
  /** What each node has acknowledged. */
  readonly acknowledgements: ReadonlyMap<string, number>;
}

/** A version that DNS takes although these edges have not said that they have it. */
export interface Overdue {
  readonly version: number;
  readonly edges: readonly string[];
}

/**
 * Takes what the log says at a version (P). If nothing waits and sites have only been removed, DNS
 * has it at once; else it waits for edges. DNS takes versions in their order, so that all routers
 * say the same under one serial.
 */
export function takeSites(rollout: Rollout, view: SitesAt, at: MonotonicMs): Rollout {
  const { sites, challenges, version } = view;
  const last = rollout.waiting.at(-1) ?? rollout.inForce;
  // Another log begins at a lower version: what waited is not in it.
  const waiting = version < last.version ? [] : rollout.waiting;
  const before = waiting.at(-1) ?? rollout.inForce;
  if (addsNothing(before.sites, sites)) {
    if (waiting.length === 0) return { inForce: { sites, challenges, version }, waiting };
    const isSame =
      sites.size === before.sites.size && isDeepStrictEqual(challenges, before.challenges);
    if (isSame) return rollout;
  }
  const kept = waiting.slice(0, WAITING_MAX - 1);
  const since = waiting[kept.length]?.since ?? at;
  return { ...rollout, waiting: [...kept, { sites, challenges, version, since }] };
}

/**
 * Lets DNS have what every living edge has, and what has waited for `ROLLOUT_WAIT_MS` (P): an edge
 * that cannot keep up does not stop the changes.
 */
export function releaseSites(
  rollout: Rollout,
  progress: EdgeProgress,
  at: MonotonicMs,
): { readonly rollout: Rollout; readonly released: number; readonly overdue?: Overdue } {
  const { waiting } = rollout;
  const released = 1 + waiting.findLastIndex((step) => mayGo(step, progress, at));
  const newest = waiting[released - 1];
  if (newest === undefined) return { rollout, released: 0 };
  const { since: _, ...inForce } = newest;
  const { version } = inForce;
  const next = { inForce, waiting: waiting.slice(released) };
  const edges = missing(version, progress);
  return { rollout: next, released, ...(edges.length > 0 && { overdue: { version, edges } }) };
}

/** What a report says (P) of a rollout, when the log has been read up to a version. */
export function reportRollout(
  { waiting }: Rollout,
  { followed, progress }: { readonly followed: number; readonly progress: EdgeProgress },
  at: MonotonicMs,
): RolloutReport {
  const [oldest] = waiting;
  if (oldest === undefined) return { version: followed, waiting: 0, waitedMs: 0, edges: [] };
  return {
    version: oldest.version - 1,
    waiting: waiting.length,
    waitedMs: Math.max(0, Math.round(at - oldest.since)),
    edges: missing(oldest.version, progress).slice(0, NAMED_MAX),
  };
}

function mayGo({ version, since }: Waiting, progress: EdgeProgress, at: MonotonicMs): boolean {
  return at - since >= ROLLOUT_WAIT_MS || missing(version, progress).length === 0;
}

function missing(version: number, { alive, acknowledgements }: EdgeProgress): string[] {
  return alive.filter((edge) => (acknowledgements.get(edgeNode(edge)) ?? 0) < version);
}

/** True if every site is one that was there before. */
function addsNothing(before: SitesAt["sites"], after: SitesAt["sites"]): boolean {
  if (before === after) return true;
  for (const [name, site] of after) {
    const was = before.get(name);
    if (was !== site && !isDeepStrictEqual(was, site)) return false;
  }
  return true;
}
