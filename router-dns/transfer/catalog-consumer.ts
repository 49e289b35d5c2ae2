import { hash } from "node:crypto";
import { join } from "node:path";
import { background } from "../../common/background.ts";
import type { CatalogConfig } from "../../common/config/catalogs.ts";
import type { Logger } from "../../common/log.ts";
import { formatName, type NameKey, nameKey } from "../wire/name.ts";
import type { Zone } from "../zone/zone.ts";
import { assignMembers, type Catalog, type OwnedMember, readCatalog } from "./catalog.ts";
import type { Secondary, SecondaryConfig } from "./secondary.ts";
import { keyOf, nameOf, withBytes, type ZoneTransfer, zoneTransfer } from "./settings.ts";
import type { TsigKeys } from "./tsig.ts";

/** What a consumer of catalogs needs, and whom it tells. */
export interface CatalogConsumerOptions {
  readonly catalogs: readonly CatalogConfig[];
  readonly keys: TsigKeys;
  readonly log: Logger;
  readonly makeSecondary: (
    config: SecondaryConfig,
    onZone: (zone: Zone | undefined) => void,
  ) => Secondary;
  /** True if a name is served for another reason than a catalog. */
  readonly isTaken: (zone: NameKey) => boolean;
  /** A zone is to be served from now on, as soon as it has come; or not any more. */
  readonly onMember: (zone: NameKey, isMember: boolean) => void;
  /** A member has another version, or none any more. */
  readonly onFetched: (zone: NameKey, version: Zone | undefined) => void;
}

interface Served {
  readonly member: OwnedMember;
  readonly secondary: Secondary;
  readonly transfer: ZoneTransfer | undefined;
}

/**
 * Serves the zones that catalogs of other servers list (RFC 9432): takes each catalog as a
 * secondary does, and becomes or ceases to be one of its members as it changes. A catalog that is
 * broken or has expired changes nothing.
 */
export class CatalogConsumer {
  readonly #options: CatalogConsumerOptions;
  readonly #configs: ReadonlyMap<NameKey, CatalogConfig>;
  readonly #catalogSecondaries: ReadonlyMap<NameKey, Secondary>;
  readonly #catalogs = new Map<NameKey, Catalog>();
  #served: ReadonlyMap<NameKey, Served> = new Map();
  #clashes = "";

  constructor(options: CatalogConsumerOptions) {
    this.#options = options;
    const { catalogs, keys, makeSecondary } = options;
    const taken = catalogs.filter(({ primaries }) => primaries !== undefined);
    this.#configs = new Map(taken.map((config) => [nameKey(nameOf(config.name)), config]));
    this.#catalogSecondaries = new Map(
      [...this.#configs].map(([catalog, { name, primaries = [], key, folder = "" }]) => {
        const config = {
          origin: nameOf(name),
          primaries: primaries.map(withBytes),
          key: keyOf(key, keys),
          file: join(folder, fileOf(catalog, "catalog")),
        };
        return [catalog, makeSecondary(config, (zone) => this.#take(catalog, zone))];
      }),
    );
  }

