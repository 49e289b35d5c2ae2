import { createHmac, timingSafeEqual } from "node:crypto";
import { HEADER_BYTES, TYPE } from "../wire/codes.ts";
import { type Name, type NameKey, nameKey, parseName } from "../wire/name.ts";
import { octetAt, wordAt } from "../wire/octets.ts";
import { uint16 } from "../wire/rdata.ts";
import { Reader } from "../wire/reader.ts";

/** Algorithms and how Node calls their hash. RFC 8945 section 6 wants the first. */
const HASHES = {
  "hmac-sha256": "sha256",
  "hmac-sha384": "sha384",
  "hmac-sha512": "sha512",
  "hmac-sha224": "sha224",
  "hmac-sha1": "sha1",
} as const;

/** What a key computes with. `hmac-md5` is not among them: it is a MUST NOT (RFC 8945). */
export type TsigAlgorithm = keyof typeof HASHES;

/** The algorithms by name, for configuration and messages. */
export const TSIG_ALGORITHMS = Object.keys(HASHES) as readonly TsigAlgorithm[];

/** A secret that two servers share (RFC 8945 section 4.1). */
export interface TsigKey {
  readonly name: Name;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Uint8Array;
}

/** Keys by the key of their name. */
export type TsigKeys = ReadonlyMap<NameKey, TsigKey>;

