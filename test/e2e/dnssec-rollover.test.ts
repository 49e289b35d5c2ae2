import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { SocketAddress } from "../../common/address.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import type { DnssecOptions } from "../../router-dns/data/live-signing.ts";
import {
  confirmDs,
  generateKeys,
  reportKeys,
  rollKeys,
  type ZoneKeysReport,
} from "../../router-dns/data/zone-keys.ts";
import type { SigningPolicy } from "../../router-dns/sign/online-signer.ts";
import { queryBytes } from "../router-dns/dns-world.ts";
import { type FakeEdge, fivePops, startFiveEdges, startTestRouter } from "../router-dns/support.ts";
import { askUdp } from "../router-dns/wire-client.ts";
import { eventually } from "../support/eventually.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startUnbound } from "../support/unbound.ts";

/**
 * How long it goes on. For ten minutes, without the limits of `npm test`: `DNSSEC_SECONDS=600 npx
 * node --test test/e2e/dnssec-rollover.test.ts`.
 */
const SECONDS = Number(process.env["DNSSEC_SECONDS"] ?? 60);

/** Everything that takes hours in production takes seconds: a ZSK lives for eight of them. */
const POLICY: SigningPolicy = {
  scheme: "ksk-zsk",
  zskLifetime: 8,
  kskLifetime: 0,
  signatureLifetime: 16,
  dnskeyTtl: 2,
  maxTtl: 2,
  propagation: 1,
  dsTtl: 2,
};
const STATIC: SigningPolicy = { ...POLICY, scheme: "csk" };

const SUBNETS = ["129.94.0.0/24", "5.9.0.0/24", "3.208.0.0/24", "133.11.0.0/24", "200.147.3.0/24"];
const RD_AD = 0x0120;
const AD = 0x0020;

/** What a resolver was asked and how it went. */
interface Tally {
  answers: number;
  readonly bogus: string[];
}

const timeout = (SECONDS + 60) * 1_000;

test(`for ${SECONDS} s edges flap and keys roll, and no answer is bogus`, {
  timeout,
}, async (t) => {
  const dir = tempDir(t);
  const folder = join(dir, "keys");
  const child = { folder, zone: "kingcdn.test", policy: POLICY };
  const parent = { folder, zone: "test", policy: STATIC };
  const first = made(generateKeys(child, "ecdsap256sha256", Date.now()));
  const anchor = made(generateKeys(parent, "ecdsap256sha256", Date.now()));
  const file = join(dir, "test.zone");
  writeFileSync(file, parentZone(entryKeys(first)[0]?.ds ?? ""));
  const edges = await startFiveEdges(t);
  const dnssec: DnssecOptions = {
    folder,
    rollsOver: true,
    zones: [
      { name: "kingcdn.test", policy: POLICY },
      { name: "test", policy: STATIC },
    ],
  };
  const { router, dns } = await startTestRouter(t, {
    pops: fivePops(edges),
    zoneFiles: [file],
    dnssec,
    ttlSeconds: 2,
    health: { interval: 100, timeout: 500, rise: 1, fall: 1 },
  });
  const common = {
    stubs: ["test", "kingcdn.test"].map((zone) => ({ zone, at: dns })),
    trustAnchors: [entryKeys(anchor)[0]?.ds ?? ""],
    sendClientSubnetTo: ["127.0.0.1"],
  };
  const resolvers = [
    await startUnbound(t, common),
    await startUnbound(t, { ...common, cachesStubs: true }),
  ];
  const used = { zsk: new Set<number>(), ksk: new Set<number>() };
  const end = performance.now() + SECONDS * 1_000;
  const isOver = () => performance.now() > end;
  const [tallies] = await Promise.all([
    Promise.all(resolvers.map((resolver) => askOn(resolver, isOver))),
    flap(Object.values(edges), isOver),
    watchKeys(child, used, isOver),
    rollParentKeys(child, { file, router, isOver }),
  ]);
  for (const { answers, bogus } of tallies) {
    assert.deepEqual(bogus.slice(0, 5), [], `${bogus.length} of ${answers}`);
    assert.ok(answers > SECONDS * 10, `only ${answers} answers`);
  }
  assert.ok(used.zsk.size > SECONDS / 12, `only ${used.zsk.size} ZSKs signed`);
  assert.ok(used.ksk.size > SECONDS / 40, `only ${used.ksk.size} KSKs were named by the parent`);
  const answers = tallies.map((tally) => tally.answers).join(" and ");
  t.diagnostic(`${answers} answers, ${used.zsk.size} ZSKs, ${used.ksk.size} KSKs`);
});

