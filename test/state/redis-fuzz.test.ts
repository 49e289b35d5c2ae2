import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as fc from "fast-check";
import { pino } from "pino";
import { silentLogger } from "../../common/log.ts";
import { Follower } from "../../state/follower.ts";
import { openRedisState } from "../../state/redis.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { aHeartbeat, aSite, everyCall, until } from "../contract/state-contract.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";

/** The key of a store opened without a prefix. */
function key(name: string): string {
  return `meridian:{default}:${name}`;
}

/** Text that is nearly what belongs there, or not at all. */
const garbage = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.json(),
  fc.constantFrom(
    "",
    "null",
    "[]",
    "{}",
    "-1",
    "NaN",
    "1e999",
    "9".repeat(400),
    ":",
    "5:",
    "9999999999999:{",
  ),
  fc
    .record({ kind: fc.constantFrom("site-put", "drain", "new-kind"), site: fc.anything() })
    .map((it) => JSON.stringify(it)),
  fc.constant(JSON.stringify(aSite("a")).slice(0, 40)),
);

describe("values in Redis that are not ours", { concurrency: 1 }, () => {
  const alive = setInterval(() => {}, 1_000);
  const lines: string[] = [];
  let server: RedisServer;
  let store: StateStore;

  before(async () => {
    server = await startRedis();
    const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    store = openRedisState({ url: server.url, log });
    await until(() => store.isUp(), "the connection");
  });
  after(async () => {
    clearInterval(alive);
    await store.close();
    await server.stop();
  });

  test("a broken site, change, heartbeat or acknowledgement is left out and logged", async () => {
    await store.append({ kind: "site-put", site: aSite("a") }, "t");
    await store.append({ kind: "site-put", site: aSite("b") }, "t");
    await store.heartbeat(aHeartbeat("syd-1"), 60_000);
    await store.acknowledge("syd-1", 1);
    await server.command("HSET", key("now"), "site:a", '{"name":"a"}');
    await server.command("HSET", key("now"), "site:c", JSON.stringify(aSite("d")));
    await server.command("HSET", key("beats"), "fra-1", "9999999999999:{}");
    await server.command("HSET", key("beats"), "nrt-1", "not even a time");
    await server.command("HSET", key("acks"), "fra-1", "9999999999999:many");
    assert.deepEqual((await store.snapshot()).sites, [aSite("b")]);
    assert.deepEqual(await store.heartbeats(), [aHeartbeat("syd-1")]);
    assert.deepEqual(await store.acknowledgements(), new Map([["syd-1", 1]]));
    const skipped = lines.map((line) => JSON.parse(line) as { what: string; total: number });
    const expected = ["acks fra-1", "beats fra-1", "site:a", "site:c"];
    assert.deepEqual(skipped.map(({ what }) => what).sort(), expected);
    assert.deepEqual(
      skipped.map(({ total }) => total),
      [1, 2, 3, 4],
    );
    for (let again = 2; again <= 9; again += 1) await store.snapshot();
    const timesLogged = lines.filter((line) => line.includes("site:a")).length;
    assert.equal(timesLogged, 4, "the 1st, 2nd, 4th and 8th time");
  });

  test("a broken change is a gap: the snapshot is taken, history is lost", async () => {
    await server.command("FLUSHALL");
    for (const edge of ["e1", "e2", "e3"]) await store.append({ kind: "drain", edge }, "t");
    const lost: boolean[] = [];
    let current = 0;
    const follower = new Follower({
      store,
      node: "edge",
      initialSites: [],
      log: silentLogger,
      onChange: (change) => {
        current = change.version;
      },
      onSnapshot: (_, historyLost) => lost.push(historyLost),
    });
    follower.start();
    assert.equal(await follower.ready(5_000), true);
    const damage =
      "redis.call('HSET',KEYS[1],'version','4','mark','m') " +
      "redis.call('XADD',KEYS[2],'4-0','at','1','by','x','mark','m','body','garbage')";
    await server.command("EVAL", damage, "2", key("now"), key("log"));
    await until(() => follower.view().version === 4, "the snapshot");
    assert.deepEqual([lost, current], [[true, true], 0]);
    await store.append({ kind: "drain", edge: "e5" }, "t");
    await until(() => follower.view().version === 5, "the next change");
    assert.deepEqual([lost, current], [[true, true], 5]);
    await follower.stop();
  });

  test("a damaged head is an error that names the key; nothing is overwritten", async () => {
    for (const [field, value] of [
      ["version", "many"],
      ["version", "-1"],
    ] as const) {
      await server.command("FLUSHALL");
      await store.append({ kind: "site-put", site: aSite("a") }, "t");
      await server.command("HSET", key("now"), field, value);
      await assert.rejects(store.snapshot(), /DAMAGED meridian:\{default\}:now/);
      await assert.rejects(store.append({ kind: "drain", edge: "e" }, "t"), StateUnavailableError);
      assert.match(await server.command("HGET", key("now"), "site:a"), /"name":"a"/);
    }
    await server.command("FLUSHALL");
  });

  test("keys of another type are errors of the contract", async () => {
    for (const name of [
      "now",
      "log",
      "acks",
      "beats",
      "reports",
      "load",
      "objects:n",
      "objects-at:n",
    ]) {
      await server.command("FLUSHALL");
      await server.command("SET", key(name), "a string");
      for (const result of await Promise.allSettled(everyCall(store))) {
        if (result.status === "rejected") assert.ok(result.reason instanceof StateUnavailableError);
      }
    }
    await server.command("FLUSHALL");
    for (const call of everyCall(store)) await call;
  });

  test("whatever stands there, each call ends with a value or the contract's error", async () => {
    const place = fc.constantFrom(
      ["now", "version"],
      ["now", "epoch"],
      ["now", "mark"],
      ["now", "site:a"],
      ["now", "drained:e"],
      ["now", "token:t"],
      ["now", "other"],
      ["acks", "n"],
      ["beats", "n"],
      ["reports", "n"],
      ["objects:n", "k"],
    );
    const damage = fc.array(fc.tuple(place, garbage), { minLength: 1, maxLength: 4 });
    const entry = fc.option(fc.tuple(fc.constantFrom("at", "by", "mark", "body", "odd"), garbage));
    const property = fc.asyncProperty(damage, entry, async (damages, logEntry) => {
      await server.command("FLUSHALL");
      for (const call of everyCall(store)) await call;
      for (const [[name, field], value] of damages) {
        await server.command("HSET", key(name ?? ""), field ?? "", value);
      }
      if (logEntry !== null) await server.command("XADD", key("log"), "2-0", ...logEntry);
      for (const result of await Promise.allSettled(everyCall(store))) {
        if (result.status === "rejected")
          assert.ok(result.reason instanceof StateUnavailableError, String(result.reason));
      }
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
