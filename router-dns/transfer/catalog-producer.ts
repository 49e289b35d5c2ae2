import { hash } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import type { Name } from "../wire/name.ts";
import { type NameKey, nameKey } from "../wire/name.ts";
import type { Zone } from "../zone/zone.ts";
import { catalogZone } from "./catalog.ts";
import { nameOf, type TransferSettings } from "./settings.ts";

interface Listed {
  readonly name: Name;
  readonly group: string | undefined;
}

/** Octets of an id in hexadecimal: 64 bits of the name's hash. */
const ID_CHARACTERS = 16;

/**
 * The catalogs that we give (RFC 9432): they list every zone that others may have. Ids are made of
 * the names, so that all routers give a zone the same; serials are the time at which a list was
 * new, in seconds since 1970.
 */
export class CatalogProducer {
  readonly #settings: TransferSettings;
  readonly #cdnDomain: string;
  readonly #clock: Clock;
  #made: { readonly content: string; readonly serial: number; readonly zones: readonly Zone[] } = {
    content: "",
    serial: 0,
    zones: [],
  };

  constructor(settings: TransferSettings, cdnDomain: string, clock: Clock) {
    this.#settings = settings;
    this.#cdnDomain = cdnDomain;
    this.#clock = clock;
  }

  /** The catalogs beside these zones of files, in the order of the configuration. */
  zonesFor(fileZones: readonly Zone[]): readonly Zone[] {
    const { catalogs = [] } = this.#settings;
    const given = catalogs.filter(({ primaries }) => primaries === undefined);
    if (given.length === 0) return [];
    const listed = [...this.#listed(fileZones).values()];
    const content = JSON.stringify(listed.map(({ name, group }) => [nameKey(name), group ?? null]));
    if (content === this.#made.content) return this.#made.zones;
    const serial = Math.max(this.#made.serial + 1, Math.floor(this.#clock.now() / 1000));
    const members = listed.map(({ name, group }) => {
      return { name, group, id: hash("sha256", nameKey(name)).slice(0, ID_CHARACTERS) };
    });
    const zones = given.map(({ name }) => catalogZone(nameOf(name), members, serial));
    this.#made = { content, serial, zones };
    return zones;
  }

  #listed(fileZones: readonly Zone[]): ReadonlyMap<NameKey, Listed> {
    const { cdn, zones } = this.#settings;
    const listed = new Map<NameKey, Listed>();
    const add = (name: Name, group?: string) => listed.set(nameKey(name), { name, group });
    if (cdn !== undefined) add(nameOf(this.#cdnDomain));
    const files = zones.filter(({ primaries }) => primaries === undefined);
    for (const [index, { transfer, group }] of files.entries()) {
      const zone = fileZones[index];
      if (transfer !== undefined && zone !== undefined) add(zone.origin, group);
    }
    for (const { name, primaries, transfer, group } of zones) {
      const isFetched = primaries !== undefined && transfer !== undefined;
      if (isFetched && name !== undefined) add(nameOf(name), group);
    }
    return listed;
  }
}
