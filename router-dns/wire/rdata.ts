import type { IpBytes } from "../../common/ip.ts";
import type { Name } from "./name.ts";

/**
 * Record data, encoded once when it is loaded: `prefix`, then `names`, then `suffix`. The names are
 * kept apart because they may be compressed (RFC 3597 section 4 lists the types); names that may
 * not are part of `prefix`.
 */
export interface Rdata {
  readonly prefix: Uint8Array;
  readonly names: readonly Name[];
  readonly suffix: Uint8Array;
}

/** The fields of a SOA record (RFC 1035 section 3.3.13): names, and whole seconds. */
export interface SoaFields {
  readonly primary: Name;
  readonly hostmaster: Name;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  readonly minimumSeconds: number;
}

/** The fields of a SRV record (RFC 2782): three numbers up to 65,535 and a name. */
export interface SrvFields {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: Name;
}

/** The fields of a CAA record (RFC 8659 section 4). */
export interface CaaFields {
  readonly flags: number;
  readonly tag: string;
  readonly value: Uint8Array;
}

const EMPTY = new Uint8Array(0);
const NO_NAMES: readonly Name[] = [];

/** Data of an A or AAAA record, by the length of the address (P). */
export function addressRdata(address: IpBytes): Rdata {
  return fixedRdata(address);
}

/** Data of an NS, CNAME or PTR record (P). */
export function nameRdata(name: Name): Rdata {
  return { prefix: EMPTY, names: [name], suffix: EMPTY };
}

/** Data of a DNAME record (P). Its target is never compressed (RFC 6672 section 2.5). */
export function dnameRdata(target: Name): Rdata {
  return fixedRdata(target);
}

/** Data of an MX record (P); `preference` is 0 to 65,535. */
export function mxRdata(preference: number, exchange: Name): Rdata {
  return { prefix: uint16(preference), names: [exchange], suffix: EMPTY };
}

/** Data of a SOA record (P). */
export function soaRdata(fields: SoaFields): Rdata {
  const numbers = [
    fields.serial,
    fields.refreshSeconds,
    fields.retrySeconds,
    fields.expireSeconds,
    fields.minimumSeconds,
  ];
  const suffix = Uint8Array.from(numbers.flatMap((number) => uint32(number)));
  return { prefix: EMPTY, names: [fields.primary, fields.hostmaster], suffix };
}

/** Data of a TXT record (P): character strings of 0 to 255 octets, at least one. */
export function txtRdata(strings: readonly Uint8Array[]): Rdata {
  return fixedRdata(Uint8Array.from(strings.flatMap((string) => [string.length, ...string])));
}

/** Data of a SRV record (P). Its target is never compressed (RFC 2782). */
export function srvRdata({ priority, weight, port, target }: SrvFields): Rdata {
  const numbers = [...uint16(priority), ...uint16(weight), ...uint16(port)];
  return fixedRdata(Uint8Array.from([...numbers, ...target]));
}

/** Data of a CAA record (P); the tag is 1 to 255 ASCII letters and digits. */
export function caaRdata({ flags, tag, value }: CaaFields): Rdata {
  return fixedRdata(Uint8Array.from([flags, tag.length, ...Buffer.from(tag, "latin1"), ...value]));
}

/** Data that is written as it is (P): the types without a name, and RFC 3597 unknown types. */
export function fixedRdata(bytes: Uint8Array): Rdata {
  return { prefix: bytes, names: NO_NAMES, suffix: EMPTY };
}

/** Octets of the data when no name is compressed (P). */
export function rdataBytesMax(rdata: Rdata): number {
  const names = rdata.names.reduce((sum, name) => sum + name.length, 0);
  return rdata.prefix.length + names + rdata.suffix.length;
}

/** A 16-bit number in network order (P). */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
