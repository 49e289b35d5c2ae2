import type { IpBytes } from "../../common/ip.ts";
import { TYPE } from "../wire/codes.ts";
import type { Name } from "../wire/name.ts";
import { addressRdata, type Rdata, rdataBytesMax } from "../wire/rdata.ts";
import type { Rrset, Zone, ZoneNode } from "../zone/zone.ts";
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
  const { owner, rrsets, steered } = node;
  const records = rrsets
    .filter(({ type }) => type !== TYPE.SOA)
    .flatMap((rrset) => recordsOf(owner, rrset));
  return steered === undefined ? records : [...records, ...fallbackRecords(owner, steered, source)];
}

function fallbackRecords(owner: Name, site: string, source: TransferZone): TransferRecord[] {
  const { fallback, steeredTtlSeconds: ttlSeconds } = source;
  return ([4, 6] as const).flatMap((family) =>
    fallback(site, family).map((address) => ({
      owner,
      type: family === 4 ? TYPE.A : TYPE.AAAA,
      ttlSeconds,
      rdata: addressRdata(address),
    })),
  );
}

function recordsOf(owner: Name, { type, ttlSeconds, rdatas }: Rrset): TransferRecord[] {
  return rdatas.map((rdata) => ({ owner, type, ttlSeconds, rdata }));
}

/** Octets of a record when nothing of it is compressed (P). */
export function recordBytes({ owner, rdata }: TransferRecord): number {
  return owner.length + 10 + rdataBytesMax(rdata);
}
