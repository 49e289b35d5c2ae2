import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { silentLogger } from "../../common/log.ts";
import { openRedisState } from "../../state/redis.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { aSite, everyCall, until } from "../contract/state-contract.ts";
import { eventually } from "../support/eventually.ts";
import type { RedisServer } from "../support/redis.ts";
import { type RedisFleet, startCluster, startSentinels } from "../support/redis-fleet.ts";
import type { Scope } from "../support/scope.ts";

// Connections that are being retried do not keep a process alive; the tests do.
const alive = setInterval(() => {}, 1_000);
after(() => clearInterval(alive));

async function opened(scope: Scope, fleet: RedisFleet): Promise<StateStore> {
  const store = openRedisState({ url: fleet.url, log: silentLogger });
  scope.after(() => store.close());
  await until(() => store.isUp(), "the connection");
  return store;
}

/** Appends until it works; every failure before that is the contract's. */
function appended(store: StateStore, edge: string): Promise<number> {
  const attempt = async () => {
    const change = await store.append({ kind: "drain", edge }, "t").catch((error: unknown) => {
      assert.ok(error instanceof StateUnavailableError, String(error));
      return undefined;
    });
    assert.ok(change !== undefined, "it is not there yet");
    return change.version;
  };
  return eventually("an append works", attempt, { withinMs: 30_000 });
}

/** True if a replica has acknowledged all that its master has written. */
async function isCopied(master: RedisServer): Promise<boolean> {
  const info = await master.command("INFO", "REPLICATION");
  const [, copied] = /slave0:.*offset=(\d+)/.exec(info) ?? [];
  const [, written] = /master_repl_offset:(\d+)/.exec(info) ?? [];
  return copied !== undefined && copied === written;
}

for (const [what, start] of [
  ["sentinels", startSentinels],
  ["a cluster", startCluster],
] as const) {
  describe(`Redis behind ${what}`, { concurrency: 1 }, () => {
    test("answers every call, and wakes watchers", { timeout: 60_000 }, async (t) => {
      const fleet = await start(t);
      const store = await opened(t, fleet);
      const beside = await opened(t, fleet);
      for (const call of everyCall(store)) await call;
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      beside.watch(resolve);
      await new Promise((ready) => setTimeout(ready, 100));
      await store.append({ kind: "site-put", site: aSite("late") }, "t");
      await woken;
      const { sites } = await beside.snapshot();
      assert.ok(sites.some(({ name }) => name === "late"));
    });

    test("goes on at the replica when the master dies", { timeout: 60_000 }, async (t) => {
      const fleet = await start(t);
      const store = await opened(t, fleet);
      const watcher = await opened(t, fleet);
      let wakes = 0;
      watcher.watch(() => {
        wakes += 1;
      });
      const before = await appended(store, "before");
      const master = await fleet.master();
      // What a master takes and its replica has not got is lost with it: that is not asked here.
      await until(() => isCopied(master), "its replica has everything");
      const { epoch } = await store.snapshot();
      await master.kill();
      await until(() => !store.isUp(), "the loss is noticed");
      const after = await appended(store, "after");
      assert.ok(after > before, `${after} comes behind ${before}`);
      const snapshot = await store.snapshot();
      assert.equal(snapshot.epoch, epoch, "it is the same log");
      assert.ok(snapshot.drained.includes("before") && snapshot.drained.includes("after"));
      await until(() => watcher.isUp(), "the other store is back too");
      const seen = wakes;
      await appended(store, "again");
      await until(() => wakes > seen, "watchers are woken at the new master");
    });

    test("leaves a master that has become a replica", { timeout: 60_000 }, async (t) => {
      const fleet = await start(t);
      const store = await opened(t, fleet);
      await appended(store, "before");
      const old = await fleet.master();
      await until(() => isCopied(old), "its replica has everything");
      // Asleep, not dead: it comes back, and is told that it is a replica now.
      old.pause();
      const version = await appended(store, "meanwhile");
      old.resume();
      const demoted = async () => assert.match(await old.command("ROLE"), /slave/);
      // A sentinel looks at each server every ten seconds.
      await eventually("it is a replica now", demoted, { withinMs: 30_000 });
      assert.equal(await appended(store, "after"), version + 1);
    });
  });
}
