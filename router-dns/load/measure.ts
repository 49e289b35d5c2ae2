import type { EdgeConfig, PopConfig } from "../../common/config/schema.ts";
import type { Heartbeat } from "../../state/records.ts";

/** The load of one edge, by its capacity: 1 is full. */
export interface MeasuredEdge {
  readonly edge: string;
  /** Bits per second that it is configured with. */
  readonly capacity: number;
  readonly load: number;
}

/** The load of one PoP: of those of its edges that may be answered. */
export interface MeasuredPop {
  readonly pop: string;
  /** Of its edges together; 0: nothing is known of it, so it neither gives nor takes. */
  readonly capacity: number;
  readonly load: number;
  readonly edges: readonly MeasuredEdge[];
  /** Other PoPs, nearest first. */
  readonly nearest: readonly string[];
}

/** A second of measurement is half forgotten after so many. */
const HALF_LIFE_SECONDS = 4;

/**
 * How full an edge is (P): the fullest of its network, its processor and its connections, since the
 * first to run out is the one that clients notice. Disk and memory of a cache are full at all times
 * and say nothing about load; nor does the processor of an edge that shares its process with others
 * and so leaves `cpu` out. May exceed 1.
 */
export function loadOf(beat: Heartbeat, edge: Pick<EdgeConfig, "capacity">): number {
  const { bitsPerSecond, cpu = 0, connections, connectionsMax = Number.POSITIVE_INFINITY } = beat;
  return Math.max(bitsPerSecond / edge.capacity, cpu, connections / connectionsMax);
}

/**
 * A load is known after so many seconds of measurement. What a process does in its first seconds
 * (it compiles itself, fills its memory) says nothing about clients.
 */
export const KNOWN_AFTER_SECONDS = 5;

/** A load as it is seen over time, and for how many seconds it has been measured. */
export interface SmoothedLoad {
  readonly load: number;
  readonly seconds: number;
}

/**
 * A load after `seconds` more (P): moves toward what was measured in them, so that one busy second
 * does not send anybody elsewhere. Until there is more than that to remember it is the mean.
 */
export function smoothedLoad(
  before: SmoothedLoad | undefined,
  measured: number,
  seconds: number,
): SmoothedLoad {
  if (before === undefined) return { load: measured, seconds };
  const total = before.seconds + seconds;
  const part =
    total === 0 ? 1 : Math.max(seconds / total, 1 - 0.5 ** (seconds / HALF_LIFE_SECONDS));
  return { load: before.load + (measured - before.load) * part, seconds: total };
}

/**
 * Puts the loads of edges together (P). `load` is that of each edge whose heartbeat is there;
 * `isUp` says of which edges answers may speak. `nearest` gives the PoPs that may take clients of
 * one, nearest first.
 */
export function measurePops(
  pops: readonly PopConfig[],
  load: (edge: string) => number | undefined,
  isUp: (edge: string) => boolean,
  nearest: ReadonlyMap<string, readonly string[]>,
): readonly MeasuredPop[] {
  return pops.map((pop) => {
    const edges = pop.edges.flatMap((edge): MeasuredEdge[] => {
      const measured = isUp(edge.name) ? load(edge.name) : undefined;
      if (measured === undefined) return [];
      return [{ edge: edge.name, capacity: edge.capacity, load: measured }];
    });
    const capacity = sum(edges.map((edge) => edge.capacity));
    const carried = sum(edges.map((edge) => edge.capacity * edge.load));
    return {
      pop: pop.name,
      capacity,
      load: capacity === 0 ? 0 : carried / capacity,
      edges,
      nearest: nearest.get(pop.name) ?? [],
    };
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
