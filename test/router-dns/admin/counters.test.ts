import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics } from "../../../common/metrics.ts";
import { SiteLabels } from "../../../common/site-labels.ts";
import { QueryCounters, TIMED_PER_SECOND_MAX } from "../../../router-dns/admin/counters.ts";
import type { Outcome } from "../../../router-dns/pipeline.ts";
import { RCODE, TYPE } from "../../../router-dns/wire/codes.ts";

const ANSWERED: Outcome = { length: 50, rcode: RCODE.NOERROR, qtype: TYPE.A, truncated: false };

async function lines(metrics: Metrics, name: string): Promise<string[]> {
  const { body } = await metrics.expose();
  return body.split("\n").filter((line) => line.startsWith(`meridian_${name}`));
}

test("queries are counted by transport, type and code, once, when they are handed over", async () => {
  const metrics = new Metrics("dns");
  const counters = new QueryCounters(metrics, new SiteLabels(100));
  counters.count("udp", ANSWERED);
  counters.count("udp", ANSWERED);
  counters.count("tcp", { ...ANSWERED, qtype: TYPE.AAAA, rcode: RCODE.NXDOMAIN });
  counters.count("udp", { ...ANSWERED, qtype: 65_280 });
  counters.count("udp", { ...ANSWERED, length: 0, qtype: 0 });
  counters.flush();
  counters.flush();
  assert.deepEqual((await lines(metrics, "dns_queries_total")).sort(), [
    'meridian_dns_queries_total{transport="tcp",type="AAAA",rcode="NXDOMAIN"} 1',
    'meridian_dns_queries_total{transport="udp",type="A",rcode="NOERROR"} 2',
    'meridian_dns_queries_total{transport="udp",type="other",rcode="NOERROR"} 1',
    'meridian_dns_queries_total{transport="udp",type="other",rcode="dropped"} 1',
  ]);
  assert.equal(counters.total, 5);
});

test("nobody can make up labels: unknown types are one, whatever their number", async () => {
  const metrics = new Metrics("dns");
  const counters = new QueryCounters(metrics, new SiteLabels(100));
  for (let qtype = 300; qtype < 60_000; qtype += 7) counters.count("udp", { ...ANSWERED, qtype });
  counters.flush();
  assert.equal((await lines(metrics, "dns_queries_total")).length, 1);
});

test("steered answers are counted by site, PoP and reason; without a PoP as none", async () => {
  const metrics = new Metrics("dns");
  const counters = new QueryCounters(metrics, new SiteLabels(100));
  const base = { addresses: [], ttlSeconds: 20, scopePrefixLength: 0 };
  const steered = { site: "s", answer: { ...base, pop: undefined, reason: "all-down" } } as const;
  counters.count("udp", { ...ANSWERED, steered });
  counters.flush();
  assert.deepEqual(await lines(metrics, "dns_steered_total"), [
    'meridian_dns_steered_total{site="s",pop="none",reason="all-down"} 1',
  ]);
});

test("in each second only so many queries are timed", async () => {
  const metrics = new Metrics("dns");
  const counters = new QueryCounters(metrics, new SiteLabels(100));
  for (let i = 0; i < TIMED_PER_SECOND_MAX; i += 1) {
    assert.equal(counters.isTimed, true);
    counters.time("udp", 0.0001);
  }
  assert.equal(counters.isTimed, false);
  counters.nextSecond();
  assert.equal(counters.isTimed, true);
  const [count] = await lines(metrics, "dns_query_duration_seconds_count");
  assert.ok(count?.endsWith(` ${TIMED_PER_SECOND_MAX}`));
});
