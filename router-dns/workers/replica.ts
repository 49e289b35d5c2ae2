import { invariant } from "../../common/assert.ts";
import type { Clock } from "../../common/clock.ts";
import type { PopConfig } from "../../common/config/schema.ts";
import { runInTurns } from "../../common/steps.ts";
import { unpackColumns } from "../data/map-parcel.ts";
import { buildView } from "../data/snapshot.ts";
import { createSteering, type SteerView } from "../geo/choose.ts";
import type { Snapshot } from "../pipeline.ts";
import { type Signing, UNSIGNED } from "../signing.ts";
import { buildZoneTable, type Zone, type ZoneTable } from "../zone/zone.ts";
import type { ViewChange, ZonesChange } from "./messages.ts";
import { unpackSteps } from "./zone-parcel.ts";

/** What stays as it was at the start. */
export interface ReplicaOptions {
  readonly pops: readonly PopConfig[];
  readonly ttlSeconds: number;
  readonly answersMax: number;
  readonly clock: Clock;
}

type ViewParts = Omit<Parameters<typeof buildView>[0], keyof ReplicaOptions>;

/** The snapshot of the leader, made again from what it says has changed. */
export class Replica {
  readonly #options: ReplicaOptions;
  #byNumber: ReadonlyMap<number, Zone> = new Map<number, Zone>();
  #parts: Partial<ViewParts> = {};
  #zones: ZoneTable | undefined;
  #view: SteerView | undefined;
  #signing: Signing = UNSIGNED;
  #snapshot: Snapshot | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** True when everything has come that answers depend on. */
  get isWhole(): boolean {
    return this.#snapshot !== undefined;
  }

  /** What to answer from now; not before it is whole. */
  snapshot(): Snapshot {
    invariant(this.#snapshot !== undefined, "nobody answers before the replica is whole");
    return this.#snapshot;
  }

  /** What steering decides from now; not before it is whole. */
  view(): SteerView {
    invariant(this.#view !== undefined, "nobody answers before the replica is whole");
    return this.#view;
  }

  /** Steers by what has changed, from now on. */
  takeView({ sites, health, load, map }: ViewChange): void {
    this.#parts = {
      ...this.#parts,
      ...(sites && { sites }),
      ...(health && { health }),
      ...(load && { plan: load.plan }),
      ...(map && { map: unpackColumns(map) }),
    };
    const { pops, ttlSeconds, answersMax } = this.#options;
    const { plan, ...needed } = this.#parts;
    if (needed.map === undefined || needed.sites === undefined || needed.health === undefined)
      return;
    const parts = { map: needed.map, sites: needed.sites, health: needed.health, plan };
    this.#view = buildView({ ...parts, pops, ttlSeconds, answersMax });
    this.#swap();
  }

  /** Serves these zones when the new ones among them are built. One call at a time. */
  async takeZones({ numbers, fresh, missing }: ZonesChange): Promise<void> {
    const known = new Map(this.#byNumber);
    for (const [number, parcel] of fresh) {
      known.set(number, await runInTurns(unpackSteps(parcel), this.#options.clock));
    }
    const kept = numbers.flatMap((number) => {
      const zone = known.get(number);
      return zone === undefined ? [] : [[number, zone] as const];
    });
    this.#byNumber = new Map(kept);
    const table = buildZoneTable([...this.#byNumber.values()]);
    if (!table.ok) throw new Error(table.error);
    this.#zones = { ...table.value, missing };
    this.#swap();
  }

  /** Answers with other signers. */
  setSigning(signing: Signing): void {
    this.#signing = signing;
    this.#swap();
  }

  #swap(): void {
    if (this.#zones === undefined || this.#view === undefined) return;
    const steering = createSteering(this.#view);
    this.#snapshot = { zones: this.#zones, steering, signing: this.#signing };
  }
}
