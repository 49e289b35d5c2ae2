import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import { parsePrefix, prefixContains } from "../../common/ip.ts";
import { type Logger, silentLogger } from "../../common/log.ts";
import { RouterFilesError } from "../../router-dns/data/files.ts";
import { openEmbeddedState } from "../../state/embedded.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { isPortFree } from "../support/free-port.ts";
import { tempDir } from "../support/temp-dir.ts";
import { writeMmdb } from "./geo/mmdb-writer.ts";
import { edgeConfig, fivePops, siteConfig, startFiveEdges, startTestRouter } from "./support.ts";

const SYDNEY = "129.94.0.0/24";
const NO_PROBE = { kind: "none" } as const;
/** The budget of a failover at default settings. */
const FAILOVER = { withinMs: 3_000, everyMs: 50 };

async function ask(dns: SocketAddress, subnet: string | undefined, options: string[] = []) {
  const name = "netcinema.kingcdn.test";
  return dig({
    server: dns.host,
    port: dns.port,
    name,
    options,
    ...(subnet === undefined ? {} : { subnet }),
  });
}

async function addresses(dns: SocketAddress, subnet: string): Promise<string[]> {
  return answerData(await ask(dns, subnet), "A");
}

describe("five PoPs and the bundled database", () => {
  test("each client is answered with the closest edge, over UDP and TCP", async (t) => {
    const edges = await startFiveEdges(t);
    const { dns } = await startTestRouter(t, { pops: fivePops(edges) });
    const expected = {
      [SYDNEY]: "syd",
      "5.9.0.0/24": "fra",
      "3.208.0.0/24": "iad",
      "133.11.0.0/24": "nrt",
      "200.147.3.0/24": "gru",
      "2001:388::/48": "syd",
      "2a01:4f8::/48": "fra",
      "2804:14c::/48": "gru",
    };
    for (const [subnet, pop] of Object.entries(expected)) {
      for (const options of [[], ["+tcp"]]) {
        const answer = await ask(dns, subnet, options);
        assert.deepEqual(answerData(answer, "A"), [edges[pop]?.host], subnet);
        assert.equal(answer.answer[0]?.ttl, 20);
        assert.ok(answer.flags.includes("aa"));
      }
    }
  });

  test("RFC 7871 7.2.1: the scope is the map's prefix, and all of it has that answer", async (t) => {
    const edges = await startFiveEdges(t);
    const { dns } = await startTestRouter(t, { pops: fivePops(edges) });
    const answer = await ask(dns, SYDNEY);
    const scope = answer.subnet?.scope ?? 0;
    assert.equal(answer.subnet?.prefix, SYDNEY);
    assert.ok(scope > 0 && scope < 24, `a whole university has one answer, not /${scope}`);
    const inside = parsePrefix("129.94.0.0/16");
    assert.ok(inside.ok);
    const last = Uint8Array.of(129, 94, 255 >>> Math.max(0, scope - 16), 0);
    assert.ok(prefixContains(inside.value, last));
    assert.deepEqual(await addresses(dns, `${last.join(".")}/24`), answerData(answer, "A"));
  });

  test("RFC 7871 7.1.2: an empty client subnet gives the resolver's answer and scope 0", async (t) => {
    const edges = await startFiveEdges(t);
    const { dns } = await startTestRouter(t, { pops: fivePops(edges) });
    const answer = await ask(dns, "0.0.0.0/0");
    assert.equal(answer.subnet?.scope, 0);
    assert.equal(answerData(answer, "A").length, 1);
  });

  test("RFC 7871 7.2.1: a site that ignores subnets goes by the resolver, with scope 0", async (t) => {
    const edges = await startFiveEdges(t);
    const coverageFile = join(tempDir(t), "coverage.yaml");
    writeFileSync(coverageFile, "127.0.0.1/32: nrt\n127.0.0.2/32: gru\n");
    const { dns, admin } = await startTestRouter(t, {
      pops: fivePops(edges),
      coverageFile,
      sites: [{ ...siteConfig("netcinema"), ecs: false }, siteConfig("other")],
    });
    const server = { server: dns.host, port: dns.port, subnet: "5.9.0.0/24" };
    // The fast lane knows a question from its third time on.
    for (let round = 0; round < 4; round += 1) {
      for (const [resolver, pop] of [
        ["127.0.0.1", "nrt"],
        ["127.0.0.2", "gru"],
      ] as const) {
        const options = ["-b", resolver];
        const blind = await dig({ ...server, name: "netcinema.kingcdn.test", options });
        assert.deepEqual(answerData(blind, "A"), [edges[pop]?.host], `${resolver}, ${round}`);
        assert.deepEqual(blind.subnet, { prefix: server.subnet, scope: 0 });
        const other = await dig({ ...server, name: "other.kingcdn.test", options });
        assert.deepEqual(answerData(other, "A"), [edges["fra"]?.host]);
        assert.ok((other.subnet?.scope ?? 0) > 0);
      }
    }
    const explain = async (name: string, client: string) => {
      const url = `http://${admin.host}:${admin.port}/explain?name=${name}&client=${client}`;
      return (await (await fetch(url)).json()) as {
        query: { takenFor: string };
        decision: { chosen: { pop: string } };
        message: { edns: { clientSubnet: { scopePrefixLength: number } } };
      };
    };
    const told = await explain("netcinema.kingcdn.test", "127.0.0.2");
    assert.match(told.query.takenFor, /^resolver/);
    assert.equal(told.decision.chosen.pop, "gru");
    assert.equal(told.message.edns.clientSubnet.scopePrefixLength, 0);
    const usual = await explain("other.kingcdn.test", "5.9.0.0/24");
    assert.equal(usual.query.takenFor, "client subnet (ECS)");
  });

  test("without EDNS there is an answer for the resolver and no OPT record", async (t) => {
    const edges = await startFiveEdges(t);
    const { dns } = await startTestRouter(t, { pops: fivePops(edges) });
    const answer = await ask(dns, undefined, ["+noedns"]);
    assert.deepEqual(answerData(answer, "A"), [edges["syd"]?.host], "first of the fallback order");
    assert.ok(!answer.text.includes("OPT PSEUDOSECTION"));
  });

  test("edges have names of their own, which is what probes ask for", async (t) => {
    const edges = await startFiveEdges(t);
    const { dns } = await startTestRouter(t, { pops: fivePops(edges) });
    assert.deepEqual([...(edges["fra"]?.hostsSeen ?? [])], ["fra-1.edge.kingcdn.test"]);
    const name = "fra-1.edge.kingcdn.test";
    const answer = await dig({ server: dns.host, port: dns.port, name });
    assert.deepEqual(answerData(answer, "A"), [edges["fra"]?.host]);
  });
});

