import { FLAG, HEADER_BYTES, OPCODE_NOTIFY, TYPE } from "../wire/codes.ts";
import type { Name } from "../wire/name.ts";
import type { TransferRecord } from "./content.ts";

/** A question to another server, without a signature (P): SOA, AXFR or IXFR of a zone. */
export function askZone(id: number, zone: Name, qtype: number): Uint8Array {
  return Buffer.concat([header(id, 0, 1, 0), zone, words(qtype, 1)]);
}

/** Asks for what has changed since the version with this SOA (P). RFC 1995 section 3. */
export function askChanges(id: number, soa: TransferRecord): Uint8Array {
  const { owner } = soa;
  const record = [owner, words(TYPE.SOA, 1, 0, 0), rdataBytes(soa)];
  return Buffer.concat([header(id, 0, 1, 1), owner, words(TYPE.IXFR, 1), ...record]);
}

/** Says that a zone has a new version (P). RFC 1996 section 3.7: with its SOA as a hint. */
export function notifyMessage(id: number, soa: TransferRecord): Uint8Array {
  const head = Buffer.alloc(HEADER_BYTES);
  head.set(words(id, (OPCODE_NOTIFY << 11) | FLAG.AA, 1, 1, 0, 0));
  const record = [soa.owner, words(TYPE.SOA, 1, 0, 0), rdataBytes(soa)];
  return Buffer.concat([head, soa.owner, words(TYPE.SOA, 1), ...record]);
}

function header(id: number, flags: number, questions: number, authority: number): Uint8Array {
  return words(id, flags, questions, 0, authority, 0);
}

function rdataBytes({ rdata }: TransferRecord): Uint8Array {
  const data = Buffer.concat([rdata.prefix, ...rdata.names, rdata.suffix]);
  return Buffer.concat([words(data.length), data]);
}

/** 16-bit numbers in network order. */
function words(...values: number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [(value >> 8) & 0xff, value & 0xff]));
}
