import type { PopConfig } from "../../../common/config/schema.ts";
import {
  choosePop,
  edgesFor,
  type MapPlace,
  type SteerView,
} from "../../../router-dns/geo/choose.ts";
import { nameSeed } from "../../../router-dns/geo/hash.ts";
import { uniformTable } from "../../../router-dns/geo/prefix-table.ts";
import { measurePops, type SmoothedLoad, smoothedLoad } from "../../../router-dns/load/measure.ts";
import { nextPlan } from "../../../router-dns/load/next-plan.ts";
import { steerLoad } from "../../../router-dns/load/steer-load.ts";
import type { LoadPlan } from "../../../state/records.ts";
import { edgeConfig } from "../support.ts";

/** What a simulated world is like. */
export interface WorldOptions {
  readonly pops: number;
  readonly edgesPerPop: number;
  /** Networks of clients near each PoP. */
  readonly networks: number;
  /** Demand of the clients near a PoP, as a part of its capacity, at a second. */
  readonly demand: (pop: number, second: number) => number;
  readonly ttlSeconds: number;
  /** How old a heartbeat is when it is read. */
  readonly heartbeatDelay: number;
  /** Clients stay for so long with an edge that DNS no longer names; a time constant. */
  readonly sessionSeconds: number;
  readonly settleMs: number;
  readonly target: number;
  /** Part by which each second's demand is off, to both sides. */
  readonly noise: number;
  readonly answers: number;
  /** Sites, of which the first is the hottest (Zipf). */
  readonly sites: number;
  readonly random: () => number;
}

interface Network {
  readonly home: number;
  readonly place: MapPlace;
  readonly site: string;
  readonly weight: number;
  readonly turn: number;
  pop: number;
  edges: readonly number[];
  changedAt: number;
}

/** Answers of a network that changed less than 30 s after the one before. */
export interface WorldReport {
  readonly hasty: number;
  readonly changes: number;
}

/**
 * A small internet in seconds: networks ask again when their TTL is over, their traffic follows
 * slowly, heartbeats are read late, and the plan is made by the code that routers use.
 */
export class World {
  readonly popConfigs: readonly PopConfig[];
  readonly #options: WorldOptions;
  readonly #networks: Network[] = [];
  readonly #nearest: ReadonlyMap<string, readonly string[]>;
  readonly #carried: number[][];
  /** Of the clients near each PoP, the part that each edge of each PoP carries. */
  readonly #parts: number[][][];
  readonly #history: number[][][] = [];
  readonly #smooth = new Map<string, SmoothedLoad>();
  #plan: LoadPlan | undefined;
  #stepSeen = 0;
  #changeSeen = 0;
  #second = 0;
  #hasty = 0;
  #changes = 0;
  #view: SteerView;

