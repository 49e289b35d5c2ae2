import type { IpBytes } from "../../common/ip.ts";
import { TYPE } from "../wire/codes.ts";
import { type Name, type NameKey, nameKey } from "../wire/name.ts";
import { addressRdata, fixedRdata, type Rdata, rdataBytesMax } from "../wire/rdata.ts";
import { type HttpsService, serviceRdata } from "../wire/svcb.ts";
import { ALIAS_TYPES, type AliasEnd, followAlias } from "../zone/alias.ts";
import { findRrset, type Rrset, type Zone, type ZoneNode, type ZoneTable } from "../zone/zone.ts";
import { namesInOctets } from "../zone/zone-octets.ts";

/** One record of a transfer. */
export interface TransferRecord {
  readonly owner: Name;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly rdata: Rdata;
}

/**
 * What stands in a transfer for a name whose addresses are decided for each client: a secondary
 * that cannot steer answers with these. They depend on the configuration only, never on health, so
 * that a zone changes when its serial does.
 */
export type Fallback = (site: string, family: 4 | 6) => readonly IpBytes[];

/** A zone as it is transferred. */
export interface TransferZone {
  readonly zone: Zone;
  readonly fallback: Fallback;
  /** TTL of the addresses that `fallback` gives. */
  readonly steeredTtlSeconds: number;
  /** All records with their signatures, as octets; left out: the zone is not signed. */
  readonly signed?: Uint8Array;
  /** What the aliases of the zone lead to, by the key of their owner and then by type. */
  readonly aliases: AliasEnds;
}

/** Taken when the zone is: a version of a zone does not change, whatever others do. */
export type AliasEnds = ReadonlyMap<NameKey, ReadonlyMap<number, AliasEnd>>;

/** What the aliases of a zone lead to at this moment (P). */
export function aliasEnds(table: ZoneTable, zone: Zone): AliasEnds {
  return new Map(
    zone.aliases.map(({ owner, alias }) => [
      nameKey(owner),
      new Map(ALIAS_TYPES.map((type) => [type, followAlias(table, alias, type)])),
    ]),
  );
}

/** The SOA of a zone as a record (P). */
export function soaRecord({ origin, soa }: Zone): TransferRecord {
  return recordsOf(origin, soa)[0] as TransferRecord;
}

/** All records of a zone but the SOA, parents before children (P). RFC 5936 section 2.2. */
export function* zoneRecords(source: TransferZone): Generator<TransferRecord, void> {
  if (source.signed !== undefined) {
    for (const { owner, rrsets } of namesInOctets(source.signed)) {
      for (const rrset of rrsets) if (rrset.type !== TYPE.SOA) yield* recordsOf(owner, rrset);
    }
    return;
  }
  for (const node of source.zone.nodes.values()) yield* nodeRecords(node, source);
}

/** The records of one name, without the SOA (P). */
export function nodeRecords(node: ZoneNode, source: TransferZone): readonly TransferRecord[] {
  const { owner, rrsets, steered, service, alias } = node;
  const records = rrsets
    .filter(({ type }) => type !== TYPE.SOA)
    .flatMap((rrset) => recordsOf(owner, rrset));
  if (steered === undefined && alias === undefined) return records;
  const ends = source.aliases.get(nameKey(owner));
  const own = steered === undefined ? undefined : steeredEnd(steered, service);
  const made = ALIAS_TYPES.filter((type) => findRrset(node, type) === undefined).flatMap((type) => {
    const end = own ?? ends?.get(type);
    return end === undefined ? [] : madeRecords(owner, type, end, source);
  });
  return [...records, ...made];
}

function steeredEnd(site: string, service: HttpsService | undefined): AliasEnd {
  return { kind: "steered", site, service, ttlSeconds: Number.POSITIVE_INFINITY };
}

/** A secondary cannot make these records for each client: it gets what fits all of them. */
function madeRecords(
  owner: Name,
  type: number,
  end: AliasEnd,
  { fallback, steeredTtlSeconds }: TransferZone,
): readonly TransferRecord[] {
  if (end.kind === "static") return recordsOf(owner, { ...end.rrset, ttlSeconds: end.ttlSeconds });
  if (end.kind !== "steered") return [];
  const ttlSeconds = Math.min(end.ttlSeconds, steeredTtlSeconds);
  if (type === TYPE.HTTPS) {
    // Without hints: those would have to be what A and AAAA say.
    const { service } = end;
    const rdatas = service === undefined ? [] : [fixedRdata(serviceRdata(service, [], []))];
    return recordsOf(owner, { type, ttlSeconds, rdatas });
  }
  const addresses = fallback(end.site, type === TYPE.A ? 4 : 6);
  return recordsOf(owner, { type, ttlSeconds, rdatas: addresses.map(addressRdata) });
}

function recordsOf(owner: Name, { type, ttlSeconds, rdatas }: Rrset): TransferRecord[] {
  return rdatas.map((rdata) => ({ owner, type, ttlSeconds, rdata }));
}

/** Octets of a record when nothing of it is compressed (P). */
export function recordBytes({ owner, rdata }: TransferRecord): number {
  return owner.length + 10 + rdataBytesMax(rdata);
}
