import type { PopConfig } from "../../common/config/schema.ts";
import { buildView, toMapPop } from "../../router-dns/data/snapshot.ts";
import type { SteerView } from "../../router-dns/geo/choose.ts";
import type { SteeringMap } from "../../router-dns/geo/compile.ts";
import { type ClientPlaces, distancesTo, Histogram } from "../../router-dns/geo/map-stats.ts";
import type { EdgeHealth } from "../../router-dns/health/board.ts";
import type { Clients } from "./clients.ts";
import { type DemandOf, demandFor, type Groups, groupsOf } from "./demand.ts";
import { Internet } from "./internet.ts";
import { Loads } from "./loads.ts";
import { type Loss, lossesOf, type Scenario } from "./scenario.ts";
import { addDistances, type LossEffect, type Result, Tally, worstOverMean } from "./tally.ts";

/** Time goes in steps of so many seconds. */
export const STEP_SECONDS = 5;

/** What comes before counts for nothing: the plan has to find its place. */
const WARM_UP_SECONDS = 900;

/** Who moved because of a loss is looked at after so long. */
const LOSS_SECONDS = 300;

/** Without noise and crowds nothing happens between samples that a picture could show. */
const SAMPLE_SECONDS = 300;

/** What a scenario is replayed over. */
export interface ReplayParts {
  readonly scenario: Scenario;
  readonly pops: readonly PopConfig[];
  readonly map: SteeringMap;
  readonly places: ClientPlaces;
  readonly clients: Clients;
  /** Part of all demand of each place. */
  readonly weights: Float64Array;
  /** Numbers from 0 to 1, the same ones for a seed. */
  readonly random: () => number;
}

/** A replay of a scenario (P, with the random numbers given): `run` gives what it came to. */
export class Replay {
  readonly #parts: ReplayParts;
  readonly #groups: Groups;
  readonly #demandOf: DemandOf;
  readonly #internet: Internet;
  readonly #loads: Loads;
  readonly #tally = new Tally();
  readonly #losses: readonly (Loss & { readonly index: number })[];
  readonly #effects: LossEffect[] = [];
  readonly #stood = new Map<Loss, { readonly answers: Uint16Array; readonly stood: number }>();
  #down = "";
  #away = 0;
  #plans = 0;