  start(): void {
    for (const secondary of this.#catalogSecondaries.values()) secondary.start();
  }

  stop(): void {
    for (const secondary of this.#catalogSecondaries.values()) secondary.stop();
    for (const { secondary } of this.#served.values()) secondary.stop();
  }

  /** The secondary of a catalog or of a member of one. */
  secondaryOf(zone: NameKey): Secondary | undefined {
    return this.#catalogSecondaries.get(zone) ?? this.#served.get(zone)?.secondary;
  }

  /** The member of that name. */
  memberOf(zone: NameKey): OwnedMember | undefined {
    return this.#served.get(zone)?.member;
  }

  /** Who may have members. */
  transfers(): readonly (readonly [NameKey, ZoneTransfer])[] {
    return [...this.#served].flatMap(([key, { transfer }]) =>
      transfer === undefined ? [] : [[key, transfer] as const],
    );
  }

  /** Members of each catalog, by its name. */
  counts(): readonly (readonly [string, number])[] {
    const served = [...this.#served.values()];
    return [...this.#configs].map(([key, { name }]) => {
      return [name, served.filter(({ member }) => member.catalog === key).length] as const;
    });
  }

  /** RFC 9432 section 5.1: a catalog that is broken, or gone, leaves what it said before. */
  #take(name: NameKey, zone: Zone | undefined): void {
    const { log } = this.#options;
    const catalog = zone && readCatalog(zone);
    if (catalog === undefined) return;
    if (!catalog.ok) {
      const reason = `the catalog ${this.#configs.get(name)?.name} is broken: ${catalog.error}`;
      log.error({ event: "catalog-broken", reason }, reason);
      return;
    }
    this.#catalogs.set(name, catalog.value);
    this.#assign();
  }

  #assign(): void {
    const { isTaken, log } = this.#options;
    const before = new Map([...this.#served].map(([key, { member }]) => [key, member]));
    // In the order of the configuration, whichever came first.
    const catalogs = new Map(
      [...this.#configs.keys()].map((key) => [key, this.#catalogs.get(key) ?? new Map()]),
    );
    const { owned, clashes } = assignMembers(before, catalogs, isTaken);
    if (clashes.join() !== this.#clashes) {
      for (const zone of clashes) log.error({ event: "catalog-clash", zone });
      this.#clashes = clashes.join();
    }
    const kept = new Map<NameKey, Served>();
    for (const [key, served] of this.#served) {
      const member = owned.get(key);
      if (member !== undefined && isSame(member, served.member)) kept.set(key, served);
      else this.#remove(key, served, member?.id === served.member.id);
    }
    const added = [...owned].filter(([key]) => !kept.has(key));
    for (const [key, member] of added) kept.set(key, this.#make(key, member));
    this.#served = kept;
    for (const [key] of added) this.#begin(key);
  }

  #make(key: NameKey, member: OwnedMember): Served {
    const { keys, makeSecondary, onFetched } = this.#options;
    const catalog = this.#configs.get(member.catalog);
    const settings = catalog?.groups[member.group ?? ""] ?? catalog?.members;
    const primaries = settings?.primaries ?? catalog?.primaries ?? [];
    const config = {
      origin: member.name,
      primaries: primaries.map(withBytes),
      key: keyOf(settings?.key ?? catalog?.key, keys),
      file: join(catalog?.folder ?? "", fileOf(key, member.id)),
    };
    const transfer = settings?.transfer && zoneTransfer(settings.transfer, keys);
    return { member, secondary: makeSecondary(config, (zone) => onFetched(key, zone)), transfer };
  }

  #begin(key: NameKey): void {
    const { log, onMember } = this.#options;
    const served = this.#served.get(key);
    if (served === undefined) return;
    log.info({ event: "catalog-member-added", zone: formatName(served.member.name) });
    onMember(key, true);
    served.secondary.start();
  }

  /** RFC 9432 section 4.4.1: what is known of a member goes with it to another catalog. */
  #remove(key: NameKey, { member, secondary }: Served, isKept: boolean): void {
    const { log, onMember } = this.#options;
    log.info({ event: "catalog-member-removed", zone: formatName(member.name) });
    onMember(key, false);
    if (isKept) secondary.stop();
    else background(log, "remove a member", secondary.discard());
  }
}

/** RFC 9432 section 5.4: with another id it is another zone, of which nothing is kept. */
function isSame(left: OwnedMember, right: OwnedMember): boolean {
  const { id, group, catalog } = left;
  return id === right.id && group === right.group && catalog === right.catalog;
}

/** The file of a member: a zone with another id finds nothing of the one before. */
function fileOf(key: NameKey, id: string): string {
  return `${hash("sha256", `${id} ${key}`).slice(0, 32)}.zone`;
}
