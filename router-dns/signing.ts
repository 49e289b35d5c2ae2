import type { NameKey } from "./wire/name.ts";
import type { Rrset } from "./zone/zone.ts";

/** Records of a name that are chosen for a client, as far as a signature depends on them. */
export interface SteeredSet {
  readonly type: number;
  readonly ttlSeconds: number;
  /** The data of A, AAAA or HTTPS: no names that could be compressed. */
  readonly rdatas: readonly Uint8Array[];
}

/** The NSEC record of a name, and the data of the RRSIG records that sign it. */
export interface Denial {
  readonly rrset: Rrset;
  readonly rrsigs: readonly Uint8Array[];
}

/**
 * Signs the records of one zone. Signatures that are known already come from a cache; which key
 * makes the others, and when they end, is the signer's business.
 */
export interface ZoneSigner {
  /** What the keys add to the apex: DNSKEY; CDS and CDNSKEY when the parent may ask for them. */
  readonly apexRrsets: readonly Rrset[];
  /** The data of the RRSIG records of a set whose owner is `owner`. */
  sign(owner: NameKey, rrset: Rrset): readonly Uint8Array[];
  /** The same for what was chosen for a client. */
  signSteered(owner: NameKey, set: SteeredSet): readonly Uint8Array[];
  /** That a name has these types and no others (RFC 9824); undefined: there is no such name. */
  deny(owner: NameKey, types: readonly number[] | undefined, ttlSeconds: number): Denial;
}

/** Which zones are signed at this moment, and who signs them. */
export interface Signing {
  /** The signer of the zone with that apex; undefined: the zone is not signed. */
  signerOf(apex: NameKey): ZoneSigner | undefined;
}

/** Nothing is signed. */
export const UNSIGNED: Signing = { signerOf: () => undefined };
