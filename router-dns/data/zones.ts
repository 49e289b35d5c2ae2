import { hash } from "node:crypto";
import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { TYPE, typeName } from "../wire/codes.ts";
import { formatName, type Name, type NameKey } from "../wire/name.ts";
import type { Zone } from "../zone/zone.ts";
import { parseZoneFile } from "../zone/zone-file.ts";

/** The longest TTL that signing lets the records of a zone have, by the zone's apex: seconds. */
export type MaxTtls = ReadonlyMap<NameKey, number>;

/** A zone file to be read. */
export interface ZoneFileOrder {
  readonly file: string;
  /** The digest of the text that is known already; left out: none is. */
  readonly knownDigest?: string;
}

/** What a file says; without a zone it is the text that is known already. */
export interface ReadZone {
  readonly digest: string;
  readonly zone?: Zone;
}

/**
 * Reads all zone files, in their order. One problem in one of them means that there are no zones,
 * but all problems.
 */
export function readZones(
  orders: readonly ZoneFileOrder[],
  maxTtls: MaxTtls,
): Result<readonly ReadZone[], readonly FileProblem[]> {
  const zones: ReadZone[] = [];
  const problems: FileProblem[] = [];
  for (const order of orders) {
    const read = readZone(order);
    if (!read.ok) {
      problems.push(...read.error);
      continue;
    }
    zones.push(read.value);
    const { zone } = read.value;
    const message = zone && tooLongTtl(zone, maxTtls.get(zone.key));
    if (message !== undefined) problems.push({ file: order.file, line: 1, column: 1, message });
  }
  return problems.length > 0 ? fail(problems) : ok(zones);
}

function readZone({ file, knownDigest }: ZoneFileOrder): Result<ReadZone, readonly FileProblem[]> {
  const text = readTextFile(file);
  if (!text.ok) return text;
  const digest = hash("sha256", text.value);
  if (digest === knownDigest) return ok({ digest });
  const zone = parseZoneFile(text.value, file);
  return zone.ok ? ok({ digest, zone: zone.value }) : zone;
}

/**
 * Why a zone cannot be signed (P); undefined: it can. Signatures are replaced, and keys go, by what
 * is longest remembered of them.
 */
export function tooLongTtl(
  { nodes, aliases }: Zone,
  maxTtlSeconds: number | undefined,
): string | undefined {
  if (maxTtlSeconds === undefined) return undefined;
  for (const { owner, rrsets } of nodes.values()) {
    const rrset = rrsets.find(({ ttlSeconds }) => ttlSeconds > maxTtlSeconds);
    if (rrset !== undefined) return tooLong(owner, rrset, maxTtlSeconds);
  }
  const long = aliases.find(({ alias }) => alias.ttlSeconds > maxTtlSeconds);
  if (long === undefined) return undefined;
  const { ttlSeconds } = long.alias;
  return tooLong(long.owner, { type: TYPE.ALIAS, ttlSeconds }, maxTtlSeconds);
}

function tooLong(
  owner: Name,
  { type, ttlSeconds }: { readonly type: number; readonly ttlSeconds: number },
  maxTtlSeconds: number,
): string {
  const what = `${typeName(type)} of ${formatName(owner)}`;
  return `the TTL ${ttlSeconds} (${what}) is more than dnssec.maxTtl, ${maxTtlSeconds} s`;
}

/** Of NSEC3PARAM (RFC 5155 section 4). */
const NSEC3PARAM = 51;

/** Types that only a zone has at its apex that is signed by whoever made it. */
const SIGNED_TYPES: readonly number[] = [TYPE.DNSKEY, TYPE.RRSIG, TYPE.NSEC, NSEC3PARAM];

/**
 * Why a zone of a primary cannot be served (P), as a sentence; undefined: it can. One that is
 * signed already would be answered without its signatures, and nobody who validates believes that.
 */
export function refusalOf(zone: Zone, maxTtlSeconds: number | undefined): string | undefined {
  const apex = zone.nodes.get(zone.key);
  if (apex?.rrsets.some(({ type }) => SIGNED_TYPES.includes(type)) === true) {
    return `${formatName(zone.origin)} is signed by its primary, and such zones cannot be served`;
  }
  return tooLongTtl(zone, maxTtlSeconds);
}
