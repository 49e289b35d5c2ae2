import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import * as dns from "dns-packet";
import { answerQuery, type Outcome, type QueryContext } from "../../router-dns/pipeline.ts";
import { FixedSteering, queryBytes, words } from "../router-dns/dns-world.ts";
import { cdnWorld } from "../router-dns/netcinema-world.ts";
import { fuzzCount, fuzzSeed, Seeded } from "./seeded.ts";

const SEED = fuzzSeed();
const PACKETS = fuzzCount(300_000);

/** Octets behind the buffer that must stay as they are. */
const GUARD_BYTES = 64;
const GUARD = 0xa5;
const OUT_BYTES = 65_535;

const NAMES = [
  "www.netcinema.test",
  "video.NETCINEMA.test",
  "netcinema.kingcdn.test",
  "c0.netcinema.test",
  "x.sub.netcinema.test",
  "a.b.wild.netcinema.test",
  "nope.kingcdn.test",
  "loop-a.netcinema.test",
  "www.example.com",
  ".",
  `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.kingcdn.test`,
] as const;

const TYPES = [
  "A",
  "AAAA",
  "NS",
  "SOA",
  "MX",
  "TXT",
  "SRV",
  "CAA",
  "DS",
  "ANY",
  "AXFR",
  "CNAME",
] as const;

const SUBNETS = [
  "00011800815e00",
  "0001200001020304",
  "00023800200100000000ff",
  "000238002001000000000000",
  "00000000",
  "00010000",
  "0001",
  "",
  "000118ff815e00",
] as const;

/** A query that is right, or nearly. */
function validQuery(random: Seeded): Buffer {
  const options: (readonly [number, string])[] = [];
  for (let count = random.below(3); count > 0; count -= 1) {
    if (random.below(2) === 0) options.push([8, random.pick(SUBNETS)]);
    else
      options.push([
        random.below(65_536),
        Buffer.from(random.bytes(random.below(9))).toString("hex"),
      ]);
  }
  return queryBytes(
    {
      name: random.pick(NAMES),
      type: random.below(8) === 0 ? random.below(65_536) : random.pick(TYPES),
      rrclass: random.below(16) === 0 ? random.below(65_536) : 1,
      flags: random.below(8) === 0 ? random.below(65_536) : 0x0100,
      version: random.below(16) === 0 ? random.below(256) : 0,
      ...(random.below(2) === 0 ? {} : { udpBytes: random.below(5_000), options }),
    },
    random.below(65_536),
  );
}

/** A header with random counts, so that what follows is read as records. */
function header(random: Seeded): Buffer {
  const count = () => (random.below(2) === 0 ? random.below(4) : random.below(65_536));
  return words(random.below(65_536), random.below(2) * 0x0100, 1, count(), count(), count());
}

/** One way to make a packet: each is something that somebody has sent to a name server. */
const MAKERS: readonly [(random: Seeded) => Uint8Array, ...((random: Seeded) => Uint8Array)[]] = [
  validQuery,
  function mutated(random) {
    const bytes = validQuery(random);
    for (let count = 1 + random.below(4); count > 0; count -= 1) {
      bytes[random.below(bytes.length)] = random.pick([
        0,
        1,
        0x3f,
        0x40,
        0xc0,
        0xff,
        random.below(256),
      ]);
    }
    return bytes;
  },
  function cutOff(random) {
    const bytes = validQuery(random);
    return bytes.subarray(0, random.below(bytes.length + 1));
  },
  function continued(random) {
    return Buffer.concat([validQuery(random), random.bytes(random.below(40))]);
  },
  function noise(random) {
    return random.bytes(random.below(80));
  },
  function noiseBehindHeader(random) {
    return Buffer.concat([header(random), random.bytes(random.below(120))]);
  },
  function pointers(random) {
    const target = () => words(0xc000 | random.below(64));
    const question = Buffer.concat([Buffer.from([1, 97]), target(), words(1, 1)]);
    const record = Buffer.concat([target(), words(random.pick([41, 1]), 1232, 0, 0, 0)]);
    const first = random.below(2) === 0 ? question : Buffer.concat([Buffer.from([0]), words(1, 1)]);
    return Buffer.concat([header(random), first, record, record]);
  },
  function manyRecords(random) {
    const count = random.below(60);
    const record = Buffer.concat([
      Buffer.from([0]),
      words(random.pick([41, 250, 1]), 1232, 0, 0, 0),
    ]);
    const head = words(7, 0, 1, 0, 0, count);
    const body = Buffer.concat(Array.from({ length: count }, () => record));
    return Buffer.concat([head, Buffer.from([0]), words(2, 1), body]);
  },
  function manyOptions(random) {
    const count = random.below(200);
    const option = words(random.pick([3, 8, 10, 12, 65_001]), 0);
    const options = Buffer.concat(Array.from({ length: count }, () => option));
    const length = random.below(8) === 0 ? random.below(65_536) : options.length;
    const opt = Buffer.concat([Buffer.from([0]), words(41, 1232, 0, 0, length), options]);
    return Buffer.concat([words(7, 0, 1, 0, 0, 1), Buffer.from([0]), words(2, 1), opt]);
  },
];