describe("health", () => {
  test("a killed edge is out of the answers in 3 s, and back after it recovers", async (t) => {
    const edges = await startFiveEdges(t);
    const { dns, admin } = await startTestRouter(t, { pops: fivePops(edges) });
    const sydney = edges["syd"];
    assert.ok(sydney !== undefined);
    const expectAnswer = (host: string | undefined) => async () =>
      assert.deepEqual(await addresses(dns, SYDNEY), [host]);
    await expectAnswer(sydney.host)();
    await sydney.kill();
    await eventually("Tokyo answers for Sydney", expectAnswer(edges["nrt"]?.host), FAILOVER);
    await sydney.start();
    await eventually("Sydney is back", expectAnswer(sydney.host), FAILOVER);
    const metrics = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
    assert.match(
      metrics,
      /meridian_dns_steered_total\{site="netcinema",pop="nrt",reason="failover"\} \d/,
    );
    assert.match(
      metrics,
      /meridian_dns_steered_total\{site="netcinema",pop="syd",reason="closest"\} \d/,
    );
    assert.match(metrics, /meridian_dns_edge_health\{edge="syd-1"\} 1/);
    assert.match(
      metrics,
      /meridian_dns_queries_total\{transport="udp",type="A",rcode="NOERROR"\} \d/,
    );
    assert.match(metrics, /meridian_dns_map_prefixes\{family="4"\} \d{4}/);
  });

  // That this takes less than 3 s is in health/monitor.test.ts, on a clock that no load slows down.
  test("an edge that accepts and says nothing any more is out of the answers", async (t) => {
    const edges = await startFiveEdges(t);
    const { dns } = await startTestRouter(t, { pops: fivePops(edges) });
    const sydney = edges["syd"];
    assert.ok(sydney !== undefined);
    sydney.isStuck = true;
    const check = async () => assert.deepEqual(await addresses(dns, SYDNEY), [edges["nrt"]?.host]);
    await eventually("Tokyo answers for Sydney", check);
  });

  test("with nothing up the site says whether everything or nothing is answered", async (t) => {
    const edges = await startFiveEdges(t);
    const pops = fivePops(edges);
    for (const edge of Object.values(edges)) await edge.kill();
    const backup = { backup: "elsewhere.example" };
    const sites = [
      siteConfig("netcinema"),
      siteConfig("shy", "empty"),
      siteConfig("keen", "last-good"),
      siteConfig("prudent", backup),
    ];
    const { dns } = await startTestRouter(t, { pops, sites });
    const all = await addresses(dns, SYDNEY);
    assert.equal(all.length, 4, "as many as may be answered");
    assert.equal(all[0], edges["syd"]?.host, "the closest first");
    const shy = await dig({ server: dns.host, port: dns.port, name: "shy.kingcdn.test" });
    assert.equal(shy.status, "NOERROR");
    assert.equal(shy.answer.length, 0);
    assert.equal(shy.authority[0]?.type, "SOA");
    const server = { server: dns.host, port: dns.port };
    const keen = await dig({ ...server, name: "keen.kingcdn.test", subnet: SYDNEY });
    assert.equal(answerData(keen, "A")[0], edges["syd"]?.host, "all went down together");
    for (const type of ["A", "AAAA"]) {
      const prudent = await dig({ ...server, name: "prudent.kingcdn.test", type });
      const [record, ...others] = prudent.answer;
      assert.deepEqual([record?.type, record?.data], ["CNAME", "elsewhere.example."]);
      assert.deepEqual([record?.ttl, others.length, prudent.status], [20, 0, "NOERROR"]);
    }
    const text = await dig({ ...server, name: "prudent.kingcdn.test", type: "TXT" });
    assert.deepEqual([text.answer.length, text.authority[0]?.type], [0, "SOA"]);
  });
});

