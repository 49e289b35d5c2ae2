import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { zoneSchema } from "../../../common/config/zones.ts";
import { relayedTotal } from "../../../common/metrics-relay.ts";
import { generateKeys } from "../../../router-dns/data/zone-keys.ts";
import type { RouterOptions } from "../../../router-dns/server.ts";
import { findTsig, signMessage, type TsigKey } from "../../../router-dns/transfer/tsig.ts";
import { FLAG, OPCODE_NOTIFY, RCODE } from "../../../router-dns/wire/codes.ts";
import type { FromWorker } from "../../../router-dns/workers/messages.ts";
import { eventually } from "../../support/eventually.ts";
import type { Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { UDP_LAYERS } from "../../support/udp-layers.ts";
import { nameOf, queryBytes } from "../dns-world.ts";
import { POLICY } from "../sign/world.ts";
import { fivePops, serviceConfig, startFiveEdges, startTestRouter } from "../support.ts";
import { askTcp } from "../wire-client.ts";
import { ASKED_ONCE, askFromManyPorts, metricsOf, PORTS, sumOf, threadsOf } from "./support.ts";

const WORKERS = 3;
const ZONE = `$ORIGIN shop.test.
$TTL 300
@ IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.1
@ IN MX 10 mail.shop.test.
mail IN A 192.0.2.25
www IN CNAME netcinema.kingcdn.test.
*.wild IN TXT "anything"
a.b.empty IN A 192.0.2.9
sub IN NS ns.sub
ns.sub IN A 192.0.2.53
`;

/** Every kind of answer, and a client subnet that is steered elsewhere. */
const QUESTIONS = [
  { name: "netcinema.kingcdn.test." },
  { name: "netcinema.kingcdn.test.", options: [[8, "00 01 18 00 c0 00 02"]], udpBytes: 1232 },
  { name: "kingcdn.test.", type: "SOA" },
  { name: "nobody.kingcdn.test." },
  { name: "shop.test.", type: "MX" },
  { name: "www.shop.test." },
  { name: "x.wild.shop.test.", type: "TXT" },
  { name: "b.empty.shop.test." },
  { name: "host.sub.shop.test." },
  { name: "elsewhere.test." },
] as const;

async function start(
  scope: Scope,
  udp: "native" | "dgram",
  more: Partial<RouterOptions> = {},
  service: object = {},
) {
  const file = join(tempDir(scope), "shop.test.zone");
  writeFileSync(file, ZONE);
  return startTestRouter(scope, {
    pops: fivePops({}),
    probe: { kind: "none" },
    zoneFiles: [file],
    workers: WORKERS,
    ...more,
    service: serviceConfig({ ...service, udp }),
  });
}

for (const { layer, skip } of UDP_LAYERS) {
  describe(`three workers over ${layer}`, { skip }, () => {
    it("every worker answers what a router of one thread answers", async (t) => {
      const threads = threadsOf(t);
      const alone = await start(t, layer, { workers: 1 });
      const before = threads.length;
      const { dns, admin } = await start(t, layer);
      const counted = new Map<number, number>();
      const own = threads.slice(before).filter(({ threadId }) => threadId > 0);
      for (const [index, thread] of own.entries()) {
        thread.on("message", (message: FromWorker) => {
          if (message.kind !== "counts") return;
          const sum = relayedTotal(message.counts, "dns_queries_total");
          counted.set(index, (counted.get(index) ?? 0) + sum);
        });
      }
      for (const question of QUESTIONS) {
        const packet = queryBytes(question);
        const [expected] = await askTcp(alone.dns, [packet]);
        assert.ok(expected);
        const hex = expected.subarray(2).toString("hex");
        for (const answer of await askFromManyPorts(dns, packet)) {
          assert.equal(answer?.subarray(2).toString("hex"), hex, question.name);
        }
      }
      const metrics = await metricsOf(admin);
      const total = sumOf(metrics, "dns_queries_total", 'transport="udp"');
      assert.ok(total >= PORTS * QUESTIONS.length, `${total} counted`);
      assert.equal(sumOf(metrics, "dns_workers "), WORKERS);
      const busy = [...counted.values()].filter((count) => count > 0);
      assert.equal(busy.length, WORKERS - 1, `queries of workers: ${[...counted.values()].join()}`);
      const ofWorkers = busy.reduce((sum, count) => sum + count, 0);
      assert.ok(ofWorkers < total, "the main thread answers too");
    });

    it("a worker that dies is replaced, and nobody waits for it", async (t) => {
      const threads = threadsOf(t);
      const { dns, admin } = await start(t, layer);
      const victim = threads.at(-1);
      assert.ok(victim);
      const gone = once(victim, "exit");
      await victim.terminate();
      await gone;
      const packet = queryBytes({ name: "netcinema.kingcdn.test." });
      for (const answer of await askFromManyPorts(dns, packet)) assert.ok(answer);
      await eventually("all answer again", async () => {
        const metrics = await metricsOf(admin);
        assert.equal(sumOf(metrics, "dns_workers "), WORKERS);
        assert.equal(sumOf(metrics, "dns_worker_ends_total", 'reason="died"'), 1);
        const ready = await fetch(`http://127.0.0.1:${admin.port}/readyz`);
        assert.equal(ready.status, 200);
      });
      for (const answer of await askFromManyPorts(dns, packet)) assert.ok(answer);
    });

    it("what health takes out, no worker answers any more", async (t) => {
      const edges = await startFiveEdges(t);
      const { dns, admin } = await start(t, layer, {
        pops: fivePops(edges),
        probe: { kind: "http", path: "/healthz", expect: [200] },
        health: { interval: 100, timeout: 1_000, rise: 2, fall: 2 },
      });
      const packet = queryBytes({ name: "netcinema.kingcdn.test." });
      const [first] = await askFromManyPorts(dns, packet);
      const named = [...(first?.subarray(-4) ?? [])].join(".");
      const [pop, edge] = Object.entries(edges).find(([, { host }]) => host === named) ?? [];
      assert.ok(edge, `${named} is an edge`);
      await edge.kill();
      await eventually("the router sees it", async () => {
        const health = sumOf(await metricsOf(admin), "dns_edge_health", `edge="${pop}-1"`);
        assert.equal(health, 0);
      });
      await eventually("no worker names it", async () => {
        for (const answer of await askFromManyPorts(dns, packet)) {
          assert.notEqual([...(answer?.subarray(-4) ?? [])].join("."), named);
        }
      });
    });

    it("signs at every worker", async (t) => {
      const folder = join(tempDir(t), "keys");
      const zone = "kingcdn.test";
      const made = generateKeys({ folder, zone, policy: POLICY }, "ecdsap256sha256", Date.now());
      assert.ok(made.ok);
      const { dns } = await start(t, layer, {
        dnssec: { folder, rollsOver: true, zones: [{ name: zone, policy: POLICY }] },
      });
      const packet = queryBytes({
        name: "netcinema.kingcdn.test.",
        udpBytes: 1232,
        isDnssecOk: true,
      });
      for (const answer of await askFromManyPorts(dns, packet)) {
        assert.ok(answer?.includes(Buffer.from([0, 46, 0, 1])), "an RRSIG record is in it");
      }
    });
  });
}

it("a forged network gets no more from three workers than from one", async (t) => {
  const answersPerSecond = 20;
  const rateLimit = { exempt: [], slip: 0, answersPerSecond, extraBytesPerSecond: "1GiB" };
  const { dns, admin } = await start(t, "dgram", {}, { rateLimit });
  const packet = queryBytes({ name: "mail.shop.test." });
  const started = performance.now();
  const waves = Array.from({ length: 4 }, () => askFromManyPorts(dns, packet, ASKED_ONCE));
  await Promise.all(waves);
  const metrics = await metricsOf(admin);
  const seconds = (performance.now() - started) / 1_000;
  const passed = sumOf(metrics, "dns_rrl_total", 'action="pass"');
  const dropped = sumOf(metrics, "dns_rrl_total", 'action="drop"');
  assert.ok(dropped > 0, "more was asked for than is allowed");
  // One second's worth at once, and then the rate.
  const allowed = answersPerSecond * (1 + seconds) + 1;
  assert.ok(passed <= allowed, `${passed} passed in ${seconds} s`);
});

it("every worker has notices and signed questions answered", async (t) => {
  const secret = Buffer.from("a secret of 32 octets, or nearly");
  const key: TsigKey = { name: nameOf("replica."), algorithm: "hmac-sha256", secret };
  const tsig = [
    { name: "replica", algorithm: "hmac-sha256" as const, secret: secret.toString("base64") },
  ];
  const file = join(tempDir(t), "other.test.zone");
  const primaries = ["127.0.0.1:9"];
  const zone = zoneSchema.parse({ name: "other.test", file, primaries });
  const { dns, admin } = await start(t, "dgram", { transfers: { tsig, zones: [zone] } });
  const notice = queryBytes({ name: "other.test.", type: "SOA" });
  notice.writeUInt16BE(OPCODE_NOTIFY << 11, 2);
  for (const answer of await askFromManyPorts(dns, notice)) {
    assert.equal(answer?.readUInt16BE(2), FLAG.QR | (OPCODE_NOTIFY << 11) | FLAG.AA);
  }
  const now = Math.floor(Date.now() / 1_000);
  const question = queryBytes({ name: "shop.test.", type: "SOA" }, 0);
  const signed = signMessage(question, { key, now });
  for (const answer of await askFromManyPorts(dns, signed.message)) {
    assert.equal(answer && findTsig(answer) !== undefined, true);
    assert.equal((answer?.readUInt16BE(2) ?? 0xf) & 0xf, RCODE.NOERROR);
  }
  const metrics = await metricsOf(admin);
  assert.ok(sumOf(metrics, "dns_queries_total", 'transport="udp"') >= 2 * PORTS);
});
