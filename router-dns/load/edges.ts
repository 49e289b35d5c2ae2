import type { PopLoad } from "../../state/records.ts";
import type { MeasuredPop } from "./measure.ts";

/** An edge is filled to at most so many times the mean of its PoP, which is bounded itself. */
const BOUND = 1.1;

/**
 * An edge takes clients back when its load is below so much of its limit. The band between is wide:
 * who takes over from whom depends on sites, so what a change does is only roughly known.
 */
const RELEASE = 0.85;

/** Where in the band an edge that takes clients back should end. */
const REFILL = 0.92;

/** Least fraction that an edge keeps. */
const KEEPS_MIN = 0.05;

/** The most that comes back in one change. */
const RETURN_MAX = 0.1;

/** How much of the way down is gone in one change: who takes over is not known beforehand. */
const DOWN = 0.6;

/**
 * Bounds the loads of the edges of one PoP (P): one that hashing gives more than its part keeps a
 * fraction of its clients, and the others get the next edges in the order of their site. So a site
 * that is too hot for its edges is spread over more of them. `target`: as for PoPs; below half of
 * it nobody is moved.
 */
export function spreadEdges(
  before: PopLoad["edges"],
  pop: MeasuredPop,
  target: number,
): { readonly edges: PopLoad["edges"]; readonly changed: boolean } {
  const known = new Map(before.map(({ edge, keeps }) => [edge, keeps]));
  const limit = Math.max(BOUND * pop.load, target / 2);
  let changed = false;
  const edges = pop.edges.map(({ edge, load }) => {
    const was = known.get(edge) ?? 1;
    const keeps = pop.edges.length < 2 ? 1 : nextKeeps(was, load / limit);
    changed ||= keeps !== was;
    return { edge, load: Math.round(load * 1e4) / 1e4, keeps };
  });
  return { edges, changed };
}

/** The fraction that an edge keeps, with its load as a part of its limit. */
function nextKeeps(was: number, load: number): number {
  let next = was;
  if (load > 1) next = Math.max(KEEPS_MIN, was + DOWN * (was / load - was));
  else if (load < RELEASE) next = Math.min(1, was + RETURN_MAX, (was * REFILL) / load);
  return Math.round(next * 1e4) / 1e4;
}
