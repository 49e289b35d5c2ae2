import { choosePop, edgesFor, type MapPlace, type SteerView } from "../../router-dns/geo/choose.ts";
import type { SteeringMap } from "../../router-dns/geo/compile.ts";
import { findPrefix } from "../../router-dns/geo/prefix-table.ts";
import type { Clients } from "./clients.ts";
import { changedHomes } from "./view-change.ts";

/** Distances are counted in steps of so many kilometres. */
export const KM_STEP = 10;
export const KM_STEPS = 2_005;

/** Nobody has been answered yet. */
const NOBODY = 0xffff;

/** What the clients of an internet are. */
export interface InternetParts {
  readonly clients: Clients;
  readonly map: SteeringMap;
  readonly pops: number;
  readonly edgesMax: number;
  /** Group of the demand of each network. */
  readonly groupOf: (network: number) => number;
  readonly groups: number;
  readonly kilometres: (network: number, pop: number) => number;
  /** Steps of time for which a resolver keeps an answer. */
  readonly phases: number;
  readonly sites: number;
  readonly random: () => number;
}

/** What asking has changed since the last look. */
export interface Churn {
  changes: number;
  /** Changes of one network less than 30 s after the one before. */
  hasty: number;
}

/**
 * Networks, and the answers that their resolvers keep. An answer depends on the network and on the
 * view only, so asking again is left out for those whose part of the view is the same: the result
 * is that of asking all of them.
 */
export class Internet {
  readonly #parts: InternetParts;
  /** Networks in the order of leaf and phase, and where each of these begins. */
  readonly #order: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #positions: Uint32Array;
  readonly #leaves: Uint32Array;
  readonly #sites: readonly string[];
  readonly #siteOf: Uint16Array;
  readonly #popOf: Uint16Array;
  readonly #edgesOf: Uint32Array;
  readonly #homeOf: Uint16Array;
  readonly #changedAt: Float64Array;
  /** Leaves whose networks have to ask, by phase. */
  readonly #due: readonly Set<number>[];
  #view: SteerView | undefined;
  /** Of each edge (PoP by PoP) and group, the part of all demand that it gets. */
  readonly shares: Float64Array;
  /** Of each group and step of distance, the part of all demand. */
  readonly distances: Float64Array;
  /** For each PoP, how many networks nearest to it have each PoP. */
  readonly sharing: readonly Map<number, number>[];
  readonly churn: Churn = { changes: 0, hasty: 0 };

