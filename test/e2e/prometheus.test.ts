import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { edgeOf, type RunningDemo, startDemo } from "../support/demo.ts";
import { dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { fetchAt } from "../support/http.ts";
import { runMeridian } from "../support/process.ts";
import { lintExposition, type RunningPrometheus, startPrometheus } from "../support/prometheus.ts";
import { suiteScope } from "../support/scope.ts";

const HOST = "video.netcinema.test";

/**
 * What must have data after a few requests, as queries that give at least one sample above zero.
 */
const WITH_DATA = [
  "meridian_origin_requests_total",
  'meridian_edge_requests_total{site="netcinema",cache="hit",code="2xx",edge="syd-1",pop="syd"}',
  'meridian_edge_requests_total{site="netcinema",cache="miss",code="2xx"}',
  'meridian_edge_response_bytes_total{site="netcinema",cache="hit"}',
  'meridian_edge_request_duration_seconds_count{site="netcinema",cache="hit"}',
  'meridian_edge_first_byte_seconds_bucket{site="netcinema",cache="miss",le="+Inf"}',
  'meridian_edge_fills_total{site="netcinema",result="stored"}',
  'meridian_edge_store_bytes{tier="memory"}',
  'meridian_edge_store_objects{tier="memory"}',
  'meridian_edge_evictions_total{tier="memory",reason="purged"}',
  'meridian_edge_origin_up{site="netcinema"}',
  'meridian_dns_queries_total{transport="udp",type="A",rcode="NOERROR"}',
  'meridian_dns_queries_total{transport="tcp",type="A",rcode="NOERROR"}',
  'meridian_dns_queries_total{transport="udp",type="A",rcode="REFUSED"}',
  'meridian_dns_query_duration_seconds_count{transport="udp"}',
  'meridian_dns_steered_total{site="netcinema",pop="syd",reason="closest"}',
  'meridian_dns_edge_health{edge="syd-1"}',
  "meridian_dns_map_prefixes",
  "meridian_purge_latency_seconds_count",
  'meridian_control_requests_total{method="POST",code="2xx"}',
  "sum by (job) (meridian_state_up)",
];

/** What exists from the first scrape, whatever its value. */
const EXISTING = ["meridian_edge_fill_waiters", "meridian_state_lag_versions"];

describe("a real Prometheus that scrapes every daemon of the demo", () => {
  const scope = suiteScope();
  let demo: RunningDemo;
  let prometheus: RunningPrometheus;
  let targets: Record<string, SocketAddress[]>;

  before(async () => {
    demo = await startDemo(scope);
    targets = {
      edge: demo.edges.map(({ admin }) => admin),
      router: [demo.admin.router],
      control: [demo.admin.control],
      origin: [demo.admin.origin],
    };
    prometheus = await startPrometheus(scope, targets);
    await makeTraffic(demo);
  });

  it("finds all of them up", async () => {
    await eventually("all targets up", async () => {
      const seen = await prometheus.targets();
      assert.equal(seen.length, 8);
      const down = seen.filter(({ health }) => health !== "up");
      assert.deepEqual(down, []);
    });
  });

  for (const query of WITH_DATA) {
    it(`has data for ${query}`, async () => {
      await eventually(query, async () => {
        const samples = await prometheus.query(query);
        assert.ok(
          samples.some(({ value }) => value > 0),
          `got ${JSON.stringify(samples)}`,
        );
      });
    });
  }

  for (const query of EXISTING) {
    it(`has ${query}`, async () => {
      await eventually(query, async () => assert.ok((await prometheus.query(query)).length > 0));
    });
  }

  it("reads expositions in which promtool finds nothing to complain about", async () => {
    for (const address of Object.values(targets).flat()) {
      const { body } = await fetchAt(`http://${formatSocketAddress(address)}/metrics`, {
        at: address,
      });
      // What the client library says of the process itself is not ours to name.
      const ours = body.toString().split("\n");
      const lines = ours.filter((line) => /^(# \w+ )?meridian_/.test(line));
      assert.equal(lintExposition(`${lines.join("\n")}\n`), "", formatSocketAddress(address));
    }
  });
});

/**
 * A miss, hits, queries over UDP and TCP, a refused one, and a purge that everybody carries out.
 */
async function makeTraffic(demo: RunningDemo): Promise<void> {
  const { http } = edgeOf(demo, "syd");
  const url = `http://${HOST}/poster.svg`;
  for (let i = 0; i < 3; i += 1) await fetchAt(url, { at: http });
  const question = { server: demo.dns.host, port: demo.dns.port, name: HOST };
  await dig({ ...question, subnet: "129.94.0.0/24" });
  await dig({ ...question, options: ["+tcp"] });
  await dig({ ...question, name: "example.com" });
  const api = `http://${formatSocketAddress(demo.api)}`;
  const purge = await runMeridian(["purge", url, "--wait", "--api", api]);
  assert.equal(purge.code, 0, purge.stderr);
  await fetchAt(url, { at: http });
}