describe("state", () => {
  test("a drained edge is never answered, and sites come and go with the state", async (t) => {
    const state = openEmbeddedState({ file: ":memory:" });
    t.after(() => state.close());
    const pops = fivePops({});
    for (const [index, pop] of pops.entries()) {
      pop.edges = [edgeConfig(`${pop.name}-1`, `127.0.20.${index + 1}`)];
    }
    const { dns } = await startTestRouter(t, { pops, probe: NO_PROBE, state });
    await state.append({ kind: "site-put", site: siteConfig("netcinema") }, "config");
    const soa = async () => {
      const answer = await dig({
        server: dns.host,
        port: dns.port,
        name: "kingcdn.test",
        type: "SOA",
      });
      return Number(answerData(answer, "SOA")[0]?.split(" ")[2]);
    };
    const serial = await soa();

    await state.append({ kind: "drain", edge: "syd-1" }, "test");
    await eventually("Sydney is drained", async () => {
      assert.deepEqual(await addresses(dns, SYDNEY), ["127.0.20.4"]);
    });
    await state.append({ kind: "undrain", edge: "syd-1" }, "test");
    await eventually("Sydney is back", async () => {
      assert.deepEqual(await addresses(dns, SYDNEY), ["127.0.20.1"]);
    });

    await state.append({ kind: "site-put", site: siteConfig("newsite") }, "test");
    const name = "newsite.kingcdn.test";
    await eventually("the new site is steered", async () => {
      const answer = await dig({ server: dns.host, port: dns.port, name });
      assert.equal(answerData(answer, "A").length, 1);
    });
    assert.ok((await soa()) > serial);

    await eventually("the router reports", async () => {
      const [report] = await state.reports();
      assert.equal(report?.router, "router");
      assert.equal(report?.edges.length, 5);
      assert.equal(report?.version, 4);
    });
  });

  test("round trips that are told change answers, until they are told no more", async (t) => {
    const state = openEmbeddedState({ file: ":memory:" });
    t.after(() => state.close());
    const { dns, router } = await startTestRouter(t, {
      pops: fivePops({}).map((pop, i) => {
        return { ...pop, edges: [edgeConfig(`${pop.name}-1`, `127.0.20.${i + 1}`)] };
      }),
      probe: NO_PROBE,
      state,
    });
    const isAt = (address: string, version: number) =>
      eventually(`${address} is answered`, async () => {
        assert.deepEqual(await addresses(dns, SYDNEY), [address]);
        assert.equal((await state.reports())[0]?.roundTrips, version);
      });
    assert.deepEqual(await addresses(dns, SYDNEY), ["127.0.20.1"]);
    // A PoP that is gone since does not make the rest worthless.
    const text = "129.94.0.0/24,syd,250\n129.94.0.0/24,gone,1\n129.94.0.0/24,nrt,20\n";
    await state.putRoundTrips({ at: 1, by: "test", prefixes: 1, ways: 2, text });
    await isAt("127.0.20.4", 1);
    assert.deepEqual(await addresses(dns, "129.94.1.0/24"), ["127.0.20.1"]);
    // Another build keeps them.
    await router.reload?.();
    assert.deepEqual(await addresses(dns, SYDNEY), ["127.0.20.4"]);
    await state.putRoundTrips({ at: 2, by: "test", prefixes: 0, ways: 0, text: "" });
    await isAt("127.0.20.1", 2);
  });

  test("what edges have measured changes answers if it is asked for, and if it is enough", async (t) => {
    const state = openEmbeddedState({ file: ":memory:" });
    t.after(() => state.close());
    const measure = (pop: string, ms: number, samples: number) => {
      const prefixes = ["129.94.0.0/24", "129.94.1.0/24"].map((prefix, n) => ({
        prefix,
        ms,
        samples: n === 0 ? 20 : samples,
      }));
      return state.measured({ edge: `${pop}-1`, pop, at: 1, prefixes }, 60_000);
    };
    await measure("syd", 250, 20);
    await measure("nrt", 20, 7);
    const start = async (latencyFromEdges: boolean) => {
      const pops = fivePops({}).map((pop, i) => {
        return { ...pop, edges: [edgeConfig(`${pop.name}-1`, `127.0.20.${i + 1}`)] };
      });
      const options = { pops, probe: NO_PROBE, state, name: `r${latencyFromEdges}` };
      return startTestRouter(t, { ...options, latencyFromEdges });
    };
    const [with_, without] = [await start(true), await start(false)];
    await eventually("it counts", async () => {
      assert.deepEqual(await addresses(with_.dns, SYDNEY), ["127.0.20.4"]);
    });
    assert.deepEqual(await addresses(with_.dns, "129.94.1.0/24"), ["127.0.20.1"]);
    assert.deepEqual(await addresses(without.dns, SYDNEY), ["127.0.20.1"]);
    // What operators have told counts before it.
    const text = "129.94.0.0/24,nrt,255\n";
    await state.putRoundTrips({ at: 1, by: "test", prefixes: 1, ways: 1, text });
    await eventually("what was told counts", async () => {
      assert.equal((await state.reports()).find(({ router }) => router === "rtrue")?.roundTrips, 1);
    });
    // Within the margin of 10 ms: who is first stays first.
    assert.deepEqual(await addresses(with_.dns, SYDNEY), ["127.0.20.4"]);
  });

  test("when every edge is drained nothing is answered", async (t) => {
    const state = openEmbeddedState({ file: ":memory:" });
    t.after(() => state.close());
    const pops = fivePops({}).slice(0, 1);
    const { dns } = await startTestRouter(t, { pops, probe: NO_PROBE, state });
    await state.append({ kind: "drain", edge: "syd-1" }, "test");
    await eventually("nothing is left", async () => {
      const answer = await ask(dns, SYDNEY);
      assert.equal(answer.status, "NOERROR");
      assert.equal(answer.answer.length, 0);
    });
  });
});

