import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CountedAnswer, RecentCounts } from "../../../edge/admin/recent-counts.ts";
import { decodeHeartbeat } from "../../../state/codec.ts";
import { SITES_MAX, trafficFigures } from "../../../state/recent-traffic.ts";
import { aHeartbeat } from "../../contract/state-contract.ts";

const HIT: CountedAnswer = {
  site: "shop",
  isHit: true,
  isError: false,
  bytes: 100,
  firstByteSeconds: 0.001,
};

describe("what an edge has answered lately", () => {
  it("is the last ten slices, and nothing older", () => {
    const counts = new RecentCounts();
    for (let second = 0; second < 10; second++) {
      counts.note(HIT);
      counts.note({ ...HIT, isHit: false, isError: second === 0, bytes: 300 });
      counts.turn(1_000);
    }
    counts.note(HIT);
    const { sites, firstByte, ...sums } = counts.turn(500);
    assert.deepEqual(sums, {
      seconds: 9.5,
      requests: 19,
      hits: 10,
      bytes: 3_700,
      hitBytes: 1_000,
      errors: 0,
    });
    assert.deepEqual(sites, [
      { site: "shop", requests: 19, hits: 10, bytes: 3_700, hitBytes: 1_000 },
    ]);
    assert.equal(firstByte.length, 1);
    for (let second = 0; second < 9; second++) counts.turn(1_000);
    assert.deepEqual(counts.turn(1_000).sites, []);
  });

  it("tells of the busiest sites, and of all in the sums", () => {
    const counts = new RecentCounts();
    for (let site = 0; site < 100; site++) {
      for (let n = 0; n <= site; n++) counts.note({ ...HIT, site: `s${site}` });
    }
    const { sites, requests } = counts.turn(1_000);
    assert.equal(requests, 5_050);
    assert.deepEqual([sites.length, sites[0]?.site, sites.at(-1)?.site], [SITES_MAX, "s99", "s80"]);
  });

  it("fits into a heartbeat that the store takes, whatever the times were", () => {
    const counts = new RecentCounts();
    const times = [0, 1e-9, 8e-6, 0.5, 200, 1e9, Number.POSITIVE_INFINITY];
    for (let power = -30; power < 12; power += 0.05) times.push(2 ** power);
    for (const firstByteSeconds of times) counts.note({ ...HIT, firstByteSeconds });
    const recent = counts.turn(0);
    assert.ok(recent.firstByte.length <= 97, `${recent.firstByte.length} bounds`);
    const text = JSON.stringify({ ...aHeartbeat("syd-1"), recent });
    const decoded = decodeHeartbeat(text);
    assert.ok(decoded.ok, JSON.stringify(decoded));
    assert.deepEqual(decoded.value.recent, recent);
  });
});

describe("the figures of several edges together", () => {
  it("are made of their sums, with times at most a fifth too long", () => {
    const one = new RecentCounts();
    const two = new RecentCounts();
    for (let n = 1; n <= 1_000; n++) one.note({ ...HIT, firstByteSeconds: n / 1_000 });
    for (let n = 0; n < 1_000; n++) two.note({ ...HIT, isHit: false, bytes: 300, site: "blog" });
    const figures = trafficFigures([one.turn(1_000), two.turn(2_000)]);
    assert.equal(figures.hitRatio, 0.5);
    assert.equal(figures.byteHitRatio, 0.25);
    assert.equal(figures.errorRatio, 0);
    const { firstByteP50Seconds = 0, firstByteP99Seconds = 0 } = figures;
    assert.ok(firstByteP50Seconds >= 0.001 && firstByteP50Seconds < 0.0012, "p50");
    assert.ok(firstByteP99Seconds >= 0.98 && firstByteP99Seconds < 0.98 * 1.2, "p99");
    assert.deepEqual(figures.sites, [
      {
        site: "shop",
        requestsPerSecond: 1_000,
        bitsPerSecond: 800_000,
        hitRatio: 1,
        byteHitRatio: 1,
      },
      {
        site: "blog",
        requestsPerSecond: 500,
        bitsPerSecond: 1_200_000,
        hitRatio: 0,
        byteHitRatio: 0,
      },
    ]);
  });

  it("are left out where there was no traffic", () => {
    assert.deepEqual(trafficFigures([]), { sites: [] });
    assert.deepEqual(trafficFigures([new RecentCounts().turn(1_000)]), { sites: [] });
  });
});
