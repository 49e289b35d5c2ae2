import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { METRICS, type MetricSpec } from "../../common/metric-table.ts";
import { Metrics, type MetricsPart } from "../../common/metrics.ts";
import { lintExposition } from "../support/prometheus.ts";

const TABLE = Object.entries<MetricSpec>(METRICS);
const PARTS: readonly MetricsPart[] = ["edge", "dns", "control", "origin"];

/** Base units of https://prometheus.io/docs/practices/naming/ that our names may end in. */
const BASE_UNITS = /_(seconds|bytes|ratio)(_total)?$/;
const OTHER_UNITS = /_(ms|milliseconds|minutes|hours|kb|mb|kilobytes|megabytes|bits|percent)(_|$)/;

describe("the metric table keeps the naming conventions of Prometheus", () => {
  for (const [name, spec] of TABLE) {
    it(name, () => {
      assert.match(name, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, "lower case, words by one underscore");
      assert.equal(name.endsWith("_total"), spec.kind === "counter", "_total is for counters");
      assert.doesNotMatch(name, OTHER_UNITS, "base units only");
      assert.doesNotMatch(name, /_(count|sum|bucket)$/, "suffixes that histograms take");
      if (spec.kind === "histogram") assert.match(name, BASE_UNITS, "a histogram has a unit");
      const first = spec.part === "control" ? /^(control|purge)_/ : new RegExp(`^${spec.part}_`);
      if (spec.part !== "all") assert.match(name, first, "starts with what it is about");
      assert.match(spec.help, /^[A-Z0-9].*\.$/, "a sentence");
    });
  }

  it("has bounded labels that do not repeat the name's words or Prometheus's own", () => {
    for (const [name, { labels }] of TABLE) {
      for (const label of labels) {
        assert.match(label, /^[a-z][a-z_]*$/, name);
        assert.doesNotMatch(label, /^(le|quantile|instance|job|url|path|client|key)$/, name);
      }
      assert.equal(new Set(labels).size, labels.length, name);
    }
  });

  it("has rising buckets", () => {
    for (const [name, spec] of TABLE) {
      if (spec.kind !== "histogram") continue;
      assert.deepEqual(
        [...spec.buckets],
        spec.buckets.toSorted((a, b) => a - b),
        name,
      );
      assert.equal(new Set(spec.buckets).size, spec.buckets.length, name);
    }
  });
});

describe("metrics", () => {
  it("are shown with constant labels, amounts and buckets", async () => {
    const metrics = new Metrics("edge", { edge: "syd-1" });
    metrics.counter("edge_requests_total").add({ site: "s", cache: "hit", code: "2xx" });
    metrics.counter("edge_requests_total").add({ site: "s", cache: "hit", code: "2xx" }, 2);
    metrics.gauge("edge_fill_waiters").set({}, 7);
    metrics.histogram("edge_first_byte_seconds").observe({ site: "s", cache: "hit" }, 0.003);
    const { body, contentType } = await metrics.expose();
    assert.match(contentType, /^text\/plain; version=0\.0\.4/);
    const line = (name: string, value: string) =>
      body.split("\n").some((text) => text.startsWith(name) && text.endsWith(` ${value}`));
    assert.ok(line("meridian_edge_requests_total{", "3"), body);
    assert.match(body, /meridian_edge_requests_total\{[^}]*edge="syd-1"/);
    assert.ok(line("meridian_edge_fill_waiters{", "7"), body);
    assert.match(body, /meridian_edge_first_byte_seconds_bucket\{[^}]*le="0.0025"[^}]*\} 0\n/);
    assert.match(body, /meridian_edge_first_byte_seconds_bucket\{[^}]*le="0.005"[^}]*\} 1\n/);
  });

  it("can be read only when somebody scrapes, and forget what is gone", async () => {
    const metrics = new Metrics("dns");
    let edges = ["syd-1", "fra-1"];
    metrics.onScrape("dns_edge_health", () => edges.map((edge) => [{ edge }, 1] as const));
    const seen = async () =>
      [...(await metrics.expose()).body.matchAll(/meridian_dns_edge_health\{edge="([^"]+)"/g)].map(
        ([, edge]) => edge,
      );
    assert.deepEqual(await seen(), ["syd-1", "fra-1"]);
    edges = ["fra-1"];
    assert.deepEqual(await seen(), ["fra-1"]);
  });

  it("of another part are our own mistake", () => {
    assert.throws(
      () => new Metrics("origin").counter("edge_requests_total"),
      /has no metric edge_/,
    );
  });

  it("of two daemons in one process do not mix", async () => {
    const [one, two] = [new Metrics("origin"), new Metrics("origin")];
    one.counter("origin_requests_total").add({ code: "2xx" });
    assert.match((await one.expose()).body, /origin_requests_total\{code="2xx"\} 1/);
    assert.doesNotMatch((await two.expose()).body, /origin_requests_total\{code="2xx"\}/);
  });

  for (const part of PARTS) {
    it(`of the part ${part} pass promtool check metrics`, async () => {
      const { body } = await new Metrics(part).expose();
      const ours = body.split("\n").filter((line) => /^(# \w+ )?meridian_/.test(line));
      assert.ok(ours.length > 0);
      assert.equal(lintExposition(`${ours.join("\n")}\n`), "");
    });
  }
});
