import { CLASS_IN } from "../wire/codes.ts";
import type { NameKey } from "../wire/name.ts";
import type { Rrset } from "../zone/zone.ts";
import { canonicalRdatas, octetsOfKey, signedLabels } from "./canonical.ts";

/** From when to when a signature is good: seconds since 1970 (RFC 4034 section 3.1.5). */
export interface SignatureTimes {
  readonly inception: number;
  readonly expiration: number;
}

/** Everything in an RRSIG record that neither the records nor the key's private half decide. */
export interface SignatureHead extends SignatureTimes {
  readonly algorithm: number;
  readonly keyTag: number;
  /** The apex of the zone. */
  readonly signer: NameKey;
}

/** Octets of an RRSIG record's data before the signer's name. */
const RRSIG_FIXED_BYTES = 18;

/**
 * How far back a signature begins, for resolvers whose clocks are slow (RFC 6781 section 4.4.2.2).
 */
export const INCEPTION_SKEW_SECONDS = 3600;

/** The part of a lifetime by which signatures that are made together end apart. */
const JITTER_PART = 1 / 8;

/**
 * When a signature that is made now begins and ends (P).
 *
 * `jitter` is from 0 to 1 and takes up to an eighth off the end, so that what is signed in one go
 * is not due again in one go.
 */
export function signatureTimes(
  nowSeconds: number,
  lifetimeSeconds: number,
  jitter: number,
): SignatureTimes {
  const shorter = Math.floor(lifetimeSeconds * JITTER_PART * jitter);
  return {
    inception: nowSeconds - INCEPTION_SKEW_SECONDS,
    expiration: nowSeconds + lifetimeSeconds - shorter,
  };
}

/**
 * The data of an RRSIG record up to the signature, and behind it the records: what is signed (P).
 * RFC 4034 section 3.1.8.1.
 *
 * `rdataBytes` says how much of it begins the RRSIG's own data.
 */
export function signedOctets(
  owner: NameKey,
  rrset: Rrset,
  head: SignatureHead,
): { readonly octets: Uint8Array; readonly rdataBytes: number } {
  const ownerBytes = octetsOfKey(owner);
  const signer = octetsOfKey(head.signer);
  const rdatas = canonicalRdatas(rrset.type, rrset.rdatas);
  const rdataBytes = RRSIG_FIXED_BYTES + signer.length;
  const recordBytes = ownerBytes.length + 10;
  const total = rdatas.reduce((sum, rdata) => sum + recordBytes + rdata.length, rdataBytes);
  const octets = new Uint8Array(total);
  const view = new DataView(octets.buffer);
  view.setUint16(0, rrset.type);
  view.setUint8(2, head.algorithm);
  view.setUint8(3, signedLabels(owner));
  view.setUint32(4, rrset.ttlSeconds);
  view.setUint32(8, head.expiration);
  view.setUint32(12, head.inception);
  view.setUint16(16, head.keyTag);
  octets.set(signer, RRSIG_FIXED_BYTES);
  let at = rdataBytes;
  for (const rdata of rdatas) {
    octets.set(ownerBytes, at);
    at += ownerBytes.length;
    view.setUint16(at, rrset.type);
    view.setUint16(at + 2, CLASS_IN);
    view.setUint32(at + 4, rrset.ttlSeconds);
    view.setUint16(at + 8, rdata.length);
    octets.set(rdata, at + 10);
    at += 10 + rdata.length;
  }
  return { octets, rdataBytes };
}

/** The data of an RRSIG record (P): what `signedOctets` began, and the signature. */
export function rrsigRdata(
  { octets, rdataBytes }: { readonly octets: Uint8Array; readonly rdataBytes: number },
  signature: Uint8Array,
): Uint8Array {
  const rdata = new Uint8Array(rdataBytes + signature.length);
  rdata.set(octets.subarray(0, rdataBytes));
  rdata.set(signature, rdataBytes);
  return rdata;
}
