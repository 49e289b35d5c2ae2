import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { SitePutBody } from "../../control/api/shapes.ts";
import { siteInput } from "../../control/site-text.ts";
import { aSite } from "../edge/harness.ts";
import { fuzzSeed, Seeded } from "../fuzz/seeded.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { changeAtRandom, startRolloutWorld, underLoad, versions } from "./rollout-world.ts";

const CHANGES = 24;

suite("changes that roll out in order", () => {
  test("sites come and go under load: DNS never names an edge that does not know one", async (t) => {
    const world = await startRolloutWorld(t);
    const seed = fuzzSeed();
    const tally = await underLoad(world, () => changeAtRandom(world, CHANGES, new Seeded(seed)));
    t.diagnostic(`seed ${seed}: ${tally.answers} answers, ${tally.unknownNames} names not there`);
    assert.deepEqual(tally.failures, []);
    assert.ok(tally.answers > CHANGES);
    await eventually("every edge is known to run the newest version", async () => {
      const { head, edges } = await versions(world);
      assert.deepEqual(edges, [head, head, head]);
    });
  });

  test("a call that waits is told of every edge, and then of DNS", async (t) => {
    const world = await startRolloutWorld(t);
    const { dns, originUrl } = world;
    const site = { ...aSite({ origins: [originUrl], site: { name: "s0" } }), hosts: [] };
    const put = await world.control.call<SitePutBody>(
      "PUT",
      "/sites/s0?wait=9000",
      siteInput(site),
    );
    assert.equal(put.body.stage, "done");
    const edges = put.body.acknowledged ?? [];
    assert.equal(edges.length, 3);
    const last = Math.max(...edges.map(({ ms }) => ms));
    const [router] = put.body.routers ?? [];
    assert.ok((router?.ms ?? 0) >= last, "DNS has it after the last edge");
    const answer = await dig({ server: dns.host, port: dns.port, name: "s0.kingcdn.test" });
    assert.equal(answerData(answer, "A").length, 3);
  });
});
