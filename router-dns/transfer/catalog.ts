import { fail, ok, type Result } from "../../common/result.ts";
import { TYPE } from "../wire/codes.ts";
import { formatName, type Name, type NameKey, nameKey, parseName } from "../wire/name.ts";
import { nameRdata, soaRdata, txtRdata } from "../wire/rdata.ts";
import { buildZone, findRrset, groupByOwner, type Zone, type ZoneRecord } from "../zone/zone.ts";

/** The version of the schema that is read and written (RFC 9432 section 4.3.1). */
const VERSION = "2";

/** Members of one catalog; a longer one is broken, for each costs connections and files. */
export const CATALOG_MEMBERS_MAX = 2_000;

/** A zone that a catalog lists. */
export interface CatalogMember {
  readonly name: Name;
  /** The label that stands for it: another one makes it another zone of the same name. */
  readonly id: string;
  readonly group: string | undefined;
  /** The catalog that may take it over (RFC 9432 section 4.4.1). */
  readonly nextCatalog: NameKey | undefined;
}

/** The zones that a catalog lists, by their names. */
export type Catalog = ReadonlyMap<NameKey, CatalogMember>;

/** A member, and which catalog it is there because of. */
export interface OwnedMember extends CatalogMember {
  readonly catalog: NameKey;
}

/**
 * A catalog zone of members (P). RFC 9432 section 4: SOA, NS `invalid.`, the version, and for each
 * member a PTR record, and a TXT record if it is in a group. Members have different ids.
 */
export function catalogZone(
  origin: Name,
  members: readonly Pick<CatalogMember, "name" | "id" | "group">[],
  serial: number,
): Zone {
  const invalid = below("invalid.", new Uint8Array(1));
  const soa = soaRdata({
    primary: invalid,
    hostmaster: invalid,
    serial,
    refreshSeconds: 3600,
    retrySeconds: 600,
    expireSeconds: 2_147_483_646,
    minimumSeconds: 0,
  });
  const record = (owner: Name, type: number, rdata: ZoneRecord["rdata"]): ZoneRecord => {
    return { owner, type, ttlSeconds: 0, rdata };
  };
  const text = (value: string) => txtRdata([Buffer.from(value)]);
  const records = [
    record(origin, TYPE.SOA, soa),
    record(origin, TYPE.NS, nameRdata(invalid)),
    record(below("version", origin), TYPE.TXT, text(VERSION)),
    ...members.flatMap(({ name, id, group }) => {
      const owner = below(`${id}.zones`, origin);
      const pointer = record(owner, TYPE.PTR, nameRdata(name));
      if (group === undefined) return [pointer];
      return [pointer, record(below("group", owner), TYPE.TXT, text(group))];
    }),
  ];
  return buildZone({ origin, records: groupByOwner(records) });
}

/**
 * What a catalog zone lists (P). Fails with a sentence if it is broken, and then what it said
 * before stays (RFC 9432 section 5.1). Properties that are not known are passed over.
 */
export function readCatalog(zone: Zone): Result<Catalog, string> {
  const version = textsAt(zone, `\u0007version${zone.key}`);
  if (version.length !== 1 || version[0] !== VERSION) {
    return fail(`its version is ${version.length === 1 ? version[0] : "missing"}, not ${VERSION}`);
  }
  const list = `\u0005zones${zone.key}`;
  const members = new Map<NameKey, CatalogMember>();
  for (const [key, node] of zone.nodes) {
    const id = key.slice(1, key.length - list.length);
    if (!key.endsWith(list) || key.charCodeAt(0) !== id.length || id.length === 0) continue;
    const pointers = findRrset(node, TYPE.PTR)?.rdatas ?? [];
    const name = pointers[0]?.names[0];
    if (name === undefined) continue;
    const text = formatName(name);
    if (pointers.length > 1) return fail(`${formatName(node.owner)} has several PTR records`);
    if (members.has(nameKey(name))) return fail(`${text} is in it twice`);
    if (members.size >= CATALOG_MEMBERS_MAX) {
      return fail(`it has more than ${CATALOG_MEMBERS_MAX} members`);
    }
    members.set(nameKey(name), {
      name,
      id,
      group: textsAt(zone, `\u0005group${key}`)[0],
      nextCatalog: nextCatalogAt(zone, `\u0003coo${key}`),
    });
  }
  return ok(members);
}

/**
 * Which catalog each member belongs to now (P). RFC 9432 section 5.2: a name that is served for
 * another reason (`taken`), or by another catalog, is left to that; section 4.4.1: a catalog that
 * lists a member of another takes it over if that one names it as the next.
 */
export function assignMembers(
  before: ReadonlyMap<NameKey, OwnedMember>,
  catalogs: ReadonlyMap<NameKey, Catalog>,
  isTaken: (name: NameKey) => boolean,
): { readonly owned: ReadonlyMap<NameKey, OwnedMember>; readonly clashes: readonly string[] } {
  const owned = new Map<NameKey, OwnedMember>();
  const clashes: string[] = [];
  for (const [catalog, members] of catalogs) {
    for (const [key, member] of members) {
      const owner = ownerOf(key, before.get(key), catalogs) ?? catalog;
      if (owner === catalog && !isTaken(key)) owned.set(key, { ...member, catalog });
      else clashes.push(formatName(member.name));
    }
  }
  return { owned, clashes };
}

/** The catalog that has a member already, or takes it over; else the first that lists it. */
function ownerOf(
  key: NameKey,
  before: OwnedMember | undefined,
  catalogs: ReadonlyMap<NameKey, Catalog>,
): NameKey | undefined {
  const listing = [...catalogs].filter(([, members]) => members.has(key)).map(([name]) => name);
  const present = before && catalogs.get(before.catalog)?.get(key);
  if (before === undefined || present === undefined) return listing[0];
  const { nextCatalog } = present;
  return nextCatalog !== undefined && listing.includes(nextCatalog) ? nextCatalog : before.catalog;
}

function textsAt(zone: Zone, key: NameKey): readonly string[] {
  const rdatas = findRrset(zone.nodes.get(key), TYPE.TXT)?.rdatas ?? [];
  return rdatas.map(({ prefix }) => Buffer.from(prefix.subarray(1)).toString("latin1"));
}

function nextCatalogAt(zone: Zone, key: NameKey): NameKey | undefined {
  const rdatas = findRrset(zone.nodes.get(key), TYPE.PTR)?.rdatas ?? [];
  const [name] = rdatas.length === 1 ? (rdatas[0]?.names ?? []) : [];
  return name === undefined ? undefined : nameKey(name);
}

function below(text: string, origin: Name): Name {
  const name = parseName(text, origin);
  if (!name.ok) throw new Error(`invariant broken: ${name.error}`);
  return name.value;
}
