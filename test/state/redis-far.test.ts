import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { silentLogger } from "../../common/log.ts";
import { Follower, type FollowStatus } from "../../state/follower.ts";
import { openRedisState } from "../../state/redis.ts";
import type { StateStore } from "../../state/store.ts";
import { until } from "../contract/state-contract.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import type { Scope } from "../support/scope.ts";
import { startFarProxy } from "./far-proxy.ts";

/** One way from Sydney to Frankfurt. */
const OCEAN_MS = 140;

describe("Redis far away", { concurrency: 1 }, () => {
  const alive = setInterval(() => {}, 1_000);
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    clearInterval(alive);
    await server.stop();
  });

  /** A follower behind a relay, and a writer beside Redis. */
  async function farFollower(scope: Scope, prefix: string) {
    const proxy = await startFarProxy(scope, server.port, OCEAN_MS);
    const open = (port: number): StateStore => {
      const url = `redis://127.0.0.1:${port}`;
      const store = openRedisState({ url, prefix, log: silentLogger });
      scope.after(() => store.close());
      return store;
    };
    const [writer, reader] = [open(server.port), open(proxy.port)];
    await until(() => writer.isUp(), "the writer");
    const statuses: FollowStatus[] = [];
    const follower = new Follower({
      store: reader,
      node: "syd-1",
      initialSites: [],
      log: silentLogger,
      onChange: () => {},
      onSnapshot: () => {},
      onStatus: (status) => statuses.push(status),
    });
    scope.after(() => follower.stop());
    follower.start();
    assert.equal(await follower.ready(10_000), true);
    return { proxy, writer, follower, statuses };
  }

  test("280 ms away a follower stays current, and hears of changes at once", async (t) => {
    const { writer, follower, statuses } = await farFollower(t, "ocean");
    for (let i = 1; i <= 10; i += 1) {
      const start = performance.now();
      await writer.append({ kind: "purge-all", site: "a" }, "t");
      await until(() => follower.view().version === i, "the change");
      // The way of the wake, a poll that may be under way, and its successor.
      const tookMs = performance.now() - start;
      assert.ok(tookMs < 5 * OCEAN_MS + 300, `applied after ${tookMs} ms`);
    }
    await until(
      async () => (await writer.acknowledgements()).get("syd-1") === 10,
      "the acknowledgement",
    );
    assert.deepEqual(statuses, ["current"]);
  });

  test("connections that a middlebox forgot are given up; much is caught up with", async (t) => {
    const { proxy, writer, follower, statuses } = await farFollower(t, "middlebox");
    proxy.forgetConnections(true);
    await until(() => follower.status() === "cut-off", "cut-off");
    const urls = Array.from({ length: 10 }, (_, i) => `http://a.test/${"x".repeat(90)}${i}`);
    const missed = 600;
    for (let i = 0; i < missed; i += 1) {
      await writer.append({ kind: "purge-urls", site: "a", urls }, "t");
    }
    assert.equal(follower.view().version, 0);
    proxy.heal();
    await until(
      () => follower.status() === "current" && follower.view().version === missed,
      "current",
    );
    assert.deepEqual(statuses, ["current", "cut-off", "catching-up", "current"]);
  });
});
