import { type NameKey, nameKey, parseName } from "../wire/name.ts";
import { octetAt } from "../wire/octets.ts";
import { octetsOfKey } from "./canonical.ts";

/** Algorithms that zones are signed with (IANA "DNSSEC Algorithm Numbers"). */
export const ALGORITHM = { ecdsap256sha256: 13, ed25519: 15 } as const;

/** The name of an algorithm in configurations. */
export type AlgorithmName = keyof typeof ALGORITHM;

/** An algorithm number that zones are signed with. */
export type AlgorithmNumber = (typeof ALGORITHM)[AlgorithmName];

/** Flags of a key that signs records: Zone Key (RFC 4034 section 2.1.1). */
export const ZONE_KEY = 256;

/** Flags of a key that the parent's DS names: Zone Key and Secure Entry Point (RFC 3757). */
export const ENTRY_KEY = 257;

/** The two values of the flags field. */
export type KeyFlags = typeof ZONE_KEY | typeof ENTRY_KEY;

/** The public half of a key. */
export interface PublicKey {
  readonly flags: KeyFlags;
  readonly algorithm: AlgorithmNumber;
  /** As the algorithm wants it: 64 octets (RFC 6605) or 32 (RFC 8080). */
  readonly publicKey: Uint8Array;
}

/** The one value of the protocol field (RFC 4034 section 2.1.2). */
const PROTOCOL = 3;

/** SHA-256, the digest that every validator knows (RFC 8624 section 3.3). */
export const DIGEST_SHA256 = 2;

/** The name of an algorithm number that we know (P). */
export function algorithmName(algorithm: AlgorithmNumber): AlgorithmName {
  return algorithm === ALGORITHM.ed25519 ? "ed25519" : "ecdsap256sha256";
}

/** The data of a DNSKEY record, which is that of a CDNSKEY record too (P). RFC 4034 section 2.1. */
export function dnskeyRdata({ flags, algorithm, publicKey }: PublicKey): Uint8Array {
  return Uint8Array.from([flags >> 8, flags & 0xff, PROTOCOL, algorithm, ...publicKey]);
}

/** The key tag of the data of a DNSKEY record (P). RFC 4034 appendix B. */
export function keyTag(dnskey: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < dnskey.length; i += 1) {
    sum += (i & 1) === 1 ? octetAt(dnskey, i) : octetAt(dnskey, i) << 8;
  }
  return (sum + (sum >>> 16)) & 0xffff;
}

/**
 * The data of the DS record of a key, which is that of a CDS record too (P). RFC 4034 section 5.1.
 *
 * `sha256` is the hash function: what it is given is the owner's name and the DNSKEY data.
 */
export function dsRdata(
  owner: NameKey,
  dnskey: Uint8Array,
  sha256: (octets: Uint8Array) => Uint8Array,
): Uint8Array {
  const tag = keyTag(dnskey);
  const digest = sha256(Uint8Array.from([...octetsOfKey(owner), ...dnskey]));
  return Uint8Array.from([tag >> 8, tag & 0xff, octetAt(dnskey, 3), DIGEST_SHA256, ...digest]);
}

/** The text of the data of a DS record (P). RFC 4034 section 5.3. */
export function dsText(ds: Uint8Array): string {
  const digest = Buffer.from(ds.subarray(4)).toString("hex").toUpperCase();
  return `${(octetAt(ds, 0) << 8) | octetAt(ds, 1)} ${octetAt(ds, 2)} ${octetAt(ds, 3)} ${digest}`;
}

/** The text of the data of a DNSKEY record (P). RFC 4034 section 2.2. */
export function dnskeyText({ flags, algorithm, publicKey }: PublicKey): string {
  return `${flags} ${PROTOCOL} ${algorithm} ${Buffer.from(publicKey).toString("base64")}`;
}

/** The key of a zone's name as configurations write it: without the final dot (P). */
export function zoneKeyOf(name: string): NameKey {
  const parsed = parseName(name);
  return parsed.ok ? nameKey(parsed.value) : "\u0000";
}
