import type { PopConfig } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import { formatProblem } from "../../common/file-problem.ts";
import type { Logger } from "../../common/log.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { ChallengeRecord } from "../../state/certificates.ts";
import type { LoadPlan } from "../../state/records.ts";
import type { SteerView } from "../geo/choose.ts";
import { createSteering } from "../geo/choose.ts";
import type { EdgeHealth } from "../health/board.ts";
import type { Snapshot } from "../pipeline.ts";
import { type Signing, UNSIGNED } from "../signing.ts";
import type { NameKey } from "../wire/name.ts";
import type { BrokenAlias } from "../zone/alias.ts";
import type { Zone, ZoneTable } from "../zone/zone.ts";
import { RouterFilesError } from "./files.ts";
import type { BuiltMap } from "./map-build.ts";
import { shareMap } from "./map-parcel.ts";
import {
  brokenAliasesOf,
  buildView,
  buildZones,
  type CdnContent,
  type CdnIdentity,
} from "./snapshot.ts";

/** Everything that can change while a router runs. */
export interface LiveParts {
  readonly fileZones: readonly Zone[];
  readonly built: BuiltMap;
  readonly sites: ReadonlyMap<string, Site>;
  /** What certificate authorities want to see, by token; left out: nothing. */
  readonly challenges?: ReadonlyMap<string, ChallengeRecord>;
  /** Version of the state that `sites` are from. */
  readonly version: number;
  readonly health: ReadonlyMap<string, EdgeHealth>;
  /** Left out: load decides nothing. */
  readonly plan?: LoadPlan | undefined;
}

/** What all routers take from the state. */
export type SharedParts = Required<Pick<LiveParts, "sites" | "challenges" | "version">>;

/** Told of the zones that are served; `fileZones` in the order of their files. */
export type ZonesListener = (table: ZoneTable, fileZones: readonly Zone[]) => void;

/** What stays as it was at the start. */
export interface LiveOptions extends CdnIdentity {
  readonly pops: readonly PopConfig[];
  readonly answersMax: number;
  /** Names of the zones that come from primaries from the start on; left out: none. */
  readonly fetched?: ReadonlySet<NameKey>;
  /** The catalogs that list these zones of files and others; left out: none. */
  readonly catalogs?: (fileZones: readonly Zone[]) => readonly Zone[];
  /** True: other threads answer too, and have the same map in memory. */
  readonly isShared?: boolean;
  readonly log: Logger;
}

/**
 * The snapshot that queries are answered from, made anew when one of its parts changes and swapped
 * as a whole. A change that would make zones that cannot be served leaves the last good ones.
 */
export class LiveSnapshot {
  readonly #options: LiveOptions;
  #parts: LiveParts;
  /** Zones of primaries, as far as they are there. */
  readonly #fetchedZones = new Map<NameKey, Zone>();
  /** Names of zones of primaries, whether they are there or not. */
  readonly #expected: Set<NameKey>;
  #brokenAliases: ReadonlyMap<string, BrokenAlias> = new Map();
  #serial: number;
  #zones: ZoneTable;
  #view: SteerView;
  #signing: Signing;
  #snapshot: Snapshot;
  #onZones: ZonesListener = () => undefined;
  #onSwap: () => void = () => undefined;

  /** Throws a RouterFilesError if the zones cannot be served together. */
  constructor(options: LiveOptions, parts: LiveParts, signing: Signing = UNSIGNED) {
    this.#options = options;
    this.#expected = new Set(options.fetched);
    this.#parts = { ...parts, built: this.#shared(parts.built) };
    this.#signing = signing;
    this.#serial = parts.version + 1;
    const zones = this.#buildZones(parts, this.#serial);
    if (!zones.ok) throw new RouterFilesError(zones.error.split("\n"));
    this.#zones = zones.value;
    this.#view = this.#buildView();
    this.#snapshot = {
      zones: this.#zones,
      steering: createSteering(this.#view),
      signing: this.#signing,
    };
  }

  /** The version of the state that the serial of the CDN's own zone stands for, or a later one. */
  version(): number {
    return this.#serial - 1;
  }

  /** What to answer from now. */
  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** What steering decides from now. */
  view(): SteerView {
    return this.#view;
  }

  /** The parts that the snapshot was made of. */
  parts(): LiveParts {
    return this.#parts;
  }