/** Asks for one of everything over and over; gives what was not validated. */
async function askOn(resolver: SocketAddress, isOver: () => boolean): Promise<Tally> {
  const tally: Tally = { answers: 0, bogus: [] };
  for (let round = 0; !isOver(); round += 1) {
    const questions = [
      ...SUBNETS.map((subnet) => ({
        name: "netcinema.kingcdn.test",
        options: [[8, ecs(subnet)]] as const,
      })),
      { name: "netcinema.kingcdn.test", type: "AAAA" as const },
      { name: `x${round}.kingcdn.test` },
      { name: "edge.kingcdn.test" },
      { name: "syd-1.edge.kingcdn.test" },
      { name: "kingcdn.test", type: "SOA" as const },
      { name: "kingcdn.test", type: "DNSKEY" as const },
      { name: "www.test" },
    ];
    const packets = questions.map((question) =>
      queryBytes({ udpBytes: 1232, flags: RD_AD, ...question }),
    );
    const answers = await askUdp(resolver, packets, { tries: 3, patienceMs: 3_000 });
    for (const [index, answer] of answers.entries()) {
      const flags = answer?.readUInt16BE(2) ?? 0;
      tally.answers += 1;
      // A denial of a name is NOERROR too: NXDOMAIN would need CO all the way.
      if ((flags & 0xf) === 0 && (flags & AD) !== 0) continue;
      const what = JSON.stringify(questions[index]);
      tally.bogus.push(`${what}: flags ${flags.toString(16)} at ${new Date().toISOString()}`);
    }
  }
  return tally;
}

/** Notes which keys are in use, as long as it goes on. */
async function watchKeys(
  order: Parameters<typeof reportKeys>[0],
  used: Readonly<Record<"ksk" | "zsk", Set<number>>>,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    for (const { tag, role, state } of made(reportKeys(order, Date.now())).keys) {
      if (state === "active" && role !== "csk") used[role].add(tag);
    }
    await delay(500);
  }
}

/** Takes edges down and up again, one after the other, never all at once. */
async function flap(edges: readonly FakeEdge[], isOver: () => boolean): Promise<void> {
  for (let turn = 0; !isOver(); turn += 1) {
    const edge = edges[turn % edges.length];
    await edge?.kill();
    await delay(400);
    await edge?.start();
    await delay(150);
  }
}

/** Replaces the KSK again and again, each time as soon as its time has come. */
async function rollParentKeys(
  order: Parameters<typeof reportKeys>[0],
  world: {
    readonly file: string;
    readonly router: RunningDaemon;
    readonly isOver: () => boolean;
  },
): Promise<void> {
  const { file, router, isOver } = world;
  const wait = { withinMs: 30_000, everyMs: 100 };
  const firstTag = entryKeys(made(reportKeys(order, Date.now())))[0]?.tag ?? 0;
  await eventually(
    "the first DS is seen",
    () => made(confirmDs(order, firstTag, Date.now())),
    wait,
  );
  while (!isOver()) {
    await eventually("a rollover can begin", () => made(rollKeys(order, "ksk", Date.now())), wait);
    await router.reload?.();
    const next = await eventually(
      "the new KSK may be named",
      () => {
        const report = made(reportKeys(order, Date.now()));
        const ready = report.keys.find(({ state }) => state === "ready");
        assert.ok(ready && report.parentDs === ready.ds);
        return ready;
      },
      wait,
    );
    writeFileSync(file, parentZone(next.ds ?? ""));
    await router.reload?.();
    made(confirmDs(order, next.tag, Date.now()));
  }
}

function parentZone(ds: string): string {
  return `$ORIGIN test.
$TTL 2
@ SOA ns1 hostmaster ${Math.floor(Date.now() / 1_000)} 60 60 3600 2
  NS ns1
ns1 A 127.0.0.1
www A 192.0.2.80
kingcdn NS ns1.kingcdn
ns1.kingcdn A 127.0.0.1
${ds.replace(" IN ", " ")}
`;
}

function entryKeys({ keys }: ZoneKeysReport) {
  return keys.filter(({ ds }) => ds !== null);
}

/** The data of a client subnet option (RFC 7871 section 6) for a /24. */
function ecs(subnet: string): string {
  const octets = subnet.replace(/\/24$/, "").split(".").slice(0, 3).map(Number);
  return Buffer.from([0, 1, 24, 0, ...octets]).toString("hex");
}

function made<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.error));
  return result.value;
}