  constructor(parts: InternetParts) {
    const { clients, map, phases, random, sites } = parts;
    const { count } = clients;
    this.#parts = parts;
    this.#positions = new Uint32Array(count);
    this.#leaves = new Uint32Array(count);
    this.#siteOf = new Uint16Array(count);
    const slots = new Uint32Array(count);
    this.#starts = new Uint32Array(map.leaves.count * phases + 1);
    for (let network = 0; network < count; network += 1) {
      const position = findPrefix(map.v4, this.#client(network));
      const leaf = map.v4.values[position] ?? 0;
      this.#positions[network] = position;
      this.#leaves[network] = leaf;
      this.#siteOf[network] = Math.floor(sites ** random()) - 1;
      const slot = leaf * phases + Math.floor(random() * phases);
      slots[network] = slot;
      this.#starts[slot + 1] = (this.#starts[slot + 1] ?? 0) + 1;
    }
    this.#order = orderBySlot(this.#starts, slots);
    this.#sites = Array.from({ length: sites }, (_, i) => `site${i}`);
    this.#popOf = new Uint16Array(count).fill(NOBODY);
    this.#homeOf = new Uint16Array(count).fill(NOBODY);
    this.#edgesOf = new Uint32Array(count);
    this.#changedAt = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.#due = Array.from({ length: phases }, () => new Set<number>());
    this.shares = new Float64Array(parts.pops * parts.edgesMax * parts.groups);
    this.distances = new Float64Array(parts.groups * KM_STEPS);
    this.sharing = Array.from({ length: parts.pops }, () => new Map<number, number>());
  }

  /** Routers answer by another view from now on. */
  setView(view: SteerView): void {
    const isChanged = changedHomes(this.#view, view);
    const { leaves } = this.#parts.map;
    this.#view = view;
    for (let leaf = 0; leaf < leaves.count; leaf += 1) {
      if (!isChanged(leaves.at(leaf)?.ranking ?? [])) continue;
      for (const due of this.#due) due.add(leaf);
    }
  }

  /** The answers of networks whose TTL is over in this step; `second` is when. */
  ask(step: number, second: number): void {
    const { phases } = this.#parts;
    const phase = step % phases;
    for (const leaf of this.#due[phase] ?? []) {
      const slot = leaf * phases + phase;
      const end = this.#starts[slot + 1] ?? 0;
      for (let at = this.#starts[slot] ?? 0; at < end; at += 1) {
        this.#askOne(this.#order[at] ?? 0, second);
      }
    }
    this.#due[phase]?.clear();
  }

  /** The part of all demand that is sent to one PoP. */
  weightAt(pop: number): number {
    let sum = 0;
    for (let network = 0; network < this.#popOf.length; network += 1) {
      if (this.#popOf[network] === pop) sum += this.#parts.clients.weights[network] ?? 0;
    }
    return sum;
  }

  /** Where each network is sent, to compare with later; by position of the PoP. */
  answers(): Uint16Array {
    return this.#popOf.slice();
  }

  #client(network: number): Uint8Array {
    const address = this.#parts.clients.addresses[network] ?? 0;
    return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
  }

  #place(network: number): MapPlace {
    const { map } = this.#parts;
    const position = this.#positions[network] ?? 0;
    return {
      table: map.v4,
      position,
      leaf: map.leaves.at(this.#leaves[network] ?? 0) ?? map.unknown,
      scopePrefixLength: map.v4.lengths[position] ?? 0,
      client: this.#client(network),
      isKnown: true,
    };
  }

  #askOne(network: number, second: number): void {
    const view = this.#view;
    if (view === undefined) return;
    const choice = choosePop(view, this.#place(network));
    // Nothing is up: whatever the policy says, nobody is served, and the old answer is as good.
    if (choice.home < 0) return;
    const edges = view.pops[choice.pop]?.edges ?? [];
    const site = this.#sites[this.#siteOf[network] ?? 0] ?? "";
    let bits = 0;
    for (const edge of edgesFor(view, site, choice)) bits |= 1 << edges.indexOf(edge);
    const was = this.#popOf[network];
    const isSame = was === choice.pop && this.#edgesOf[network] === bits;
    if (isSame && this.#homeOf[network] === choice.home) return;
    if (was !== NOBODY && !isSame) {
      this.churn.changes += 1;
      if (second - (this.#changedAt[network] ?? 0) < 30) this.churn.hasty += 1;
      this.#changedAt[network] = second;
    }
    this.#move(network, -1);
    this.#popOf[network] = choice.pop;
    this.#homeOf[network] = choice.home;
    this.#edgesOf[network] = bits;
    this.#move(network, 1);
  }

  #move(network: number, sign: 1 | -1): void {
    const { clients, edgesMax, groups, groupOf, kilometres } = this.#parts;
    const pop = this.#popOf[network] ?? NOBODY;
    const home = this.#homeOf[network] ?? NOBODY;
    if (pop === NOBODY) return;
    const group = groupOf(network);
    const weight = sign * (clients.weights[network] ?? 0);
    const bits = this.#edgesOf[network] ?? 0;
    const each = weight / bitCount(bits);
    for (let edge = 0; edge < edgesMax; edge += 1) {
      if ((bits & (1 << edge)) === 0) continue;
      const at = (pop * edgesMax + edge) * groups + group;
      this.shares[at] = (this.shares[at] ?? 0) + each;
    }
    const step = Math.min(KM_STEPS - 1, Math.floor(kilometres(network, pop) / KM_STEP));
    const at = group * KM_STEPS + step;
    this.distances[at] = (this.distances[at] ?? 0) + weight;
    const shared = this.sharing[home];
    const left = (shared?.get(pop) ?? 0) + sign;
    if (left === 0) shared?.delete(pop);
    else shared?.set(pop, left);
  }
}

/** Turns counts by slot, each one place late, into where slots begin; gives what is in them. */
function orderBySlot(starts: Uint32Array, slots: Uint32Array): Uint32Array {
  for (let slot = 1; slot < starts.length; slot += 1) {
    starts[slot] = (starts[slot] ?? 0) + (starts[slot - 1] ?? 0);
  }
  const next = starts.slice();
  const order = new Uint32Array(slots.length);
  for (const [network, slot] of slots.entries()) {
    const at = next[slot] ?? 0;
    order[at] = network;
    next[slot] = at + 1;
  }
  return order;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return Math.max(1, count);
}
