import { inspect } from "node:util";
import { Guard, type GuardOptions } from "../../router-dns/guard.ts";
import type { Outcome, Snapshot } from "../../router-dns/pipeline.ts";
import { UNSIGNED } from "../../router-dns/signing.ts";
import type { SteerAnswer, SteerClient, Steering } from "../../router-dns/steering.ts";
import { ipBytes, queryBytes, snapshotOf } from "../router-dns/dns-world.ts";
import { CUSTOMER, cdnZone } from "../router-dns/netcinema-world.ts";
import { signingOf } from "../router-dns/sign/world.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { MAKERS, validQuery } from "./packets.ts";
import type { Seeded } from "./seeded.ts";

const REASONS = [
  "closest",
  "coverage",
  "deep",
  "latency",
  "failover",
  "all-down",
  "no-location",
] as const;

/** Queries that are asked again and again. */
const POOL = 4_000;

/** Packets between two snapshots, and at most between two moments. */
const SNAPSHOT_PACKETS = 20_000;
const MOMENT_MS = 40;

const OUT_BYTES = 4_096;

/** Octets around a packet in a larger buffer, which must not be read as part of it. */
const AROUND = 128;

/** What a run has seen. */
export interface LaneRun {
  readonly packets: number;
  /** Answered in place, out of all. */
  readonly inPlace: number;
  /** What went wrong, with how to see it again; undefined: both lanes are one. */
  readonly problem: string | undefined;
}

/**
 * Steering that looks at every bit that it is given and at nothing else: a client that is mistaken
 * for another one gets another answer.
 */
class HashSteering implements Steering {
  readonly #epoch: number;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  ignoresSubnet(site: string): boolean {
    return (this.#epoch + site.length) % 3 === 0;
  }

