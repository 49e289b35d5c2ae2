import type { EpochMs } from "../../common/clock.ts";

/** How many probes in a row change a mind. */
export interface Hysteresis {
  /** Probes in a row that must work before a down edge is up. */
  readonly rise: number;
  /** Probes in a row that must fail before an up edge is down. */
  readonly fall: number;
}

/** What is believed of one edge. */
export interface EdgeHealth {
  /** What probes say. `unknown`: none has come back yet; it counts as up. */
  readonly probed: "unknown" | "up" | "down";
  readonly drained: boolean;
  /** When the visible health last changed. */
  readonly since: EpochMs;
  /** The last probe's outcome in words. */
  readonly detail: string;
  /** Probes in a row that disagree with `probed`. */
  readonly against: number;
  /** Number of the newest probe that counted. */
  readonly lastProbe: number;
}

/** Something that happened to an edge. */
export type HealthEvent =
  | {
      readonly kind: "probe";
      /** 1, 2, 3... in the order in which the probes of this edge were started. */
      readonly number: number;
      readonly works: boolean;
      readonly detail: string;
      readonly at: EpochMs;
    }
  | { readonly kind: "drain" | "undrain"; readonly at: EpochMs };

/** What an edge is called to the outside; the same words as in a RouterReport. */
export type VisibleHealth = "unknown" | "up" | "down" | "draining";

/** An edge that nothing is known about (P). */
export function newEdgeHealth(at: EpochMs, drained: boolean): EdgeHealth {
  const detail = "not probed yet";
  return { probed: "unknown", drained, since: at, detail, against: 0, lastProbe: 0 };
}

/** What to show of an edge (P): draining hides what probes say. */
export function visibleHealth(health: EdgeHealth): VisibleHealth {
  return health.drained ? "draining" : health.probed;
}

/** Edges that went down at most so long before the last one did count as the last that were up. */
const LAST_GOOD_MS = 60_000;

/**
 * The edges that were up last, if none is up now (P): the last one to go down, and those that went
 * in the minute before it, for what takes everything away takes a while. Drained ones never count.
 */
export function lastGood(health: ReadonlyMap<string, EdgeHealth>): ReadonlySet<string> {
  const down = [...health].filter(([, edge]) => !edge.drained && edge.probed === "down");
  const last = Math.max(...down.map(([, edge]) => edge.since));
  return new Set(
    down.filter(([, edge]) => edge.since >= last - LAST_GOOD_MS).map(([name]) => name),
  );
}

/**
 * What is believed after an event (P).
 *
 * The first probe decides alone, because until it there is nothing to be steady about; after that
 * `fall` failures in a row take an edge down and `rise` successes bring it back. Probes may overlap
 * and return out of order: one that started before another that already counted is ignored.
 */
export function nextHealth(
  health: EdgeHealth,
  event: HealthEvent,
  hysteresis: Hysteresis,
): EdgeHealth {
  const next = event.kind === "probe" ? probed(health, event, hysteresis) : drained(health, event);
  return visibleHealth(next) === visibleHealth(health) ? next : { ...next, since: event.at };
}

function drained(health: EdgeHealth, event: HealthEvent): EdgeHealth {
  return { ...health, drained: event.kind === "drain" };
}

function probed(
  health: EdgeHealth,
  event: Extract<HealthEvent, { kind: "probe" }>,
  hysteresis: Hysteresis,
): EdgeHealth {
  if (event.number <= health.lastProbe) return health;
  const seen = event.works ? "up" : "down";
  const base = { ...health, detail: event.detail, lastProbe: event.number };
  if (health.probed === "unknown") return { ...base, probed: seen, against: 0 };
  if (health.probed === seen) return { ...base, against: 0 };
  const against = health.against + 1;
  const needed = event.works ? hysteresis.rise : hysteresis.fall;
  return against < needed ? { ...base, against } : { ...base, probed: seen, against: 0 };
}
