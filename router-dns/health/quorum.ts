import type { EpochMs } from "../../common/clock.ts";
import type { HealthConfig } from "../../common/config/schema.ts";
import { type EdgeHealth, visibleHealth } from "./board.ts";

/** What one vantage sees of an edge. */
export type Sight = EdgeHealth["probed"];

/** What one router sees. */
export interface Vantage {
  readonly vantage: string;
  readonly sees: ReadonlyMap<string, Sight>;
}

/** Everything that a verdict depends on. */
export interface QuorumInput {
  readonly own: string;
  /** What this router's probes say, and which edges are drained. */
  readonly probed: ReadonlyMap<string, EdgeHealth>;
  /** The other routers that were heard of just now. */
  readonly others: readonly Vantage[];
  /** Routers that were heard of lately, this one included: a majority of them is a quorum. */
  readonly members: number;
  /** Edges by whether they still say that they live; those that never said it are not in it. */
  readonly alive: ReadonlyMap<string, boolean>;
  /** The verdicts until now. */
  readonly before: ReadonlyMap<string, EdgeHealth>;
  /** What one fault breaks is found by probes within so many milliseconds. */
  readonly togetherMs: number;
  readonly now: EpochMs;
}

/** The longest that a fault is at work before probes have found it (P), in milliseconds. */
export function detectionMs({ interval, timeout, fall }: HealthConfig): number {
  return fall * Math.max(interval, timeout) + interval;
}

/** How it was decided: by vote, or this router is alone and trusts itself, or not even that. */
export type QuorumState = "majority" | "alone" | "frozen";

/** What all edges are taken for. */
export interface Verdicts {
  readonly state: QuorumState;
  readonly health: ReadonlyMap<string, EdgeHealth>;
}

/**
 * Decides what edges are taken for (P), so that one router with a broken network changes nothing.
 *
 * With a majority of the routers at hand their majority decides, of those who know; a tie goes to
 * what the edge says of itself, and to the verdict before if it has never said anything. Without,
 * this router's own probes decide: a lost store must not keep a dead edge in answers. Unless they
 * say that more than half of all edges are gone: then it is likelier that its own network is, and
 * the verdicts stay as they were before the first of these edges fell.
 */
export function verdicts(input: QuorumInput): Verdicts {
  const state = quorumState(input);
  const health = new Map(
    [...input.probed].map(([edge, probed]) => {
      const before = input.before.get(edge);
      const [sight, detail] = judge(input, state, edge, probed);
      const next = { ...probed, probed: sight, detail };
      const isSame = before !== undefined && visibleHealth(before) === visibleHealth(next);
      // Alone from the start, the moment is the one that the probes name.
      const since = isSame ? before.since : input.members > 1 ? input.now : probed.since;
      return [edge, { ...next, since }] as const;
    }),
  );
  return { state, health };
}

function quorumState({ others, members, probed }: QuorumInput): QuorumState {
  if ((others.length + 1) * 2 > members) return "majority";
  const known = [...probed.values()].filter((edge) => edge.probed !== "unknown");
  const down = known.filter((edge) => edge.probed === "down");
  return down.length * 2 > known.length ? "frozen" : "alone";
}

function judge(
  input: QuorumInput,
  state: QuorumState,
  edge: string,
  probed: EdgeHealth,
): readonly [Sight, string] {
  if (state === "alone") return [probed.probed, probed.detail];
  const last = input.before.get(edge);
  const before = last?.probed ?? "unknown";
  if (state === "frozen") {
    // Probes end one after another: the first to fail came before it was known how many would.
    const fellNow = before === "down" && input.now - (last?.since ?? 0) < input.togetherMs;
    return [fellNow ? "up" : before, `${probed.detail}; no quorum: as before`];
  }
  if (input.others.length === 0) return [probed.probed, probed.detail];
  const sights = [probed.probed, ...input.others.map(({ sees }) => sees.get(edge) ?? "unknown")];
  const down = sights.filter((sight) => sight === "down").length;
  const up = sights.filter((sight) => sight === "up").length;
  const detail = `${probed.detail}; up for ${up}, down for ${down} of ${sights.length} routers`;
  if (down !== up) return [down > up ? "down" : "up", detail];
  if (up === 0) return ["unknown", detail];
  const alive = input.alive.get(edge);
  return [alive === undefined ? before : alive ? "up" : "down", detail];
}

/** Who sees what of one edge, this router first (P). */
export function votesOn(
  edge: string,
  input: Pick<QuorumInput, "own" | "probed" | "others">,
): readonly { readonly vantage: string; readonly sees: Sight }[] {
  const own = { vantage: input.own, sees: input.probed.get(edge)?.probed ?? "unknown" };
  const others = input.others.map(({ vantage, sees }) => ({
    vantage,
    sees: sees.get(edge) ?? ("unknown" as const),
  }));
  return [own, ...others];
}