  /** Tells of the zones, now and whenever they have been replaced. */
  watchZones(listener: ZonesListener): void {
    this.#onZones = listener;
    listener(this.#zones, this.#parts.fileZones);
  }

  /** Tells, from now on, that something has changed. */
  watch(listener: () => void): void {
    this.#onSwap = listener;
  }

  /** Takes another opinion of the edges. */
  setHealth(health: ReadonlyMap<string, EdgeHealth>): void {
    this.#parts = { ...this.#parts, health };
    this.#swap();
  }

  /** Takes another load plan, or none. */
  setPlan(plan: LoadPlan | undefined): void {
    this.#parts = { ...this.#parts, plan };
    this.#swap();
  }

  /** Takes another map. */
  setMap(built: BuiltMap): void {
    this.#parts = { ...this.#parts, built: this.#shared(built) };
    this.#swap();
  }

  /** Takes the sites and challenges that are in force at a version of the state. */
  setSites({ sites, challenges, version }: SharedParts): void {
    const before = this.#parts;
    if (sites === before.sites && challenges === before.challenges) return;
    this.#replaceZones({ ...before, sites, challenges, version });
  }

  /** Takes the zones of the files. */
  setFileZones(fileZones: readonly Zone[]): void {
    const before = this.#parts.fileZones;
    const isSame = fileZones.length === before.length;
    if (isSame && fileZones.every((zone, index) => zone === before[index])) return;
    this.#replaceZones({ ...this.#parts, fileZones });
  }

  /** Takes another version of a zone that is served already, wherever it is from. */
  replaceZone(zone: Zone): void {
    const { fileZones } = this.#parts;
    if (this.#fetchedZones.has(zone.key)) this.setFetchedZone(zone.key, zone);
    else this.setFileZones(fileZones.map((each) => (each.key === zone.key ? zone : each)));
  }

  /** Serves a zone of a primary from now on, as soon as it comes; or not any more. */
  setExpected(key: NameKey, isExpected: boolean): void {
    if (isExpected) this.#expected.add(key);
    else this.#expected.delete(key);
    this.setFetchedZone(key, undefined);
  }

  /** Takes another version of a zone of a primary, or none. */
  setFetchedZone(key: NameKey, zone: Zone | undefined): void {
    if (zone === undefined) this.#fetchedZones.delete(key);
    else this.#fetchedZones.set(key, zone);
    this.#replaceZones(this.#parts);
  }

  /** Takes other signers. */
  setSigning(signing: Signing): void {
    this.#signing = signing;
    this.#swap();
  }

  #replaceZones(parts: LiveParts): void {
    // A secondary, and anybody who compares serials, must never see one go back, not even when the
    // state has been lost and its versions begin again.
    const serial = Math.max(this.#serial, parts.version + 1);
    const zones = this.#buildZones(parts, serial);
    if (!zones.ok) {
      this.#options.log.error({ event: "zones-refused", reason: zones.error });
      return;
    }
    this.#serial = serial;
    this.#parts = parts;
    this.#zones = zones.value;
    this.#swap();
    this.#onZones(this.#zones, parts.fileZones);
  }

  #buildZones(parts: LiveParts, serial: number): Result<ZoneTable, string> {
    const { fileZones } = parts;
    const catalogs = this.#options.catalogs?.(fileZones) ?? [];
    const others = [...fileZones, ...catalogs, ...this.#fetchedZones.values()];
    const zones = buildZones(this.#options, others, contentOf(parts), serial);
    if (!zones.ok) return zones;
    const { byApex } = zones.value;
    const missing = [...this.#expected].filter((key) => !byApex.has(key));
    const table = { ...zones.value, missing: new Set(missing) };
    const broken = brokenAliasesOf(table, parts.fileZones);
    const final = broken.filter(({ isFinal }) => isFinal);
    if (final.length > 0) return fail(final.map(({ place }) => formatProblem(place)).join("\n"));
    this.#noteAliases(broken);
    return ok(table);
  }

  /** Says once of each alias that it leads nowhere, and that it leads somewhere again. */
  #noteAliases(broken: readonly BrokenAlias[]): void {
    const { log } = this.#options;
    const before = this.#brokenAliases;
    const now = new Map(broken.map((alias) => [formatProblem(alias.place), alias]));
    for (const [reason, { problem }] of now) {
      if (!before.has(reason)) log.warn({ event: "alias-broken", problem, reason });
    }
    for (const reason of before.keys()) {
      if (!now.has(reason)) log.info({ event: "alias-mended", reason });
    }
    this.#brokenAliases = now;
  }

  #shared(built: BuiltMap): BuiltMap {
    return this.#options.isShared === true ? { ...built, map: shareMap(built.map) } : built;
  }

  #swap(): void {
    this.#view = this.#buildView();
    this.#snapshot = {
      zones: this.#zones,
      steering: createSteering(this.#view),
      signing: this.#signing,
    };
    this.#onSwap();
  }

  #buildView(): SteerView {
    const { pops, ttlSeconds, answersMax } = this.#options;
    const { built, sites, health, plan } = this.#parts;
    return buildView({ map: built.map, pops, sites, health, ttlSeconds, answersMax, plan });
  }
}

function contentOf({ sites, challenges }: LiveParts): CdnContent {
  return challenges === undefined ? { sites } : { sites, challenges: challenges.values() };
}