  steer(site: string, client: SteerClient, family: 4 | 6): SteerAnswer {
    let hash = Math.imul(this.#epoch + family, 0x9e3779b1) ^ client.prefixLength ^ site.length;
    hash ^= client.source === "ecs" ? 0x5bd1e995 : 0;
    for (const octet of client.bytes) hash = Math.imul(hash ^ octet, 0x01000193) ^ (hash >>> 13);
    const pop = (hash >>> 3) & 7;
    const count = (hash >>> 7) & 3;
    const suffix = family === 4 ? [] : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const addresses = Array.from({ length: count }, (_, i) =>
      Uint8Array.of(...(family === 4 ? [192, 0] : [32, 1]), ...suffix, pop, i),
    );
    return {
      addresses,
      ttlSeconds: 20,
      scopePrefixLength: (hash >>> 10) % (client.bytes.length * 8 + 1),
      pop: pop === 7 ? undefined : `pop-${pop}`,
      reason: REASONS[(hash >>> 16) % REASONS.length] ?? "closest",
    };
  }
}

/** A guard with what it has counted; two of them are told the same in the same order. */
function countingGuard(options: GuardOptions, clock: FakeClock) {
  const counts = new Map<string, number>();
  const count = (outcome: Outcome, queries: number): void => {
    const { length, rcode, qtype, steered } = outcome;
    const answer = steered && `${steered.site} ${steered.answer.pop} ${steered.answer.reason}`;
    const key = `${length === 0} ${rcode} ${qtype} ${answer}`;
    counts.set(key, (counts.get(key) ?? 0) + queries);
  };
  const secrets = { current: new Uint8Array(16).fill(7), others: [] };
  const guard = new Guard(options, { clock, seed: 0x1234_5678, secrets: () => secrets }, count);
  return { guard, counts, count };
}

function guardOptions(random: Seeded): GuardOptions {
  const limits = { burstMs: 1_000, slip: 2, leak: 5, entries: 2 ** 12 };
  const mode = random.pick(["on", "on", "dry-run", "off"] as const);
  const rates = { answersPerSecond: 50, extraBytesPerSecond: 8_192 };
  const exempt = [{ bytes: ipBytes("10.0.0.0"), length: 8 }];
  return {
    rateLimit: { ...limits, ...rates, mode, exempt },
    cookies: random.pick(["on", "on", "on", "off"] as const),
    maxUdpBytes: random.pick([1_232, 512, 4_096] as const),
    idleMs: 10_000,
    nsid: Buffer.from("here"),
    chaos: new Map(),
  };
}

/** One for all runs: its signatures are good for days, and making them is not what is tried. */
const SIGNED = signingOf("netcinema.test", "kingcdn.test");

function snapshotAt(epoch: number): Snapshot {
  const zones = [CUSTOMER, cdnZone({ anyNameSite: "netcinema" })];
  // One of two is signed: NSEC and RRSIG records come with what their clients ask for.
  return snapshotOf(zones, new HashSteering(epoch), epoch % 2 === 0 ? UNSIGNED : SIGNED);
}

/** A query of the kinds that are asked most: this is what the fast lane is for. */
function usualQuery(random: Seeded): Buffer {
  const options: (readonly [number, string])[] = [];
  const subnet = [`0001180081${hex(random, 1)}00`, `00011400${hex(random, 2)}f0`, "00010000"];
  const wide = [`0002300020010db8${hex(random, 2)}`, `00023800200100000000${hex(random, 1)}`];
  if (random.below(3) > 0) options.push([8, random.pick([subnet[0] ?? "", ...subnet, ...wide])]);
  if (random.below(3) === 0) options.push([10, "0102030405060708"]);
  const name = random.pick([
    "netcinema.kingcdn.test",
    "video.netcinema.test",
    "www.netcinema.test",
    "any.kingcdn.test",
    "nope.netcinema.test",
    "netcinema.test",
  ]);
  const isMixed = random.below(4) === 0;
  return queryBytes(
    {
      name: isMixed ? name.replace(/[a-m]/g, (letter) => letter.toUpperCase()) : name,
      type: random.pick(["A", "A", "A", "AAAA", "AAAA", "TXT", "SOA", "NS", "HTTPS"]),
      flags: random.pick([0x0100, 0x0110, 0x0000, 0x0130]),
      ...(random.below(5) === 0
        ? {}
        : {
            udpBytes: random.pick([512, 1_232, 4_096, 0]),
            isDnssecOk: random.below(3) === 0,
            isCompactOk: random.below(4) === 0,
            options,
          }),
    },
    random.below(65_536),
  );
}

function hex(random: Seeded, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString("hex");
}

/**
 * Asks two guards the same: one that decides about every query, and one that answers in place what
 * it can. Their answers have to be the same octets, and their counts the same at the end.
 */
export function runLanes(packets: number, random: Seeded, seed: number): LaneRun {
  const clock = new FakeClock();
  const options = guardOptions(random);
  const slow = countingGuard(options, clock);
  const fast = countingGuard(options, clock);
  const pool = Array.from({ length: POOL }, () =>
    random.below(4) === 0 ? validQuery(random) : usualQuery(random),
  );
  const peers = ["10.1.2.3", "192.0.2.1", "198.51.100.7", "2001:db8::5"].map(ipBytes);
  const want = new Uint8Array(OUT_BYTES);
  const got = new Uint8Array(OUT_BYTES);
  const around = new Uint8Array(65_536 + 2 * AROUND).fill(0x2a);
  let snapshot = snapshotAt(0);
  let inPlace = 0;
  for (let index = 0; index < packets; index += 1) {
    if (index % SNAPSHOT_PACKETS === 0) snapshot = snapshotAt(index / SNAPSHOT_PACKETS);
    if (random.below(8) === 0) clock.advance(random.below(MOMENT_MS));
    const packet = choose(pool, random);
    const peer = peers[random.below(peers.length)] ?? new Uint8Array(4);
    const from = { peer, snapshot };
    const decided = slow.guard.answer(packet, { ...from, transport: "udp" }, want);
    slow.count(decided, 1);
    around.set(packet, AROUND);
    const end = AROUND + packet.length;
    let length = fast.guard.answerInPlace(around, AROUND, end, from, got);
    if (length === undefined) {
      const outcome = fast.guard.answer(packet, { ...from, transport: "udp" }, got);
      fast.count(outcome, 1);
      length = outcome.length;
    } else {
      inPlace += 1;
    }
    if (Buffer.compare(want.subarray(0, decided.length), got.subarray(0, length)) === 0) continue;
    const text = (octets: Uint8Array) => Buffer.from(octets).toString("hex");
    const problem =
      `FUZZ_SEED=${seed}, packet ${index}, ${inspect(options)}: ${text(packet)}\n` +
      `decided  ${text(want.subarray(0, decided.length))}\n` +
      `in place ${text(got.subarray(0, length))}`;
    return { packets: index, inPlace, problem };
  }
  fast.guard.flush();
  slow.guard.flush();
  const facts = ({ guard, counts }: typeof fast) =>
    inspect([Object.fromEntries(counts), guard.actions, guard.cookies], { sorted: true, depth: 9 });
  const isSame = facts(slow) === facts(fast);
  const problem = isSame ? undefined : `FUZZ_SEED=${seed}: counts\n${facts(slow)}\n${facts(fast)}`;
  return { packets, inPlace, problem };
}

/** One that is asked often, with another id; one that nearly is; or anything. */
function choose(pool: readonly Buffer[], random: Seeded): Uint8Array {
  const kind = random.below(16);
  if (kind === 0) return random.pick(MAKERS)(random);
  const packet = pool[Math.floor((random.below(1_000) * random.below(1_000) * POOL) / 1e6)];
  if (packet === undefined) return new Uint8Array(0);
  packet[0] = random.below(256);
  if (kind > 1) return packet;
  const mutated = Buffer.from(packet);
  mutated[random.below(mutated.length)] = random.below(256);
  return mutated;
}
