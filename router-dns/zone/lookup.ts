import { TYPE } from "../wire/codes.ts";
import { countLabels, type Name, type NameKey, parentKey } from "../wire/name.ts";
import type { HttpsService } from "../wire/svcb.ts";
import {
  type Alias,
  type Delegation,
  findRrset,
  type Rrset,
  type Zone,
  type ZoneNode,
  type ZoneTable,
} from "./zone.ts";

/** What a zone has for a name and a type (RFC 1034 section 4.3.2). */
export type Lookup =
  /** The RRset asked for. */
  | { readonly kind: "hit"; readonly rrset: Rrset }
  /** Data of many types, of which a query for ANY need not get all (RFC 8482). */
  | { readonly kind: "any" }
  /** A, AAAA or HTTPS, decided for each client; HTTPS only if there is a service. */
  | SteeredLookup
  /** What the type asked for has at another name. */
  | { readonly kind: "alias"; readonly alias: Alias }
  /** A CNAME, and the question goes on with its target. */
  | { readonly kind: "follow"; readonly cname: Rrset; readonly target: NameKey }
  /** A DNAME above the name: everything below its owner lives below its target (RFC 6672). */
  | { readonly kind: "dname"; readonly owner: Name; readonly dname: Rrset }
  | { readonly kind: "delegation"; readonly delegation: Delegation }
  | { readonly kind: "nodata" }
  | { readonly kind: "nxdomain" };

/** The name of a site, and what its HTTPS records say. */
export interface SteeredLookup {
  readonly kind: "steered";
  readonly site: string;
  readonly service: HttpsService | undefined;
}

const NODATA: Lookup = { kind: "nodata" };
const NXDOMAIN: Lookup = { kind: "nxdomain" };
const SOME_DATA: Lookup = { kind: "any" };

/** What the zone above has at a delegation. */
const CUT_TYPES: readonly number[] = [TYPE.NS, TYPE.DS];

/**
 * The zone that answers for a name: the one with the longest apex at or above it (P). A query for
 * DS belongs to the zone above the cut (RFC 4035 section 3.1.4.1), as far as we have that one.
 */
export function findZone(table: ZoneTable, key: NameKey, qtype: number): Zone | undefined {
  let suffix: NameKey | undefined = key;
  for (let labels = countLabels(key); labels > table.apexLabelsMax; labels -= 1) {
    suffix = parentKey(suffix ?? "");
  }
  let fallback: Zone | undefined;
  for (; suffix !== undefined; suffix = parentKey(suffix)) {
    const zone = table.byApex.get(suffix);
    if (zone === undefined) continue;
    if (qtype !== TYPE.DS || suffix !== key) return zone;
    fallback = zone;
  }
  return fallback;
}

/** True if a name is in a zone that we ought to serve and have not got (P). */
export function isInMissingZone(table: ZoneTable, key: NameKey): boolean {
  if (table.missing.size === 0) return false;
  for (let name: NameKey | undefined = key; name !== undefined; name = parentKey(name)) {
    if (table.missing.has(name)) return true;
  }
  return false;
}

/** Looks up a name in the zone that `findZone` gave for it (P). */
export function lookUp(zone: Zone, key: NameKey, qtype: number): Lookup {
  const node = zone.nodes.get(key);
  if (node !== undefined) {
    if (node.cut === undefined) return lookInside(node, qtype);
    // RFC 4035 section 3.1.4.1: the DS of a delegation is data of the zone above it.
    const isParentData = qtype === TYPE.DS && key === node.cut.key;
    return isParentData ? lookUpDs(node) : { kind: "delegation", delegation: node.cut };
  }
  const encloser = closestEncloser(zone, key);
  if (encloser.cut !== undefined) return { kind: "delegation", delegation: encloser.cut };
  // RFC 6672 section 2.4: nothing exists below a DNAME, so its owner is the closest encloser.
  const dname = findRrset(encloser, TYPE.DNAME);
  if (dname !== undefined) return { kind: "dname", owner: encloser.owner, dname };
  // RFC 4592 section 3.3.1: only the child of the closest encloser is a source of synthesis.
  return encloser.wildcard === undefined ? NXDOMAIN : lookInside(encloser.wildcard, qtype);
}

/**
 * The types that a name has in the zone that `findZone` gave for it, as NSEC records list them (P).
 * RFC 4034 section 4.1.2; at a delegation only what is not the child's (RFC 4035 section 2.3).
 * Undefined: there is no such name. A steered name may have addresses of both families, an alias
 * whatever its target may have.
 */
export function typesAt(zone: Zone, key: NameKey): readonly number[] | undefined {
  const node = nodeOf(zone, key);
  if (node === undefined) return undefined;
  const types = node.rrsets.map(({ type }) => type);
  if (node.cut !== undefined) return types.filter((type) => CUT_TYPES.includes(type));
  const { steered, service, alias } = node;
  if (steered === undefined && alias === undefined) return types;
  const isService = service !== undefined || alias !== undefined;
  // A set in the file comes before that of the target.
  const isListed = types.includes(TYPE.HTTPS);
  return [...types, TYPE.A, TYPE.AAAA, ...(isService && !isListed ? [TYPE.HTTPS] : [])];
}

/** The name itself, or the wildcard that stands for it (P). */
export function nodeOf(zone: Zone, key: NameKey): ZoneNode | undefined {
  return zone.nodes.get(key) ?? closestEncloser(zone, key).wildcard;
}

/** What a node has that is not at or below a delegation. */
function lookInside(node: ZoneNode, qtype: number): Lookup {
  const { rrsets, steered, service, alias } = node;
  const rrset = findRrset(node, qtype);
  if (rrset !== undefined) return { kind: "hit", rrset };
  const cname = findRrset(node, TYPE.CNAME);
  if (cname?.target !== undefined) {
    if (qtype === TYPE.ANY) return { kind: "hit", rrset: cname };
    return { kind: "follow", cname, target: cname.target };
  }
  const isAddress = qtype === TYPE.A || qtype === TYPE.AAAA;
  if (steered !== undefined && (isAddress || (qtype === TYPE.HTTPS && service !== undefined))) {
    return { kind: "steered", site: steered, service };
  }
  if (alias !== undefined && (isAddress || qtype === TYPE.HTTPS)) return { kind: "alias", alias };
  const hasData = rrsets.length > 0 || steered !== undefined || alias !== undefined;
  return qtype === TYPE.ANY && hasData ? SOME_DATA : NODATA;
}

function lookUpDs(node: ZoneNode): Lookup {
  const rrset = findRrset(node, TYPE.DS);
  return rrset === undefined ? NODATA : { kind: "hit", rrset };
}

/** The longest existing ancestor (RFC 4592 section 3.3.1); the apex always exists. */
function closestEncloser(zone: Zone, key: NameKey): ZoneNode {
  for (let name = parentKey(key); name !== undefined; name = parentKey(name)) {
    const node = zone.nodes.get(name);
    if (node !== undefined) return node;
  }
  throw new Error("invariant broken: names are looked up in a zone that encloses them");
}
