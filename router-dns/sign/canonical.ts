import { TYPE } from "../wire/codes.ts";
import { countLabels, lowerCase, type NameKey } from "../wire/name.ts";
import { octetAt } from "../wire/octets.ts";
import { type Rdata, rdataBytesMax } from "../wire/rdata.ts";

/** Octets that can follow one another in what is signed. */
type Octets = Uint8Array;

/**
 * Where names begin in record data that is kept as plain octets, for the types whose names count
 * without their case (RFC 4034 section 6.2, without NSEC: RFC 6840 section 5.1). Behind that place
 * there are only names.
 */
const NAMES_FROM: ReadonlyMap<number, (rdata: Octets) => number> = new Map([
  // MD, MF, CNAME, SOA and so on may also have been written as unknown types.
  ...[TYPE.NS, 3, 4, TYPE.CNAME, 7, 8, 9, TYPE.PTR, 14, 17, 39].map(
    (type) => [type, () => 0] as const,
  ),
  ...[TYPE.MX, 18, 21, 26, 36].map((type) => [type, () => 2] as const),
  [TYPE.SRV, () => 6],
  [35, endOfNaptrStrings],
]);

/** Compares two octet strings as RFC 4034 section 6.3 does: a prefix comes first (P). */
function compareOctets(left: Octets, right: Octets): number {
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = octetAt(left, i) - octetAt(right, i);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The canonical form of record data (P). RFC 4034 section 6.2: no compression, lower case. */
export function canonicalRdata(type: number, rdata: Rdata): Octets {
  const bytes = new Uint8Array(rdataBytesMax(rdata));
  bytes.set(rdata.prefix);
  let at = rdata.prefix.length;
  for (const name of rdata.names) {
    bytes.set(name, at);
    foldCase(bytes, at, at + name.length);
    at += name.length;
  }
  bytes.set(rdata.suffix, at);
  const from = rdata.names.length === 0 ? NAMES_FROM.get(type)?.(bytes) : undefined;
  if (from !== undefined) foldCase(bytes, from, bytes.length);
  return bytes;
}

/** The canonical order of the records of a set, each once (P). RFC 4034 section 6.3. */
export function canonicalRdatas(type: number, rdatas: readonly Rdata[]): readonly Octets[] {
  const sorted = rdatas.map((rdata) => canonicalRdata(type, rdata)).sort(compareOctets);
  return sorted.filter((rdata, i) => i === 0 || compareOctets(rdata, sorted[i - 1] as Octets) > 0);
}

/** The value of the Labels field (P). RFC 4034 section 3.1.3: neither the root nor `*` counts. */
export function signedLabels(owner: NameKey): number {
  return countLabels(owner) - (owner.startsWith("\u0001*") ? 1 : 0);
}

/** The octets of a key (P). */
export function octetsOfKey(key: NameKey): Octets {
  return new Uint8Array(Buffer.from(key, "latin1"));
}

/** Length octets are below 64, so that folding them with the letters leaves them as they are. */
function foldCase(bytes: Octets, start: number, end: number): void {
  for (let i = start; i < end; i += 1) bytes[i] = lowerCase(octetAt(bytes, i));
}

/** RFC 3403 section 4.1: order, preference and three character strings before the replacement. */
function endOfNaptrStrings(rdata: Octets): number {
  let at = 4;
  for (let i = 0; i < 3; i += 1) at += 1 + (rdata[at] ?? 0);
  return at;
}
