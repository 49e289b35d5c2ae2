import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { parse, stringify } from "yaml";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { BOARDS } from "../../deploy/tools/grafana/boards.ts";
import { edgeOf, type RunningDemo, startDemo } from "../support/demo.ts";
import { dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { fetchAt } from "../support/http.ts";
import { REPOSITORY, runMeridian } from "../support/process.ts";
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

/** Selectors of alerts that a demo which is well has no series for, and why. */
const NOTHING_YET: Readonly<Record<string, string>> = {
  'meridian_edge_fills_total{result=~"error|timeout"}': "its origin fails at nothing",
  meridian_edge_disk_errors_total: "its edges have no disk",
  'meridian_edge_access_log_lines_total{result!="written"}': "no line is lost",
  'meridian_dns_query_log_lines_total{result!="written"}': "no line is lost",
  'meridian_dns_queries_total{rcode="SERVFAIL"}': "nothing is answered so",
  'meridian_dns_rrl_total{action=~"slip|badcookie|drop"}': "nobody floods it",
  meridian_dns_zone_keys_good: "its zones are not signed",
  'meridian_dns_zone_key_state{state="ready"}': "its zones are not signed",
  meridian_dns_certificate_expiry_timestamp_seconds: "it has no DNS over TLS",
};

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
    prometheus = await startPrometheus(scope, targets, impatient(read("rules.yml")));
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

  it("has data for every panel of every dashboard, under a light load", async () => {
    const missing = new Map(panelQueries().map((query) => [query.where, query]));
    assert.ok(missing.size > 100);
    let round = 0;
    await eventually(
      "data for all panels",
      async () => {
        await lightLoad(demo, (round += 1));
        for (const [where, { expr, emptyWhen }] of missing) {
          // Wrong expressions are errors here, those that may be empty included.
          const samples = await prometheus.query(expr);
          if (emptyWhen !== undefined || samples.some(({ value }) => Number.isFinite(value))) {
            missing.delete(where);
          }
        }
        assert.deepEqual([...missing.keys()], []);
      },
      { withinMs: 60_000 },
    );
  });

  it("evaluates every alert, and has series for what they select", async () => {
    const alerts = alertExpressions();
    assert.ok(alerts.length > 20);
    for (const expr of alerts) await prometheus.query(expr);
    const selectors = new Set(alerts.flatMap(selectorsOf));
    for (const known of Object.keys(NOTHING_YET)) assert.ok(selectors.has(known), known);
    for (const selector of selectors) {
      if (NOTHING_YET[selector] !== undefined) continue;
      await eventually(selector, async () => {
        assert.ok((await prometheus.query(selector)).length > 0, `no series for ${selector}`);
      });
    }
  });

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

function read(file: string): string {
  return readFileSync(join(REPOSITORY, "deploy/prometheus", file), "utf8");
}

/** Rules that are evaluated as often as this Prometheus scrapes, as nobody here waits for 30 s. */
function impatient(rules: string): string {
  const document = parse(rules) as { groups: { interval?: string }[] };
  for (const group of document.groups) delete group.interval;
  return stringify(document);
}

/** Every query of every dashboard as Grafana sends it when nothing is chosen. */
function panelQueries(): { where: string; expr: string; emptyWhen: string | undefined }[] {
  return BOARDS.flatMap(({ title: board, sections }) =>
    sections.flatMap(({ panels }) =>
      panels.flatMap(({ title: panel, queries }) =>
        queries.map(({ expr, emptyWhen }, index) => ({
          where: `${board}: ${panel}, query ${index + 1}: ${expr}`,
          expr: expr.replaceAll("$__rate_interval", "1m").replaceAll(/"\$\w+"/g, '".*"'),
          emptyWhen,
        })),
      ),
    ),
  );
}

function alertExpressions(): string[] {
  const { groups } = parse(read("alerts.yml")) as { groups: { rules: { expr: string }[] }[] };
  return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
}

/** The metrics that an expression selects, each with its matchers but without a range. */
function selectorsOf(expr: string): string[] {
  return [...expr.matchAll(/\b(?:meridian_\w+|\w+:\w+:\w+|up\b)(?:\{[^}]*\})?/g)].map(
    ([selector]) => selector,
  );
}

/**
 * One round of what clients do: at every edge a hit, a miss and a part of a large object; at the
 * router a query that is steered; at the control server a purge. Each round has other misses.
 */
async function lightLoad(demo: RunningDemo, round: number): Promise<void> {
  const poster = `http://${HOST}/poster.svg`;
  for (const { http } of demo.edges) {
    for (const url of [poster, poster, `${poster}?round=${round}`]) {
      await fetchAt(url, { at: http, headers: { "accept-encoding": "gzip" } });
    }
    const first = (round % 16) * 2 ** 20;
    const range = `bytes=${first}-${first + 9999}`;
    await fetchAt(`http://${HOST}/big.bin`, { at: http, headers: { range } });
  }
  await dig({ server: demo.dns.host, port: demo.dns.port, name: HOST, subnet: "129.94.0.0/24" });
  const purge = `http://${formatSocketAddress(demo.api)}/v1/sites/netcinema/purge?wait=5000`;
  const { status } = await fetch(purge, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ urls: [poster] }),
  });
  assert.equal(status, 200);
}

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