/** Error codes in a TSIG record (RFC 8945 section 3). */
export const TSIG_ERROR = { BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const;

/** Seconds that the clocks of two servers may be apart (RFC 8945 section 10). */
export const TSIG_FUDGE_SECONDS = 300;

/** The class of a TSIG record. */
const CLASS_ANY = 255;

/** A TSIG record as it stands at the end of a message. */
export interface Tsig {
  /** Where the record starts: the message without it ends there. */
  readonly start: number;
  readonly keyName: Name;
  readonly algorithmName: Name;
  readonly timeSigned: number;
  readonly fudge: number;
  readonly mac: Uint8Array;
  readonly originalId: number;
  readonly error: number;
  readonly other: Uint8Array;
}

/** What checking the signature of a message found. */
export type TsigVerdict =
  | { readonly kind: "unsigned" }
  | { readonly kind: "signed"; readonly key: TsigKey; readonly mac: Uint8Array }
  /** Not to be trusted; `key` is there where the refusal itself can be signed. */
  | {
      readonly kind: "refused";
      readonly error: number;
      readonly tsig: Tsig;
      readonly key?: TsigKey;
    }
  /** The record is not where or what it must be: FORMERR (RFC 8945 section 5.1). */
  | { readonly kind: "malformed" };

/**
 * Finds the TSIG record of a message (P). RFC 8945 section 5.1: the last record of all, in the
 * additional section. Undefined if there is none; "malformed" if it stands elsewhere or twice, or
 * the message cannot be read that far.
 */
export function findTsig(message: Uint8Array): Tsig | undefined | "malformed" {
  if (message.length < HEADER_BYTES) return "malformed";
  const reader = new Reader(message, HEADER_BYTES);
  for (let i = wordAt(message, 4); i > 0; i -= 1) {
    reader.skipName();
    reader.skip(4);
  }
  const total = wordAt(message, 6) + wordAt(message, 8) + wordAt(message, 10);
  const additional = wordAt(message, 10);
  for (let i = 1; i <= total; i += 1) {
    const start = reader.position;
    reader.skipName();
    const type = reader.uint16();
    if (reader.failed) return "malformed";
    if (type === TYPE.TSIG) {
      const isLast = i === total && additional > 0;
      return isLast ? readTsig(message, start) : "malformed";
    }
    reader.skip(6);
    reader.skip(reader.uint16());
    if (reader.failed) return "malformed";
  }
  return undefined;
}

function readTsig(message: Uint8Array, start: number): Tsig | "malformed" {
  const keyName = plainName(message, start);
  if (keyName === undefined) return "malformed";
  const reader = new Reader(message, start + keyName.length + 2);
  const isAny = reader.uint16() === CLASS_ANY;
  const ttl = reader.uint16() + reader.uint16();
  const end = reader.uint16() + reader.position;
  const algorithmName = plainName(message, reader.position);
  if (algorithmName === undefined || reader.failed) return "malformed";
  reader.skip(algorithmName.length);
  const timeSigned = reader.uint16() * 2 ** 32 + reader.uint16() * 2 ** 16 + reader.uint16();
  const fudge = reader.uint16();
  const mac = take(reader, reader.uint16());
  const originalId = reader.uint16();
  const error = reader.uint16();
  const other = take(reader, reader.uint16());
  const isWhole = !reader.failed && reader.position === end && end === message.length;
  if (!isWhole || !isAny || ttl !== 0) return "malformed";
  return { start, keyName, algorithmName, timeSigned, fudge, mac, originalId, error, other };
}

/** A name without compression, which those of a TSIG record are (RFC 8945 section 4.2). */
function plainName(message: Uint8Array, start: number): Name | undefined {
  let at = start;
  while (at < message.length && at - start < 255) {
    const length = octetAt(message, at);
    if (length === 0) return message.subarray(start, at + 1);
    if (length > 63) return undefined;
    at += 1 + length;
  }
  return undefined;
}

function take(reader: Reader, count: number): Uint8Array {
  const start = reader.position;
  reader.skip(count);
  return reader.failed ? new Uint8Array(0) : reader.bytes.subarray(start, start + count);
}

/** What is needed to judge a signature. */
export interface TsigCheck {
  readonly keys: TsigKeys;
  /** Seconds since 1970. */
  readonly now: number;
  /** Of an answer: the MAC of what it answers, or of the message before it in a stream. */
  readonly priorMac?: Uint8Array;
  /** Of an answer behind the first in a stream: unsigned messages between, and timers only. */
  readonly stream?: readonly Uint8Array[];
}

/** Judges the signature of a message (P). RFC 8945 section 5.2 (order of checks) and 5.3.1. */
export function checkTsig(message: Uint8Array, check: TsigCheck): TsigVerdict {
  const tsig = findTsig(message);
  if (tsig === undefined) return { kind: "unsigned" };
  if (tsig === "malformed") return { kind: "malformed" };
  const key = check.keys.get(nameKey(tsig.keyName));
  if (key === undefined || nameKey(tsig.algorithmName) !== algorithmKey(key.algorithm)) {
    return { kind: "refused", error: TSIG_ERROR.BADKEY, tsig };
  }
  const signed = Uint8Array.from(message.subarray(0, tsig.start));
  putWord(signed, 0, tsig.originalId);
  putWord(signed, 10, wordAt(signed, 10) - 1);
  const expected = computeMac(key, signed, tsig, check);
  // No truncated MACs: whoever holds the key can send the whole one.
  if (tsig.mac.length !== expected.length) {
    const isShort = tsig.mac.length > 0 && tsig.mac.length < expected.length;
    const error = isShort ? TSIG_ERROR.BADTRUNC : TSIG_ERROR.BADSIG;
    return { kind: "refused", error, tsig };
  }
  if (!timingSafeEqual(tsig.mac, expected)) {
    return { kind: "refused", error: TSIG_ERROR.BADSIG, tsig };
  }
  if (Math.abs(check.now - tsig.timeSigned) > tsig.fudge) {
    return { kind: "refused", error: TSIG_ERROR.BADTIME, tsig, key };
  }
  return { kind: "signed", key, mac: tsig.mac };
}

/** How a message is signed. */
export interface TsigSigning {
  readonly key: TsigKey;
  /** Seconds since 1970. */
  readonly now: number;
  readonly priorMac?: Uint8Array;
  /** Present for messages behind the first of a stream: only the timers are signed with them. */
  readonly stream?: readonly Uint8Array[];
  /** The error that the message reports; for BADTIME the server's time goes along. */
  readonly error?: number;
}

/** A message with its TSIG record, and the MAC that the next one is signed over. */
export interface SignedMessage {
  readonly message: Uint8Array;
  readonly mac: Uint8Array;
}

/** Puts a TSIG record behind a complete message (P). RFC 8945 sections 5.1 and 5.3. */
export function signMessage(message: Uint8Array, signing: TsigSigning): SignedMessage {
  const { key, now, error = 0 } = signing;
  const isLate = error === TSIG_ERROR.BADTIME;
  const tsig = {
    keyName: key.name,
    algorithmName: algorithmName(key.algorithm),
    timeSigned: now,
    fudge: TSIG_FUDGE_SECONDS,
    originalId: wordAt(message, 0),
    error,
    other: isLate ? uint48(now) : new Uint8Array(0),
  };
  const mac = computeMac(key, message, tsig, signing);
  return { message: withRecord(message, { ...tsig, mac }), mac };
}

/** Says what is wrong with a signature without signing that (P). RFC 8945 section 5.3.2. */
export function withTsigError(message: Uint8Array, tsig: Tsig, error: number): Uint8Array {
  const none = new Uint8Array(0);
  return withRecord(message, { ...tsig, mac: none, error, other: none });
}

/** Octets that the TSIG record of a key takes (P); what is to be signed must leave them free. */
export function tsigBytes(key: TsigKey): number {
  const macBytes = createHmac(HASHES[key.algorithm], key.secret).digest().length;
  return key.name.length + 10 + algorithmName(key.algorithm).length + 16 + macBytes;
}

type TsigFields = Omit<Tsig, "start">;

function computeMac(
  key: TsigKey,
  message: Uint8Array,
  tsig: Omit<TsigFields, "mac">,
  context: { readonly priorMac?: Uint8Array; readonly stream?: readonly Uint8Array[] },
): Uint8Array {
  const hmac = createHmac(HASHES[key.algorithm], key.secret);
  if (context.priorMac !== undefined) {
    hmac.update(uint16(context.priorMac.length)).update(context.priorMac);
  }
  for (const unsigned of context.stream ?? []) hmac.update(unsigned);
  hmac.update(message);
  const timers = [...uint48(tsig.timeSigned), ...uint16(tsig.fudge)];
  if (context.stream !== undefined) return hmac.update(Uint8Array.from(timers)).digest();
  const names = [lowerName(tsig.keyName), uint16(CLASS_ANY), uint16(0), uint16(0)];
  for (const part of names) hmac.update(part);
  hmac.update(lowerName(tsig.algorithmName)).update(Uint8Array.from(timers));
  return hmac
    .update(uint16(tsig.error))
    .update(uint16(tsig.other.length))
    .update(tsig.other)
    .digest();
}

function withRecord(message: Uint8Array, tsig: TsigFields): Uint8Array {
  const rdata = Buffer.concat([
    tsig.algorithmName,
    uint48(tsig.timeSigned),
    uint16(tsig.fudge),
    uint16(tsig.mac.length),
    tsig.mac,
    uint16(tsig.originalId),
    uint16(tsig.error),
    uint16(tsig.other.length),
    tsig.other,
  ]);
  const head = [uint16(TYPE.TSIG), uint16(CLASS_ANY), uint16(0), uint16(0), uint16(rdata.length)];
  const whole = Buffer.concat([message, tsig.keyName, ...head, rdata]);
  putWord(whole, 10, wordAt(whole, 10) + 1);
  return whole;
}

const ALGORITHM_NAMES: ReadonlyMap<TsigAlgorithm, Name> = new Map(
  TSIG_ALGORITHMS.map((algorithm) => {
    const name = parseName(`${algorithm}.`);
    return [algorithm, name.ok ? name.value : new Uint8Array(1)] as const;
  }),
);

function algorithmName(algorithm: TsigAlgorithm): Name {
  return ALGORITHM_NAMES.get(algorithm) ?? new Uint8Array(1);
}

function algorithmKey(algorithm: TsigAlgorithm): NameKey {
  return nameKey(algorithmName(algorithm));
}

/** RFC 8945 section 4.3.3: names are signed in lower case. */
function lowerName(name: Name): Uint8Array {
  return Buffer.from(nameKey(name), "latin1");
}

function uint48(value: number): Uint8Array {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}