interface Attempt {
  readonly packet: Uint8Array;
  readonly context: QueryContext;
  readonly outBytes: number;
}

/** Says in one line how to see a failure again. */
function describeAttempt({ packet, context, outBytes }: Attempt, index: number): string {
  const hex = Buffer.from(packet).toString("hex");
  return `FUZZ_SEED=${SEED}, packet ${index} over ${context.transport} into ${outBytes}: ${hex}`;
}

/** What must hold for any packet (RFC 1035 section 4.1.1). */
function check(attempt: Attempt, outcome: Outcome, out: Uint8Array): string | undefined {
  const { packet, outBytes } = attempt;
  const isResponse = ((packet[2] ?? 0) & 0x80) !== 0;
  if (outcome.failure !== undefined) return `it failed: ${inspect(outcome.failure)}`;
  if (outcome.length > outBytes) return "the answer is longer than the buffer";
  if (out.subarray(outBytes).some((octet) => octet !== GUARD)) return "written beyond the buffer";
  if (packet.length < 12 || isResponse) {
    return outcome.length === 0 ? undefined : "something was said that must not be answered";
  }
  if (outcome.length === 0) return outBytes < 512 ? undefined : "a query was not answered";
  if (out[0] !== packet[0] || out[1] !== packet[1]) return "the id is another one";
  if (((out[2] ?? 0) & 0xf8) !== (0x80 | ((packet[2] ?? 0) & 0x78))) return "QR or opcode is wrong";
  const limit = attempt.context.transport === "tcp" ? 65_535 : 1232;
  return outcome.length > limit ? "the answer is over its limit" : undefined;
}

describe("any packet", () => {
  it(`gets a right answer or none: ${PACKETS} packets, FUZZ_SEED=${SEED}`, () => {
    const random = new Seeded(SEED);
    const addresses = ["127.0.10.1", "127.0.10.2", "2001:db8::1"];
    const snapshot = cdnWorld(new FixedSteering({ addresses }));
    const out = new Uint8Array(OUT_BYTES + GUARD_BYTES);
    let answered = 0;
    for (let index = 0; index < PACKETS; index += 1) {
      const packet = random.pick(MAKERS)(random);
      const outBytes = random.below(4) === 0 ? random.below(600) : OUT_BYTES;
      const transport = random.below(2) === 0 ? "tcp" : "udp";
      const peer = random.bytes(random.below(2) === 0 ? 4 : 16);
      const context = { peer, transport, snapshot, maxUdpBytes: 1232 } as const;
      const attempt = { packet, context, outBytes };
      out.fill(GUARD, outBytes, outBytes + GUARD_BYTES);
      let outcome: Outcome;
      try {
        outcome = answerQuery(packet, context, out.subarray(0, outBytes));
      } catch (error) {
        assert.fail(`it threw ${String(error)}; ${describeAttempt(attempt, index)}`);
      }
      const window = out.subarray(0, outBytes + GUARD_BYTES);
      const problem = check(attempt, outcome, window);
      if (problem !== undefined) assert.fail(`${problem}; ${describeAttempt(attempt, index)}`);
      if (outcome.length === 0) continue;
      answered += 1;
      // Another library is slower than ours, so it reads a sample.
      if (index % 16 === 0) readByOthers(out.subarray(0, outcome.length), attempt, index);
    }
    assert.ok(answered > PACKETS / 5, `only ${answered} of ${PACKETS} packets were answered`);
  });
});

function readByOthers(answer: Uint8Array, attempt: Attempt, index: number): void {
  try {
    dns.decode(Buffer.from(answer));
    assert.equal(dns.decode.bytes, answer.length, "octets behind the message");
  } catch (error) {
    const hex = Buffer.from(answer).toString("hex");
    assert.fail(`${String(error)} in the answer ${hex}; ${describeAttempt(attempt, index)}`);
  }
}
