import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { invariant } from "../common/assert.ts";
import { systemClock } from "../common/clock.ts";
import { silentLogger } from "../common/log.ts";
import { systemRandom } from "../common/random.ts";
import { LiveSigning } from "../router-dns/data/live-signing.ts";
import { generateKeys } from "../router-dns/data/zone-keys.ts";
import { answerQuery, type Snapshot } from "../router-dns/pipeline.ts";
import type { AlgorithmName } from "../router-dns/sign/dnskey.ts";
import { UNSIGNED } from "../router-dns/signing.ts";
import { TYPE } from "../router-dns/wire/codes.ts";
import { buildCdnZone } from "../router-dns/zone/cdn-zone.ts";
import {
  FixedSteering,
  ipBytes,
  type Question,
  queryBytes,
  snapshotOf,
} from "../test/router-dns/dns-world.ts";
import { POLICY } from "../test/router-dns/sign/world.ts";
import { median } from "./median.ts";

/*
 * What signing costs. First answers per second of the pipeline alone, without sockets: unsigned,
 * signed from the cache, and signed when asked for, as the median of interleaved rounds and as a
 * ratio to the unsigned answer of the same round. Then how long it takes to sign 20 PoPs x 1,000
 * names ahead, and what queries that arrive meanwhile have to wait. Run: npx node bench/dns-sign.ts
 */

const SITES = 1_000;
const POPS = 20;
const ROUNDS = 7;
const ROUND_MS = 150;

function show(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(64)} ${figure.padStart(24)}\n`);
}

const built = buildCdnZone({
  domain: "kingcdn.test",
  nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
  ttlSeconds: 20,
  serial: 1,
  sites: Array.from({ length: SITES }, (_, i) => `site-${i}`),
  edges: [{ name: "syd-1", address: "127.0.10.1" }],
});
invariant(built.ok, "the zone of the benchmark is right");
const zone = built.value;
const steering = new FixedSteering({ addresses: ["10.0.0.1"] });

/** Signing of the zone with keys of its own. */
function startSigning(folder: string, algorithm: AlgorithmName): LiveSigning {
  const made = generateKeys(
    { folder, zone: "kingcdn.test", policy: POLICY },
    algorithm,
    Date.now(),
  );
  invariant(made.ok, "there are no keys yet");
  const steered = Array.from({ length: POPS }, (_, pop) => ({
    type: TYPE.A,
    ttlSeconds: 20,
    rdatas: [ipBytes(`10.0.${pop}.1`)],
  }));
  const { zones } = snapshotOf([zone]);
  const signing = new LiveSigning({
    folder,
    rollsOver: false,
    zones: [{ name: "kingcdn.test", policy: POLICY }],
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    subjects: () => ({ zones, steered, pairs: [] }),
    onChange: () => undefined,
  });
  invariant(signing.load().ok, "the keys are good");
  return signing;
}

const out = new Uint8Array(65_535);

function answer(snapshot: Snapshot, packet: Uint8Array): void {
  const context = {
    peer: ipBytes("192.0.2.1"),
    transport: "udp",
    snapshot,
    maxUdpBytes: 1232,
  } as const;
  const { length } = answerQuery(packet, context, out);
  invariant(length > 0, "every question of the benchmark is answered");
}

/** Answers per second to questions that `next` makes. */
function rate(snapshot: Snapshot, next: (i: number) => Uint8Array): number {
  const end = performance.now() + ROUND_MS;
  let count = 0;
  while (performance.now() < end) {
    for (let i = 0; i < 16; i += 1) answer(snapshot, next(count + i));
    count += 16;
  }
  return (count / ROUND_MS) * 1_000;
}

function packets(question: (i: number) => Question): (i: number) => Uint8Array {
  const ready = Array.from({ length: 512 }, (_, i) =>
    queryBytes({ udpBytes: 1232, isDnssecOk: true, ...question(i) }),
  );
  return (i) => ready[i & 511] ?? Buffer.alloc(0);
}

function measureAnswers(signing: LiveSigning, algorithm: AlgorithmName): void {
  const signers = signing.signers();
  const signed = snapshotOf([zone], steering, { signerOf: (apex) => signers.get(apex) });
  const plain = snapshotOf([zone], steering, UNSIGNED);
  const site = packets((i) => ({ name: `site-${i}.kingcdn.test` }));
  const nodata = packets((i) => ({ name: `site-${i}.kingcdn.test`, type: "AAAA" }));
  let fresh = 0;
  const unseen = () => {
    fresh += 1;
    return queryBytes({ name: `x${fresh}.kingcdn.test`, udpBytes: 1232, isDnssecOk: true });
  };
  const cases = [
    ["steered, unsigned", plain, site],
    ["steered, signed from the cache", signed, site],
    ["no such type, signed from the cache", signed, nodata],
    ["name never seen: one signature each", signed, unseen],
  ] as const;
  const rates = cases.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, [, snapshot, next]] of cases.entries()) {
      rates[index]?.push(rate(snapshot, next));
    }
  }
  for (const [index, [what]] of cases.entries()) {
    const ratios = rates[index]?.map((value, round) => value / (rates[0]?.[round] ?? 1)) ?? [];
    const figure = `${Math.round(median(rates[index] ?? [])).toLocaleString("en")}/s`;
    show(`${algorithm}: ${what}`, `${figure} (x ${median(ratios).toFixed(2)})`);
  }
}

async function measureAhead(signing: LiveSigning, algorithm: AlgorithmName): Promise<void> {
  const packet = queryBytes({ name: "edge.kingcdn.test", udpBytes: 1232 });
  const snapshot = snapshotOf([zone], steering, UNSIGNED);
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const ending = new AbortController();
  let answers = 0;
  const answering = (async () => {
    while (!ending.signal.aborted) {
      answer(snapshot, packet);
      answers += 1;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  })();
  signing.signAhead();
  await signing.look();
  ending.abort();
  await answering;
  delays.disable();
  const { signatures, aheadSeconds } = signing.figures();
  show(`${algorithm}: ${signatures.ahead} signatures ahead`, `${aheadSeconds.toFixed(2)} s`);
  show(
    "  longest that the event loop was away meanwhile, p99",
    `${(delays.percentile(99) / 1e6).toFixed(1)} ms`,
  );
  show("  queries answered in between", String(answers));
}

for (const algorithm of ["ecdsap256sha256", "ed25519"] as const) {
  const folder = mkdtempSync(join(tmpdir(), "dns-sign-"));
  const signing = startSigning(folder, algorithm);
  await measureAhead(signing, algorithm);
  measureAnswers(signing, algorithm);
  signing.stop();
  rmSync(folder, { recursive: true });
}
