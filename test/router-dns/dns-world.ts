import assert from "node:assert/strict";
import * as dns from "dns-packet";
import { formatProblem } from "../../common/file-problem.ts";
import { parseIp } from "../../common/ip.ts";
import { answerQuery, type Outcome, type Snapshot } from "../../router-dns/pipeline.ts";
import { UNSIGNED } from "../../router-dns/signing.ts";
import type { SteerAnswer, SteerClient } from "../../router-dns/steering.ts";
import { rcodeName, TYPE } from "../../router-dns/wire/codes.ts";
import { type Name, nameKey, parseName } from "../../router-dns/wire/name.ts";
import { buildZoneTable, type Zone } from "../../router-dns/zone/zone.ts";
import { parseZoneFile } from "../../router-dns/zone/zone-file.ts";

/** A message as text, one record per line, as a second DNS library reads it. */
export interface Seen {
  readonly outcome: Outcome;
  readonly bytes: Uint8Array;
  readonly rcode: string;
  /** Lower-case names of the header flags that are set, without `qr`. */
  readonly flags: string;
  readonly question: string;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  /** Without the OPT record. */
  readonly additional: readonly string[];
  readonly opt: dns.OptAnswer | undefined;
}

/** What to ask, and how. Left out: type A, no EDNS, UDP, from 198.51.100.1. */
export interface Question {
  readonly name: string;
  readonly type?: keyof typeof TYPE | number;
  readonly rrclass?: number;
  readonly flags?: number;
  readonly udpBytes?: number;
  readonly isDnssecOk?: boolean;
  /** The CO bit (RFC 9824 section 5.1). */
  readonly isCompactOk?: boolean;
  readonly version?: number;
  /** Options of the OPT record: code, and data in hexadecimal. */
  readonly options?: readonly (readonly [number, string])[];
  readonly transport?: "udp" | "tcp";
  readonly peer?: string;
  readonly outBytes?: number;
}

/** Steering that gives one answer and remembers whom it was asked for. */
export class FixedSteering {
  readonly asked: { site: string; client: SteerClient; family: 4 | 6 }[] = [];
  answer: SteerAnswer;

  constructor(answer: Partial<Omit<SteerAnswer, "addresses">> & { addresses: string[] }) {
    this.answer = {
      ttlSeconds: 20,
      scopePrefixLength: 16,
      pop: "syd",
      reason: "closest",
      ...answer,
      addresses: answer.addresses.map(ipBytes),
    };
  }

  steer(site: string, client: SteerClient, family: 4 | 6): SteerAnswer {
    this.asked.push({ site, client, family });
    const bytes = family === 4 ? 4 : 16;
    const addresses = this.answer.addresses.filter((address) => address.length === bytes);
    return { ...this.answer, addresses };
  }
}

/** The zone that a zone file makes; fails the test if it has problems. */
export function zoneOf(text: string): Zone {
  const zone = parseZoneFile(text, "test.zone");
  assert.ok(zone.ok, zone.ok ? "" : zone.error.map(formatProblem).join("\n"));
  return zone.value;
}

/** A server's zones and steering. */
export function snapshotOf(
  zones: readonly Zone[],
  steering: Snapshot["steering"] = new FixedSteering({ addresses: [] }),
  signing: Snapshot["signing"] = UNSIGNED,
): Snapshot {
  const table = buildZoneTable(zones);
  assert.ok(table.ok);
  return { zones: table.value, steering, signing };
}

/** A query in wire form. */
export function queryBytes(question: Question, id = 0x1234): Buffer {
  const { type = "A", rrclass = 1, flags = 0, options } = question;
  const name = parseName(question.name);
  assert.ok(name.ok, question.name);
  const code = typeof type === "number" ? type : TYPE[type];
  const parts = [words(id, flags, 1, 0, 0, 0), name.value, words(code, rrclass)];
  if (question.udpBytes !== undefined || options !== undefined) {
    const data = (options ?? []).map(([code, hex]) => {
      const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
      return Buffer.concat([words(code, bytes.length), bytes]);
    });
    const rdata = Buffer.concat(data);
    const dnssecOk = question.isDnssecOk === true ? 0x8000 : 0;
    const compactOk = question.isCompactOk === true ? 0x4000 : 0;
    const ednsFlags = dnssecOk | compactOk;
    const head = words(41, question.udpBytes ?? 1232, question.version ?? 0, ednsFlags);
    parts.push(Buffer.from([0]), head, words(rdata.length), rdata);
    return Buffer.concat([words(id, flags, 1, 0, 0, 1), ...parts.slice(1)]);
  }
  return Buffer.concat(parts);
}

/** 16-bit numbers in network order. */
export function words(...values: number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));
}

/** An address as bytes. */
export function ipBytes(text: string): Uint8Array {
  const bytes = parseIp(text);
  assert.ok(bytes.ok, text);
  return bytes.value;
}

/** A name written as text. */
export function nameOf(text: string): Name {
  const name = parseName(text);
  assert.ok(name.ok, text);
  return name.value;
}

/** The lookup key of a name written as text. */
export function keyOf(text: string): string {
  return nameKey(nameOf(text));
}

/** Asks a question; fails the test if nothing is answered or another library cannot read it. */
export function ask(snapshot: Snapshot, question: Question): Seen {
  return askBytes(snapshot, queryBytes(question), question);
}

/** Asks with a packet that is ready. */
export function askBytes(
  snapshot: Snapshot,
  packet: Uint8Array,
  { transport = "udp", peer = "198.51.100.1", outBytes = 65_535 }: Partial<Question> = {},
): Seen {
  const out = new Uint8Array(outBytes);
  const context = { peer: ipBytes(peer), transport, snapshot, maxUdpBytes: 1232 };
  const outcome = answerQuery(packet, context, out);
  assert.notEqual(outcome.length, 0, "the query was dropped");
  return readMessage(out.slice(0, outcome.length), outcome);
}

function readMessage(bytes: Uint8Array, outcome: Outcome): Seen {
  const packet = dns.decode(Buffer.from(bytes)) as dns.DecodedPacket & { rcode: string };
  assert.equal(dns.decode.bytes, bytes.length, "octets behind the message");
  assert.equal(packet.type, "response");
  const opt = packet.additionals?.find((record) => record.type === "OPT");
  const others = packet.additionals?.filter((record) => record.type !== "OPT") ?? [];
  const flags = ["aa", "tc", "rd", "ra", "ad", "cd"] as const;
  return {
    outcome,
    bytes,
    rcode: rcodeName(outcome.rcode),
    flags: flags.filter((flag) => packet[`flag_${flag}`]).join(" "),
    question: (packet.questions ?? []).map(({ name, type }) => `${name} ${type}`).join(),
    answer: (packet.answers ?? []).map(recordText),
    authority: (packet.authorities ?? []).map(recordText),
    additional: others.map(recordText),
    opt,
  };
}

function recordText(record: dns.Answer): string {
  const { name, type, ttl, data } = record as dns.BaseAnswer<string, unknown>;
  return `${name} ${ttl} ${type} ${dataText(data)}`;
}

function dataText(data: unknown): string {
  if (typeof data === "string") return data;
  if (Buffer.isBuffer(data)) return JSON.stringify(data.toString("latin1"));
  if (Array.isArray(data)) return data.map(dataText).join(" ");
  return Object.values(data as object).join(" ");
}
