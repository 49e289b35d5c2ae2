import type { PopConfig } from "../../common/config/schema.ts";
import { nearestPops } from "../../router-dns/data/load-keeper.ts";
import { measurePops, type SmoothedLoad, smoothedLoad } from "../../router-dns/load/measure.ts";
import { nextPlan } from "../../router-dns/load/next-plan.ts";
import type { LoadPlan } from "../../state/records.ts";

/** What load is spread by; times in seconds. */
export interface LoadsSettings {
  readonly pops: readonly PopConfig[];
  readonly stepSeconds: number;
  readonly sessionSeconds: number;
  readonly heartbeatSeconds: number;
  readonly target: number;
  /** From one change of the plan to the next: `load.settle` and a TTL. */
  readonly settleMs: number;
  readonly isOn: boolean;
}

/** The load of each edge (PoP by PoP), as sessions, heartbeats and routers make it. */
export class Loads {
  readonly #settings: LoadsSettings;
  readonly #nearest: ReadonlyMap<string, readonly string[]>;
  readonly #edges: readonly { readonly name: string; readonly pop: number; capacity: number }[];
  readonly #smooth = new Map<string, SmoothedLoad>();
  readonly #history: Float64Array[] = [];
  #plan: LoadPlan | undefined;
  #stepSeen = 0;
  #changeSeen = 0;
  /** Bits per second that each edge carries. */
  readonly carried: Float64Array;

  constructor(settings: LoadsSettings) {
    const { pops } = settings;
    this.#settings = settings;
    this.#nearest = nearestPops(pops);
    this.#edges = pops.flatMap((pop, i) =>
      pop.edges.map(({ name, capacity }) => ({ name, pop: i, capacity })),
    );
    this.carried = new Float64Array(this.#edges.length);
  }

  /** The plan in force. */
  get plan(): LoadPlan | undefined {
    return this.#plan;
  }

  /** Edges in the order of `carried`. */
  get edges(): readonly {
    readonly name: string;
    readonly pop: number;
    readonly capacity: number;
  }[] {
    return this.#edges;
  }

  /**
   * Traffic moves where DNS sends it, as sessions end; that of a dead PoP is gone at once.
   * Of new edges nothing is to be waited for: the first call fills all.
   */
  carry(wanted: Float64Array, isDead: (pop: number) => boolean): void {
    const { sessionSeconds, stepSeconds } = this.#settings;
    const isFirst = this.#history.length === 0;
    const part = isFirst || sessionSeconds === 0 ? 1 : 1 - Math.exp(-stepSeconds / sessionSeconds);
    for (const [edge, { pop }] of this.#edges.entries()) {
      const before = this.carried[edge] ?? 0;
      const aim = wanted[edge] ?? 0;
      this.carried[edge] = isDead(pop) ? 0 : before + part * (aim - before);
    }
  }

  /** Heartbeats come, late, and routers propose; true if another plan is in force. */
  measure(second: number, isUp: (pop: number) => boolean): boolean {
    const { heartbeatSeconds, stepSeconds, pops, target, settleMs, isOn } = this.#settings;
    this.#history.push(this.carried.slice());
    const late = Math.ceil(heartbeatSeconds / stepSeconds);
    if (this.#history.length > late + 1) this.#history.shift();
    const [seen] = this.#history;
    for (const [i, { name, pop, capacity }] of this.#edges.entries()) {
      if (isUp(pop)) {
        const load = (seen?.[i] ?? 0) / capacity;
        this.#smooth.set(name, smoothedLoad(this.#smooth.get(name), load, stepSeconds));
      } else this.#smooth.delete(name);
    }
    if (!isOn) return false;
    const monotonic = second * 1_000;
    const measured = measurePops(
      pops,
      (edge) => this.#smooth.get(edge)?.load,
      (edge) => this.#smooth.has(edge),
      this.#nearest,
    );
    const next = nextPlan(
      {
        now: monotonic,
        monotonic,
        plan: this.#plan,
        stepSeen: this.#stepSeen,
        changeSeen: this.#changeSeen,
        pops: measured,
      },
      { target, settleMs, by: "router" },
    );
    if (next === undefined) return false;
    const isOther = next.change !== this.#plan?.change;
    if (isOther) this.#changeSeen = monotonic;
    this.#stepSeen = monotonic;
    this.#plan = next;
    return isOther;
  }
}