const GOOD_ZONE = `$ORIGIN netcinema.test.
$TTL 300
@ IN SOA ns1.netcinema.test. hostmaster.netcinema.test. 1 7200 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.1
video IN CNAME netcinema.kingcdn.test.
`;

describe("files", () => {
  test("a broken zone or coverage file keeps the last good one, a good one replaces it", async (t) => {
    const dir = tempDir(t);
    const zone = join(dir, "netcinema.test.zone");
    const coverageFile = join(dir, "coverage.yaml");
    writeFileSync(zone, GOOD_ZONE);
    writeFileSync(coverageFile, "10.0.0.0/8: gru\n");
    const { dns, router } = await startTestRouter(t, {
      pops: fivePops(await startFiveEdges(t)),
      zoneFiles: [zone],
      coverageFile,
    });
    const server = { server: dns.host, port: dns.port };
    const video = () => dig({ ...server, name: "video.netcinema.test", subnet: SYDNEY });
    const first = await video();
    assert.deepEqual(answerData(first, "CNAME"), ["netcinema.kingcdn.test."]);
    assert.deepEqual(answerData(first, "A"), ["127.0.20.1"]);
    assert.deepEqual(await addresses(dns, "10.1.2.0/24"), ["127.0.20.5"]);

    writeFileSync(zone, `${GOOD_ZONE}broken IN A 1.2.3\n`);
    writeFileSync(coverageFile, "10.0.0.0/8: nowhere\n");
    await router.reload?.();
    assert.deepEqual(answerData(await video(), "A"), ["127.0.20.1"]);
    assert.deepEqual(await addresses(dns, "10.1.2.0/24"), ["127.0.20.5"]);

    writeFileSync(zone, `${GOOD_ZONE}extra IN A 192.0.2.7\n`);
    writeFileSync(coverageFile, "10.0.0.0/8: nrt\n");
    await router.reload?.();
    const extra = await dig({ ...server, name: "extra.netcinema.test" });
    assert.deepEqual(answerData(extra, "A"), ["192.0.2.7"]);
    assert.deepEqual(await addresses(dns, "10.1.2.0/24"), ["127.0.20.4"]);
  });

  test("signals that come while files are read cause one more reading, which sees all", async (t) => {
    const zone = join(tempDir(t), "netcinema.test.zone");
    writeFileSync(zone, GOOD_ZONE);
    let reloads = 0;
    const info = (facts: { readonly event: string }) => {
      if (facts.event === "reloaded") reloads += 1;
    };
    const log: Logger = Object.assign(Object.create(silentLogger) as Logger, { info });
    const options = { pops: fivePops({}), zoneFiles: [zone], probe: NO_PROBE, log };
    const { router, dns } = await startTestRouter(t, options);
    const first = router.reload?.();
    await new Promise(setImmediate);
    writeFileSync(zone, GOOD_ZONE.replace("192.0.2.1", "192.0.2.9"));
    await Promise.all([first, ...Array.from({ length: 50 }, () => router.reload?.())]);
    assert.equal(reloads, 2);
    const name = "ns1.netcinema.test";
    const answer = await dig({ server: dns.host, port: dns.port, name });
    assert.deepEqual(answerData(answer, "A"), ["192.0.2.9"]);
  });

  test("at the start all problems are said at once, each with its place", async (t) => {
    const dir = tempDir(t);
    const zone = join(dir, "bad.zone");
    const coverageFile = join(dir, "coverage.yaml");
    writeFileSync(zone, `${GOOD_ZONE}broken IN A 1.2.3\n`);
    writeFileSync(coverageFile, "10.0.0.0/8: nowhere\n");
    const start = startTestRouter(t, { pops: fivePops({}), zoneFiles: [zone], coverageFile });
    await assert.rejects(start, (error) => {
      assert.ok(error instanceof RouterFilesError);
      assert.match(error.message, /bad\.zone:7:\d+: /);
      assert.match(error.message, /coverage\.yaml:1:13: no PoP is called "nowhere"/);
      return true;
    });
  });

  test("a broken database is the bundled one at the start, and later the last good one", async (t) => {
    const city = join(tempDir(t), "city.mmdb");
    const pops = fivePops({});
    writeFileSync(city, "half of a database");
    const { dns, router } = await startTestRouter(t, { pops, geo: { city }, probe: NO_PROBE });
    const pop = async () => {
      const answer = await ask(dns, "1.1.1.0/24");
      return [answer.answer[0]?.data, answer.subnet?.scope];
    };
    const [bundled] = await pop();
    const prefix = parsePrefix("1.1.1.0/25");
    assert.ok(prefix.ok);
    const record = { country: { iso_code: "AU" }, location: { latitude: 52.5, longitude: 13.5 } };
    const entries = [{ prefix: prefix.value, record }];
    writeFileSync(city, writeMmdb({ ipVersion: 4, type: "GeoIP2-City", entries }));
    await router.reload?.();
    const [good, scope] = await pop();
    assert.equal(scope, 25);
    writeFileSync(city, "half of a database");
    await router.reload?.();
    assert.deepEqual(await pop(), [good, 25]);
    assert.equal(bundled, good, "all PoPs have one address here: only the scope tells");
  });
});