  constructor(options: WorldOptions) {
    this.#options = options;
    const names = Array.from({ length: options.pops }, (_, i) => `p${i}`);
    this.popConfigs = names.map((name, p) => ({
      name,
      location: [0, p * 10],
      edges: Array.from({ length: options.edgesPerPop }, (_, e) =>
        edgeConfig(`${name}-${e}`, `192.0.${p}.${e + 1}`),
      ),
    }));
    const around = (i: number) =>
      names.map((_, j) => j).sort((a, b) => Math.abs(a - i) - Math.abs(b - i) || a - b);
    this.#nearest = new Map(
      names.map((name, i) => [
        name,
        around(i)
          .slice(1)
          .map((j) => names[j] ?? ""),
      ]),
    );
    this.#carried = names.map(() => Array.from({ length: options.edgesPerPop }, () => 0));
    this.#parts = names.map(() => this.#carried.map((row) => [...row]));
    this.#view = this.#makeView();
    for (let home = 0; home < options.pops; home += 1) this.#addNetworks(home, around(home));
  }

  /** Lets one second pass. */
  tick(): void {
    const { ttlSeconds } = this.#options;
    for (const network of this.#networks) {
      if (this.#second % ttlSeconds === network.turn) this.#ask(network);
    }
    this.#carry();
    this.#measure();
    this.#second += 1;
  }

  /** The load of each edge of each PoP now, as a part of its capacity. */
  loads(): readonly (readonly number[])[] {
    return this.#carried;
  }

  /** The PoPs that carry clients of one PoP, itself included. */
  sharing(home: number): readonly number[] {
    return [...(this.#parts[home]?.entries() ?? [])].flatMap(([pop, row]) =>
      row.some((part) => part > 1e-9) ? [pop] : [],
    );
  }

  /** The plan in force. */
  plan(): LoadPlan | undefined {
    return this.#plan;
  }

  /** How often answers changed since the last call, and how many of these changes were hasty. */
  takeReport(): WorldReport {
    const report = { hasty: this.#hasty, changes: this.#changes };
    this.#hasty = 0;
    this.#changes = 0;
    return report;
  }

  #addNetworks(home: number, ranking: readonly number[]): void {
    const { networks, ttlSeconds, random, sites } = this.#options;
    const table = uniformTable(4, 0);
    for (let i = 0; i < networks; i += 1) {
      const client = Uint8Array.of(10 + home, Math.floor(i / 256), i % 256, 0);
      const site = Math.floor(sites ** random()) - 1;
      this.#networks.push({
        home,
        place: {
          table,
          position: 0,
          leaf: { ranking, reason: "closest" },
          scopePrefixLength: 0,
          client,
          isKnown: true,
        },
        site: `site${site}`,
        weight: 1 / networks,
        turn: Math.floor(random() * ttlSeconds),
        pop: home,
        edges: [],
        changedAt: Number.NEGATIVE_INFINITY,
      });
    }
  }

  #makeView(): SteerView {
    return {
      map: undefined as never,
      pops: this.popConfigs.map((pop) => ({
        name: pop.name,
        seed: nameSeed(pop.name),
        edges: pop.edges.map(({ name }) => ({
          name,
          seed: nameSeed(name),
          weight: 1,
          v4: undefined,
          v6: undefined,
          standing: "up",
          isLastGood: false,
        })),
      })),
      ttlSeconds: this.#options.ttlSeconds,
      sites: new Map(),
      anySite: { allDown: { kind: "serve-all" }, answersMax: this.#options.answers },
      load: steerLoad(this.#plan, this.popConfigs),
    };
  }

  #ask(network: Network): void {
    const view = this.#view;
    const choice = choosePop(view, network.place);
    const pop = view.pops[choice.pop];
    const edges = edgesFor(view, network.site, choice).map((edge) => pop?.edges.indexOf(edge) ?? 0);
    const isSame = choice.pop === network.pop && edges.join() === network.edges.join();
    if (isSame) return;
    if (network.edges.length > 0) {
      this.#changes += 1;
      if (this.#second - network.changedAt < 30) this.#hasty += 1;
      network.changedAt = this.#second;
    }
    this.#move(network, -1);
    network.pop = choice.pop;
    network.edges = edges;
    this.#move(network, 1);
  }

  #move({ home, pop, edges, weight }: Network, sign: 1 | -1): void {
    const row = this.#parts[home]?.[pop];
    if (row === undefined) return;
    for (const edge of edges) row[edge] = (row[edge] ?? 0) + (sign * weight) / edges.length;
  }

  /** Traffic goes where DNS says, as fast as sessions end. */
  #carry(): void {
    const { demand, noise, random, sessionSeconds, pops, edgesPerPop } = this.#options;
    const now = Array.from({ length: pops }, (_, pop) => {
      return demand(pop, this.#second) * edgesPerPop * (1 + noise * (2 * random() - 1));
    });
    const part = 1 / Math.max(1, sessionSeconds);
    for (const [pop, row] of this.#carried.entries()) {
      for (const [edge, load] of row.entries()) {
        let wanted = 0;
        for (let home = 0; home < pops; home += 1) {
          wanted += (now[home] ?? 0) * (this.#parts[home]?.[pop]?.[edge] ?? 0);
        }
        row[edge] = load + part * (wanted - load);
      }
    }
  }

  #measure(): void {
    const { heartbeatDelay, settleMs, target } = this.#options;
    this.#history.push(this.#carried.map((row) => [...row]));
    if (this.#history.length > heartbeatDelay + 1) this.#history.shift();
    const [seen = []] = this.#history;
    for (const [p, pop] of this.popConfigs.entries()) {
      for (const [e, { name }] of pop.edges.entries()) {
        this.#smooth.set(name, smoothedLoad(this.#smooth.get(name), seen[p]?.[e] ?? 0, 1));
      }
    }
    const pops = measurePops(
      this.popConfigs,
      (edge) => this.#smooth.get(edge)?.load,
      () => true,
      this.#nearest,
    );
    const monotonic = this.#second * 1_000;
    const moment = {
      now: monotonic,
      monotonic,
      plan: this.#plan,
      stepSeen: this.#stepSeen,
      changeSeen: this.#changeSeen,
      pops,
    };
    const next = nextPlan(moment, { target, settleMs, by: "router" });
    if (next === undefined) return;
    if (next.change !== this.#plan?.change) this.#changeSeen = monotonic;
    this.#stepSeen = monotonic;
    this.#plan = next;
    this.#view = this.#makeView();
  }
}
