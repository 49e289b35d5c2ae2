import { invariant } from "../../common/assert.ts";
import type { Rdata } from "../wire/rdata.ts";
import type { Zone } from "../zone/zone.ts";

/** The numbers of a SOA, in the order in which they stand (RFC 1035 section 3.3.13). */
export interface SoaNumbers {
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  readonly minimumSeconds: number;
}

/** Reads the numbers of SOA data (P). */
export function soaNumbers({ suffix }: Rdata): SoaNumbers {
  invariant(suffix.length === 20, "a SOA ends with five 32-bit numbers");
  const view = new DataView(suffix.buffer, suffix.byteOffset);
  return {
    serial: view.getUint32(0),
    refreshSeconds: view.getUint32(4),
    retrySeconds: view.getUint32(8),
    expireSeconds: view.getUint32(12),
    minimumSeconds: view.getUint32(16),
  };
}

/** The serial of a zone, or of SOA data (P). */
export function serialOf(source: Zone | { readonly rdata: Rdata }): number {
  const rdata = "rdata" in source ? source.rdata : source.soa.rdatas[0];
  invariant(rdata !== undefined, "a zone has a SOA");
  return soaNumbers(rdata).serial;
}

/**
 * True if serial `left` is newer than `right` (P): serial number arithmetic of RFC 1982 section
 * 3.2, where 0 comes after 2^32 - 1. For numbers exactly 2^31 apart it is undefined; false here.
 */
export function isNewerSerial(left: number, right: number): boolean {
  const distance = (left - right) >>> 0;
  return distance > 0 && distance < 2 ** 31;
}
