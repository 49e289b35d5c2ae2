import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import * as dns from "dns-packet";
import { answerQuery, type Outcome, type QueryContext } from "../../router-dns/pipeline.ts";
import { FixedSteering } from "../router-dns/dns-world.ts";
import { cdnWorld } from "../router-dns/netcinema-world.ts";
import { MAKERS } from "./packets.ts";
import { fuzzCount, fuzzSeed, Seeded } from "./seeded.ts";

const SEED = fuzzSeed();
const PACKETS = fuzzCount(300_000);

/** Octets behind the buffer that must stay as they are. */
const GUARD_BYTES = 64;
const GUARD = 0xa5;
const OUT_BYTES = 65_535;

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