test("quick mode: every name below the zone is steered, and probes ask for the address", async (t) => {
  const edges = await startFiveEdges(t);
  const pops = fivePops(edges);
  const { dns } = await startTestRouter(t, { pops, sites: [], anyName: true });
  for (const name of ["www.kingcdn.test", "a.b.c.kingcdn.test"]) {
    const answer = await dig({ server: dns.host, port: dns.port, name, subnet: "5.9.0.0/24" });
    assert.deepEqual(answerData(answer, "A"), [edges["fra"]?.host]);
  }
  const seen = [...(edges["fra"]?.hostsSeen ?? [])];
  assert.deepEqual(seen, [`${edges["fra"]?.host}:${edges["fra"]?.port}`]);
});

test("a stopped router frees its ports, and stopping twice is stopping once", async (t) => {
  const { router, dns, admin } = await startTestRouter(t, { pops: fivePops({}), probe: NO_PROBE });
  const stopped = router.stop(1_000);
  assert.equal(router.stop(0), stopped);
  await stopped;
  assert.ok(await isPortFree(dns.host, dns.port));
  assert.ok(await isPortFree(admin.host, admin.port));
});

test("explain shows the decision that the query gets", async (t) => {
  const edges = await startFiveEdges(t);
  const pops = fivePops(edges);
  await edges["syd"]?.kill();
  const { admin } = await startTestRouter(t, { pops });
  const explain = async (query: string) => {
    const response = await fetch(`http://127.0.0.1:${admin.port}/explain?${query}`);
    return { status: response.status, body: (await response.json()) as Explanation };
  };
  const { body } = await explain("name=netcinema.kingcdn.test&client=129.94.8.1");
  assert.equal(body.site, "netcinema");
  assert.deepEqual(
    body.answer.records.map(({ data }) => data),
    ["127.0.20.4"],
  );
  assert.equal(body.answer.ttlSeconds, 20);
  assert.equal(body.decision.location.country, "AU");
  assert.equal(body.decision.map.reason, "closest");
  assert.deepEqual(body.decision.chosen, { pop: "nrt", reason: "failover" });
  const [first, second] = body.decision.ranking;
  assert.equal(first?.pop, "syd");
  assert.ok((first?.km ?? 1e9) < 50);
  assert.match(first?.note ?? "", /^skipped/);
  assert.equal(first?.edges[0]?.health, "down");
  assert.equal(first?.edges[0]?.detail, "connection refused");
  assert.equal(second?.pop, "nrt");
  assert.equal(second?.edges[0]?.answered, true);

  const { message } = body;
  assert.deepEqual(message.flags, ["qr", "aa"]);
  assert.equal(message.zone, "kingcdn.test.");
  assert.deepEqual(message.edns.clientSubnet.source, "129.94.8.1/32");
  const [record] = message.answer;
  assert.deepEqual([record?.type, record?.data], ["A", "127.0.20.4"]);
  assert.equal(record?.why.text, "site netcinema: nrt, because: failover");
  const text = await explain("name=netcinema.kingcdn.test&client=129.94.8.1&type=txt&dnssec=1");
  assert.deepEqual([text.body.message.answer, text.body.message.edns.dnssecOk], [[], true]);
  assert.match(
    text.body.message.authority[0]?.why.text ?? "",
    /^nothing of this type for this client; the name has A, AAAA;/,
  );
  for (const type of ["ALIAS", "TYPE0", "TYPE65536", "constructor", ""]) {
    const wrong = await explain(`name=netcinema.kingcdn.test&client=129.94.8.1&type=${type}`);
    assert.equal(wrong.status, 400, type);
  }

  assert.equal((await explain("name=netcinema.kingcdn.test&client=nobody")).status, 400);
  assert.equal((await explain("client=129.94.8.1")).status, 400);
  const outside = await explain("name=www.example.test&client=129.94.8.1");
  assert.equal(outside.body.answer.rcode, "REFUSED");
});

interface ExplainedRecord {
  readonly type: string;
  readonly data: string;
  readonly why: { readonly text: string };
}

interface Explanation {
  readonly site: string | null;
  readonly message: {
    readonly flags: readonly string[];
    readonly zone: string;
    readonly edns: {
      readonly dnssecOk: boolean;
      readonly clientSubnet: { readonly source: string };
    };
    readonly answer: readonly ExplainedRecord[];
    readonly authority: readonly ExplainedRecord[];
  };
  readonly answer: {
    readonly rcode: string;
    readonly ttlSeconds: number;
    readonly records: readonly { readonly data: string }[];
  };
  readonly decision: {
    readonly location: { readonly country: string };
    readonly map: { readonly reason: string };
    readonly chosen: { readonly pop: string; readonly reason: string };
    readonly ranking: readonly {
      readonly pop: string;
      readonly km: number;
      readonly note: string;
      readonly edges: readonly {
        readonly health: string;
        readonly detail: string;
        readonly answered: boolean;
      }[];
    }[];
  };
}
