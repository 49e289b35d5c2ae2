import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { Metrics } from "../../common/metrics.ts";
import { OTHER_SITES, SiteLabels } from "../../common/site-labels.ts";
import { RequestMetrics } from "../../edge/admin/request-metrics.ts";

const MINUTE = 60_000;

/** The samples of `edge_requests_total` by site. */
async function requestsBySite(metrics: Metrics): Promise<Map<string, number>> {
  const { body } = await metrics.expose();
  const samples = body.matchAll(/^meridian_edge_requests_total\{.*site="([^"]*)".*\} (\d+)$/gm);
  return new Map([...samples].map(([, site = "", value]) => [site, Number(value)]));
}

function aRequest(site: string) {
  const [cache, status, bodyBytes] = ["hit", 200, 10] as const;
  return { site, cache, status, bodyBytes, firstByteSeconds: 0.001, durationSeconds: 0.002 };
}

describe("labels of sites", () => {
  it("are theirs while there is room, and one for all others then", () => {
    const labels = new SiteLabels(2);
    assert.deepEqual(
      ["a", "b", "c", "a", "d"].map((site) => labels.count(site)),
      ["a", "b", OTHER_SITES, "a", OTHER_SITES],
    );
    assert.equal(labels.of("c"), OTHER_SITES);
  });

  it("go to who is much busier, once a minute at most", () => {
    const labels = new SiteLabels(2);
    labels.count("quiet", 10);
    labels.count("busy", 1_000);
    labels.count("new", 15);
    assert.deepEqual(labels.review(MINUTE), [], "not twice as busy");
    labels.count("new", 100);
    assert.deepEqual(labels.review(MINUTE + 1), [], "too early");
    assert.deepEqual(labels.review(2 * MINUTE), ["quiet"]);
    assert.deepEqual(
      ["quiet", "busy", "new"].map((site) => labels.of(site)),
      [OTHER_SITES, "busy", "new"],
    );
  });

  it("are never more than allowed, whatever is asked for", () => {
    const asked = fc.array(fc.tuple(fc.nat(20), fc.nat(50)), { maxLength: 200 });
    fc.assert(
      fc.property(asked, fc.integer({ min: 1, max: 5 }), (requests, max) => {
        const labels = new SiteLabels(max);
        for (const [index, [site, amount]] of requests.entries()) {
          labels.count(`s${site}`, amount);
          labels.review(index * (MINUTE / 3));
        }
        const own = new Set(Array.from({ length: 21 }, (_, i) => labels.of(`s${i}`)));
        own.delete(OTHER_SITES);
        assert.ok(own.size <= max, `${[...own].join()} are more than ${max}`);
      }),
    );
  });
});

describe("metrics of ten thousand sites", () => {
  it("have so many series as are allowed, each of which only grows", async () => {
    const metrics = new Metrics("edge");
    const labels = new SiteLabels(50);
    const requests = new RequestMetrics(metrics, labels);
    const fills = metrics.counter("edge_fills_total");
    let before = new Map<string, number>();
    let total = 0;
    for (let minute = 1; minute <= 5; minute += 1) {
      // Other sites are busy each minute.
      for (let i = 0; i < 10_000; i += 1) {
        const times = i % 200 === minute ? 5 : 1;
        for (let n = 0; n < times; n += 1) requests.note(aRequest(`site-${i}`));
        total += times;
        fills.add({ site: labels.of(`site-${i}`), result: "stored" });
      }
      const lost = labels.review(minute * MINUTE);
      for (const site of lost) {
        requests.forget(site);
        await metrics.forgetSite(site);
      }
      const now = await requestsBySite(metrics);
      assert.ok(now.size <= 51, `${now.size} series`);
      for (const [site, value] of before) {
        if (lost.includes(site)) continue;
        assert.ok((now.get(site) ?? 0) >= value, `${site}: ${value}, then ${now.get(site)}`);
      }
      const { body } = await metrics.expose();
      for (const site of lost) assert.ok(!body.includes(`site="${site}"`), `${site} has series`);
      before = now;
    }
    assert.equal(requests.requests, total);
    assert.ok((before.get(OTHER_SITES) ?? 0) > 40_000);
  });

  it("count everything once as long as labels stay where they are", async () => {
    const metrics = new Metrics("edge");
    const requests = new RequestMetrics(metrics, new SiteLabels(3));
    for (let i = 0; i < 1_000; i += 1) requests.note(aRequest(`site-${i % 10}`));
    const bySite = await requestsBySite(metrics);
    assert.deepEqual(Object.fromEntries(bySite), {
      "site-0": 100,
      "site-1": 100,
      "site-2": 100,
      other: 700,
    });
  });
});