  constructor(parts: ReplayParts) {
    const { scenario, pops, map, places, clients, weights, random } = parts;
    const { policy, demand } = scenario;
    this.#parts = parts;
    this.#groups = groupsOf(scenario, places.places, weights);
    this.#demandOf = demandFor(scenario, this.#groups.all);
    const away = distancesTo(places.places, pops.map(toMapPop));
    this.#internet = new Internet({
      clients,
      map,
      pops: pops.length,
      edgesMax: Math.max(...pops.map(({ edges }) => edges.length)),
      groups: this.#groups.all.length,
      groupOf: (network) => this.#groups.ofPlace[clients.places[network] ?? 0] ?? 0,
      kilometres: (network, pop) => away(clients.places[network] ?? 0, pop),
      phases: Math.ceil(policy.ttl / 1_000 / STEP_SECONDS),
      sites: demand.sites,
      random,
    });
    this.#loads = new Loads({
      pops,
      stepSeconds: STEP_SECONDS,
      sessionSeconds: policy.session / 1_000,
      heartbeatSeconds: policy.heartbeatDelay / 1_000,
      target: policy.load.target,
      settleMs: policy.load.settle + policy.ttl,
      isOn: policy.load.mode === "on",
    });
    this.#losses = lossesOf(scenario).map((loss) => ({
      ...loss,
      index: pops.findIndex(({ name }) => name === loss.pop),
    }));
  }

  /** Replays all of it. `progress` is told the part that is done. */
  run(progress: (part: number) => void): Result {
    const { scenario } = this.#parts;
    const end = scenario.hours * 3_600;
    this.#internet.setView(this.#view());
    const phases = Math.ceil(scenario.policy.ttl / 1_000 / STEP_SECONDS);
    for (let phase = 0; phase < phases; phase += 1) this.#internet.ask(phase, -WARM_UP_SECONDS);
    const closest = this.#closest();
    for (let second = -WARM_UP_SECONDS; second < end; second += STEP_SECONDS) {
      if (second === 0) {
        this.#internet.churn.changes = 0;
        this.#internet.churn.hasty = 0;
        this.#plans = 0;
      }
      this.#step(second);
      if (second % 3_600 === 0 && second > 0) progress(second / end);
    }
    return this.#result(closest);
  }

  #view(): SteerView {
    const { pops, map, scenario } = this.#parts;
    const { policy } = scenario;
    const down: EdgeHealth = {
      probed: "down",
      drained: false,
      since: 0,
      detail: "lost",
      against: 0,
      lastProbe: 1,
    };
    const lost = new Set(this.#down.split(","));
    const gone = pops.filter(({ name }) => lost.has(name)).flatMap(({ edges }) => edges);
    return buildView({
      map,
      pops,
      sites: new Map(),
      health: new Map(gone.map(({ name }) => [name, down])),
      ttlSeconds: policy.ttl / 1_000,
      answersMax: policy.answers,
      plan: this.#loads.plan,
    });
  }

  /** PoPs that are lost at a second, and have been for so many milliseconds. */
  #lost(second: number, lateMs: number): readonly (Loss & { readonly index: number })[] {
    const now = second * 1_000;
    return this.#losses.filter((loss) => now >= loss.at + lateMs && now < loss.at + loss.for);
  }

  #step(second: number): void {
    const { policy, demand } = this.#parts.scenario;
    const dead = new Set(this.#lost(second, 0).map(({ index }) => index));
    const seen = this.#lost(second, policy.detection);
    this.#noteLosses(second);
    const down = seen.map(({ pop }) => pop).join();
    if (down !== this.#down) {
      this.#down = down;
      this.#internet.setView(this.#view());
    }
    this.#internet.ask(second / STEP_SECONDS + WARM_UP_SECONDS, second);
    const wants = this.#groups.all.map((group) => {
      const noise = 1 + demand.noise * (2 * this.#parts.random() - 1);
      return this.#demandOf(group, second) * noise;
    });
    const wanted = this.#wanted(wants);
    this.#loads.carry(wanted, (pop) => dead.has(pop));
    const isDown = new Set(seen.map(({ index }) => index));
    if (this.#loads.measure(second, (pop) => !dead.has(pop) && !isDown.has(pop))) {
      this.#plans += 1;
      this.#internet.setView(this.#view());
    }
    if (second >= 0) this.#note(second, wants, wanted, dead);
  }

  /** Bits per second that DNS sends to each edge, for the demand of each group. */
  #wanted(wants: readonly number[]): Float64Array {
    const { pops } = this.#parts;
    const { shares } = this.#internet;
    const edgesMax = Math.max(...pops.map(({ edges }) => edges.length));
    const wanted = new Float64Array(this.#loads.edges.length);
    let at = 0;
    for (const [pop, { edges }] of pops.entries()) {
      for (let edge = 0; edge < edges.length; edge += 1, at += 1) {
        const row = (pop * edgesMax + edge) * wants.length;
        let sum = 0;
        for (let group = 0; group < wants.length; group += 1) {
          sum += (shares[row + group] ?? 0) * (wants[group] ?? 0);
        }
        wanted[at] = Math.max(0, sum);
      }
    }
    return wanted;
  }

  #note(
    second: number,
    wants: readonly number[],
    wanted: Float64Array,
    dead: ReadonlySet<number>,
  ): void {
    const { edges, carried } = this.#loads;
    const total = wants.reduce(
      (sum, want, group) => sum + want * (this.#groups.all[group]?.weight ?? 0),
      0,
    );
    let lost = 0;
    let capacity = 0;
    let fullest = 0;
    for (const [i, edge] of edges.entries()) {
      if (dead.has(edge.pop)) lost += wanted[i] ?? 0;
      else capacity += edge.capacity;
      fullest = Math.max(fullest, (carried[i] ?? 0) / edge.capacity);
    }
    this.#tally.step(STEP_SECONDS, edges, carried, { demand: total, lost, capacity });
    if (second % 60 === 0 && total < capacity) this.#noteSharing();
    if (second % SAMPLE_SECONDS !== 0) return;
    this.#tally.distances(this.#internet.distances, wants);
    const away = this.#awayShare();
    this.#away += away * SAMPLE_SECONDS * total;
    const demand = capacity === 0 ? 0 : total / capacity;
    this.#tally.samples.push({ hour: second / 3_600, demand, fullest, away });
  }

  /** How even the load is among those who carry the clients of a PoP that gives some away. */
  #noteSharing(): void {
    const { edges, carried } = this.#loads;
    const { pops } = this.#parts;
    const loads: { load: number; capacity: number }[][] = pops.map(() => []);
    for (const [i, { pop, capacity }] of edges.entries()) {
      loads[pop]?.push({ load: (carried[i] ?? 0) / capacity, capacity });
    }
    let worst = 1;
    for (const shared of this.#internet.sharing) {
      if (shared.size < 2) continue;
      worst = Math.max(worst, worstOverMean([...shared.keys()].flatMap((pop) => loads[pop] ?? [])));
    }
    this.#tally.overMean(worst);
  }

  /** What PoPs give away, by their demand: as the plan says, which is what comes true. */
  #awayShare(): number {
    let given = 0;
    let all = 0;
    const plan = new Map(this.#loads.plan?.pops.map((pop) => [pop.pop, pop]));
    for (const { name, edges } of this.#parts.pops) {
      const own = plan.get(name);
      const capacity = edges.reduce((sum, edge) => sum + edge.capacity, 0);
      const demand = (own?.demand ?? 0) * capacity;
      all += demand;
      for (const { fraction } of own?.sheds ?? []) given += demand * fraction;
    }
    return all === 0 ? 0 : given / all;
  }

  #noteLosses(second: number): void {
    for (const loss of this.#losses) {
      const since = second - Math.ceil(loss.at / 1_000 / STEP_SECONDS) * STEP_SECONDS;
      if (since === 0) {
        const stood = this.#internet.weightAt(loss.index);
        this.#stood.set(loss, { answers: this.#internet.answers(), stood });
      }
      const before = since === LOSS_SECONDS ? this.#stood.get(loss) : undefined;
      if (before === undefined) continue;
      const now = this.#internet.answers();
      let others = 0;
      for (const [network, pop] of before.answers.entries()) {
        const isOther = pop !== loss.index && pop !== now[network];
        if (isOther) others += this.#parts.clients.weights[network] ?? 0;
      }
      this.#effects.push({ pop: loss.pop, stood: before.stood, others });
    }
  }

  #closest(): Result["closest"] {
    const histogram = new Histogram();
    addDistances(
      histogram,
      this.#internet.distances,
      this.#groups.all.map(() => 1e9),
    );
    return histogram.distances();
  }

  #result(closest: Result["closest"]): Result {
    const { clients, pops, map, scenario } = this.#parts;
    const { churn } = this.#internet;
    const { distance, load } = this.#tally.sums();
    return {
      prefixes: clients.prefixes,
      networks: clients.count,
      pops: pops.length,
      rankings: map.leaves.count,
      distance,
      closest,
      load: { ...load, awayShare: this.#away / Math.max(1, this.#tally.demanded) },
      churn: {
        changesPerPrefixHour: churn.changes / clients.count / scenario.hours,
        hasty: churn.hasty,
        plans: this.#plans,
        losses: this.#effects,
      },
      samples: this.#tally.samples,
    };
  }
}
