import type { Steps } from "../../common/steps.ts";
import type { Rdata } from "../wire/rdata.ts";
import { makeRrset, NAMES_PER_STEP, type NamedRrsets, type Rrset } from "./zone.ts";

/*
 * The records of a zone as octets, to be moved between threads without being copied and to be read
 * again a piece at a time. One name after the other: length and octets of the owner; number of
 * RRsets (16 bits); of each: type (16), TTL (32), line in the zone file or 0 (32), number of
 * records (32); of each: octets of prefix (16), number of names (8), octets of suffix (16), then
 * these, each name with its length before it.
 */

const RRSET_HEAD_BYTES = 14;
const RECORD_HEAD_BYTES = 5;
const EMPTY = new Uint8Array(0);

/** The octets of names and their records, in the order given, in steps (P). */
export function* zoneOctets(names: Iterable<NamedRrsets>): Steps<Uint8Array<ArrayBuffer>> {
  const writer = new OctetWriter();
  let count = 0;
  for (const named of names) {
    writer.named(named);
    count += 1;
    if (count % NAMES_PER_STEP === 0) yield;
  }
  return writer.taken();
}

/** What `zoneOctets` wrote (P). Everything in it points into `octets`, which must stay as it is. */
export function* namesInOctets(octets: Uint8Array): Generator<NamedRrsets, void> {
  const reader = new OctetReader(octets);
  while (!reader.isAtEnd) yield reader.named();
}

class OctetWriter {
  #bytes = new Uint8Array(65_536);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  named({ owner, rrsets }: NamedRrsets): void {
    this.#short(owner);
    this.#room(2);
    this.#uint16(rrsets.length);
    for (const rrset of rrsets) this.#rrset(rrset);
  }

  taken(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }

  #rrset({ type, ttlSeconds, rdatas, line = 0 }: Rrset): void {
    this.#room(RRSET_HEAD_BYTES);
    this.#uint16(type);
    this.#uint32(ttlSeconds);
    this.#uint32(line);
    this.#uint32(rdatas.length);
    for (const { prefix, names, suffix } of rdatas) {
      this.#room(RECORD_HEAD_BYTES + prefix.length);
      this.#uint16(prefix.length);
      this.#uint8(names.length);
      this.#uint16(suffix.length);
      this.#octets(prefix);
      for (const name of names) this.#short(name);
      this.#room(suffix.length);
      this.#octets(suffix);
    }
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#bytes.length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  #short(octets: Uint8Array): void {
    this.#room(1 + octets.length);
    this.#uint8(octets.length);
    this.#octets(octets);
  }

  #octets(octets: Uint8Array): void {
    this.#bytes.set(octets, this.#at);
    this.#at += octets.length;
  }

  #uint8(value: number): void {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  #uint16(value: number): void {
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  #uint32(value: number): void {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }
}

class OctetReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  named(): NamedRrsets {
    const owner = this.#short();
    const count = this.#uint16();
    const rrsets: Rrset[] = [];
    for (let i = 0; i < count; i += 1) rrsets.push(this.#rrset());
    return { owner, rrsets };
  }

  #rrset(): Rrset {
    const type = this.#uint16();
    const ttlSeconds = this.#uint32();
    const line = this.#uint32();
    const count = this.#uint32();
    const rdatas: Rdata[] = [];
    for (let i = 0; i < count; i += 1) rdatas.push(this.#rdata());
    return makeRrset(type, ttlSeconds, rdatas, line === 0 ? undefined : line);
  }

  #rdata(): Rdata {
    const prefixBytes = this.#uint16();
    const count = this.#uint8();
    const suffixBytes = this.#uint16();
    const prefix = this.#octets(prefixBytes);
    const names: Uint8Array[] = [];
    for (let i = 0; i < count; i += 1) names.push(this.#short());
    return { prefix, names, suffix: this.#octets(suffixBytes) };
  }

  #short(): Uint8Array {
    return this.#octets(this.#uint8());
  }

  #octets(length: number): Uint8Array {
    if (length === 0) return EMPTY;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #uint8(): number {
    this.#at += 1;
    return this.#view.getUint8(this.#at - 1);
  }

  #uint16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2);
  }

  #uint32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }
}
