import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { PurgeBody, SitePutBody, StatusBody } from "../../control/api/shapes.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { fetchAt } from "../support/http.ts";
import { runMeridian, runProcess } from "../support/process.ts";
import { startDemo } from "./demo-run.ts";

const READY_MS_MAX = 10_000;
const FAILOVER_MS_MAX = 3_000;
const SYDNEY = "129.94.0.0/24";

const demo = await startDemo({ after });

describe("meridian demo, on ports of its own", () => {
  const addresses = async (name: string, subnet: string): Promise<string[]> =>
    answerData(await dig({ server: demo.dns.host, port: demo.dns.port, name, subnet }), "A");
  const get = (address: string, path: string, host = "video.netcinema.test") =>
    fetchAt(`http://${host}${path}`, { at: { host: address, port: demo.edgePort } });

  it("is ready in time, and says so to programs and to people", async () => {
    assert.ok(demo.readyMs < READY_MS_MAX, `${demo.readyMs} ms`);
    assert.equal(demo.ready["name"], "demo");
    await demo.child.waitForLine("stdout", (line) => (/Ctrl-C/.test(line) ? line : undefined));
    const screen = demo.child.stdout.join("\n");
    assert.match(screen, new RegExp(`dig @127\\.0\\.0\\.1 -p ${demo.dns.port}`));
    assert.ok(screen.includes(`${demo.api}/`));
    assert.equal(demo.child.stderr.filter((line) => line.includes('"event":"ready"')).length, 1);
  });

  for (const [subnet, edge] of [
    [SYDNEY, "127.0.10.1"],
    ["5.9.0.0/24", "127.0.10.2"],
    ["3.208.0.0/24", "127.0.10.3"],
    ["133.11.0.0/24", "127.0.10.4"],
    ["200.144.0.0/24", "127.0.10.5"],
  ] as const) {
    it(`names the edge next to ${subnet}`, async () => {
      assert.equal((await addresses("netcinema.kingcdn.test", subnet))[0], edge);
      assert.equal((await addresses("video.netcinema.test", subnet))[0], edge);
    });
  }

  it("serves the origin's bytes, first as a miss, then as a hit; purged, as a miss", async () => {
    const path = "/poster.svg";
    const origin = await fetchAt(`http://video.netcinema.test${path}`, { at: demo.origin });
    const first = await get("127.0.10.1", path);
    const second = await get("127.0.10.1", path);
    assert.match(first.field("cache-status") ?? "", /^syd-1; fwd=uri-miss/);
    assert.match(second.field("cache-status") ?? "", /^syd-1; hit/);
    assert.deepEqual([first.body, second.body], [origin.body, origin.body]);

    const url = `http://video.netcinema.test${path}`;
    const purge = await demo.meridian("purge", url, "--wait", "--json");
    assert.equal(purge.code, 0, purge.stderr);
    const body = JSON.parse(purge.stdout) as PurgeBody;
    assert.equal(body.acknowledged.length, 5);
    assert.deepEqual(body.pending, []);
    const third = await get("127.0.10.1", path);
    assert.match(third.field("cache-status") ?? "", /fwd=/);
    assert.deepEqual(third.body, origin.body);
    const text = await demo.meridian("purge", "--site", "netcinema", "--all", "--wait");
    assert.match(text.stdout, /syd-1 +done in \d+ ms/);
  });

  it("hosts a new site from the moment it is added until it is removed", async () => {
    const url = `http://127.0.0.1:${demo.origin.port}`;
    const site = ["--origin", url, "--host", "www.shop.test"];
    const added = await demo.meridian("site", "add", "shop", ...site);
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, /^ {2}www\.shop\.test\. 3600 IN CNAME shop\.kingcdn\.test\.$/m);
    assert.match(added.stdout, /Origin http:\S+ answers \(200 in \d+ ms\)/);
    await eventually("the new name resolves", async () =>
      assert.deepEqual(await addresses("shop.kingcdn.test", SYDNEY), ["127.0.10.1"]),
    );
    await eventually("the edge serves it", async () =>
      assert.equal((await get("127.0.10.1", "/style.css", "www.shop.test")).status, 200),
    );
    const twice = await demo.meridian("site", "add", "shop", ...site);
    assert.equal(twice.code, 1);
    assert.match(twice.stderr, /there is a site "shop" already/);
    const listed = await demo.meridian("site", "list");
    assert.match(listed.stdout, /^shop +shop\.kingcdn\.test +www\.shop\.test/m);
    assert.equal((await demo.meridian("site", "remove", "shop")).code, 0);
    await eventually("the name is gone", async () =>
      assert.deepEqual(await addresses("shop.kingcdn.test", SYDNEY), []),
    );
    assert.equal((await demo.meridian("site", "show", "shop")).code, 1);
  });

  it("warns of an origin that does not answer", async () => {
    const args = ["site", "add", "dead", "--origin", "http://127.0.0.1:1"];
    const text = await demo.meridian(...args);
    assert.equal(text.code, 0);
    assert.match(text.stdout, /WARNING: the origin http:\/\/127\.0\.0\.1:1 does not answer/);
    await demo.meridian("site", "remove", "dead");
    const json = await demo.meridian(...args, "--json");
    assert.equal((JSON.parse(json.stdout) as SitePutBody).origins[0]?.answers, false);
    await demo.meridian("site", "remove", "dead");
  });

  it("takes a drained edge out of DNS, and puts it back", async () => {
    assert.equal((await demo.meridian("drain", "fra-1")).code, 0);
    await eventually("Germans go elsewhere", async () => {
      const [first] = await addresses("netcinema.kingcdn.test", "5.9.0.0/24");
      assert.notEqual(first, "127.0.10.2");
    });
    const status = await demo.meridian("status");
    assert.match(status.stdout, /fra-1 .*drain/);
    assert.equal((await demo.meridian("undrain", "fra-1")).code, 0);
    await eventually("Germans are back", async () => {
      const [first] = await addresses("netcinema.kingcdn.test", "5.9.0.0/24");
      assert.equal(first, "127.0.10.2");
    });
  });

  it("names the next closest edge within 3 s of a death, and goes back", async () => {
    const stopped = await demo.meridian("demo", "stop-edge", "syd-1");
    const since = performance.now();
    assert.equal(stopped.code, 0, stopped.stderr);
    await assert.rejects(get("127.0.10.1", "/"), /ECONNREFUSED/);
    await eventually("Sydney goes elsewhere", async () => {
      const [first] = await addresses("netcinema.kingcdn.test", SYDNEY);
      assert.notEqual(first, "127.0.10.1");
    });
    assert.ok(performance.now() - since < FAILOVER_MS_MAX, "failover took too long");
    const { stdout } = await demo.meridian("status", "--json");
    const edges = (JSON.parse(stdout) as StatusBody).pops.flatMap((pop) => pop.edges);
    assert.equal(edges.find(({ name }) => name === "syd-1")?.running, false);

    const started = await demo.meridian("demo", "start-edge", "syd-1", "--json");
    assert.deepEqual(JSON.parse(started.stdout), { edge: "syd-1", running: true });
    await eventually("Sydney comes back", async () => {
      const [first] = await addresses("netcinema.kingcdn.test", SYDNEY);
      assert.equal(first, "127.0.10.1");
    });
    assert.equal((await get("127.0.10.1", "/")).status, 200);
  });

  it("explains what DNS and an edge would do", async () => {
    const dns = await demo.meridian(
      "explain",
      "dns",
      "video.netcinema.test",
      "--client=129.94.0.1",
    );
    assert.equal(dns.code, 0, dns.stderr);
    assert.match(dns.stdout, /chosen +syd, because: closest/);
    assert.match(dns.stdout, /1\. +syd +\d+ km +syd-1 +up .*<- answered/);
    const url = "http://video.netcinema.test/never-asked-for";
    const http = await demo.meridian("explain", "http", url, "--client", "5.9.0.1");
    assert.match(http.stdout, /^edge fra-1\n +asked +GET http:/m);
    assert.match(http.stdout, /stored +nothing\n +would +fetch from the origin, .*uri-miss/);
    const named = await demo.meridian("explain", "http", url, "--edge", "gru-1", "--json");
    assert.equal((JSON.parse(named.stdout) as { edge: string }).edge, "gru-1");
  });

  it("names a port that is taken, and the option that moves it", async () => {
    const second = await runMeridian(["demo", ...demo.moves]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`127\\.0\\.0\\.1:${demo.origin.port}`));
    assert.match(second.stderr, /--origin 127\.0\.0\.1:PORT/);
    assert.doesNotMatch(second.stderr, /^ +at /m, "no stack trace");
  });
});

describe("the end of meridian demo", () => {
  it("is clean after Ctrl-C, even when terminal and launcher both pass it on", async (t) => {
    const { child } = await startDemo(t);
    child.signal("SIGINT");
    child.signal("SIGINT");
    assert.deepEqual(await child.exited, { code: 0, signal: null });
  });

  it("comes by itself after --seconds", async (t) => {
    const { child } = await startDemo(t, ["--seconds", "0.2", "--json"]);
    assert.deepEqual(await child.exited, { code: 0, signal: null });
    const [line = ""] = child.stdout;
    assert.equal((JSON.parse(line) as { edges: unknown[] }).edges.length, 5);
  });
});

describe("what the demo's screen says", () => {
  it("is a command line that works: dig with a subnet", async (t) => {
    const demo = await startDemo(t);
    const line = await demo.child.waitForLine(
      "stdout",
      (text) => /^ {2}(dig .*\+subnet=5\.9\.\S+)/.exec(text)?.[1],
    );
    const { stdout } = await runProcess({ command: "sh", args: ["-c", line] });
    assert.match(stdout, /^127\.0\.10\.2$/m);
  });
});
