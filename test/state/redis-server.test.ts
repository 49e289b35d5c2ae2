import assert from "node:assert/strict";
import { after, test } from "node:test";
import { pino } from "pino";
import { silentLogger } from "../../common/log.ts";
import { openRedisState } from "../../state/redis.ts";
import type { StateStore } from "../../state/store.ts";
import { aSite, everyCall, until } from "../contract/state-contract.ts";
import { startRedis } from "../support/redis.ts";
import type { Scope } from "../support/scope.ts";

// Connections that are being retried do not keep a process alive; the tests do.
const alive = setInterval(() => {}, 1_000);
const server = await startRedis();
after(async () => {
  clearInterval(alive);
  await server.stop();
});

async function connected(scope: Scope, prefix: string): Promise<StateStore> {
  const store = openRedisState({ url: server.url, prefix, log: silentLogger });
  scope.after(() => store.close());
  await until(() => store.isUp(), "the connection");
  return store;
}

/** The words of a reply that is an array of strings. */
function words(reply: string): string[] {
  return reply.split("\r\n").filter((line, index) => index % 2 === 0 && index > 0 && line !== "");
}

test("every key is in one hash slot, and expires or is bounded by the configuration", async (t) => {
  const store = await connected(t, "keys");
  for (const call of everyCall(store)) await call;
  const keys = words(await server.command("KEYS", "*")).sort();
  const own = (name: string): string => `meridian:{keys}:${name}`;
  // Secrets are as many as there are kinds of them, and told round trips are one bounded record.
  const forGood = [own("log"), own("now"), own("round-trips"), own("secrets")];
  const names = ["acks", "beats", "lease:l", "load", "measured", "objects-at:n", "objects:n"];
  const expiring = [...names, "reports"].map(own);
  assert.deepEqual(keys, [...forGood, ...expiring].sort());
  for (const key of expiring) {
    const ttl = Number((await server.command("PTTL", key)).slice(1));
    assert.ok(ttl > 0, `${key} expires in ${ttl} ms`);
  }
});

test("two prefixes on one server know nothing of each other", async (t) => {
  const [one, two] = [await connected(t, "one"), await connected(t, "two")];
  await one.append({ kind: "site-put", site: aSite("a") }, "t");
  assert.deepEqual((await two.snapshot()).sites, []);
  assert.notEqual((await one.snapshot()).epoch, (await two.snapshot()).epoch);
});

test("an evicted snapshot takes log and acknowledgements with it: a new epoch", async (t) => {
  const store = await connected(t, "evicted");
  await store.append({ kind: "site-put", site: aSite("a") }, "t");
  await store.append({ kind: "purge-all", site: "a" }, "t");
  await store.acknowledge("syd-1", 2);
  const { epoch } = await store.snapshot();
  await server.command("DEL", "meridian:{evicted}:now");
  const page = await store.changesAfter(2, 10);
  assert.deepEqual([page.complete, page.head], [false, 0]);
  assert.notEqual(page.epoch, epoch);
  assert.deepEqual(await store.acknowledgements(), new Map());
  assert.equal((await store.append({ kind: "drain", edge: "e" }, "t")).version, 1);
});

test("an evicted log is one that does not reach back, and goes on", async (t) => {
  const store = await connected(t, "cut");
  for (const edge of ["a", "b", "c"]) await store.append({ kind: "drain", edge }, "t");
  await server.command("DEL", "meridian:{cut}:log");
  assert.equal((await store.changesAfter(1, 10)).complete, false);
  assert.equal((await store.changesAfter(3, 10)).complete, true);
  await store.append({ kind: "drain", edge: "d" }, "t");
  assert.deepEqual(
    (await store.changesAfter(3, 10)).changes.map((it) => it.version),
    [4],
  );
});

test("what is acknowledged of a log that is gone does not count for the next", async (t) => {
  const [edge, control] = [await connected(t, "acks"), await connected(t, "acks")];
  for (const site of ["a", "b"]) await edge.append({ kind: "purge-all", site }, "t");
  await server.command("DEL", "meridian:{acks}:now");
  for (const site of ["a", "b"]) await control.append({ kind: "purge-all", site }, "t");
  // The edge has not looked since, and still speaks of the old log.
  await edge.acknowledge("syd-1", 2);
  assert.deepEqual(await control.acknowledgements(), new Map());
  await edge.changesAfter(0, 10);
  await edge.acknowledge("syd-1", 2);
  assert.deepEqual(await control.acknowledgements(), new Map([["syd-1", 2]]));
  await edge.acknowledge("fra-1", 3);
  assert.equal((await control.acknowledgements()).has("fra-1"), false, "3 does not exist yet");
});

test("a watcher hears of an append although its own connection was cut", async (t) => {
  const store = await connected(t, "watch");
  const other = await connected(t, "watch");
  let seen = 0;
  store.watch(() => {
    store.changesAfter(0, 1).then(
      (page) => (seen = page.head),
      () => {},
    );
  });
  await until(
    async () => (await server.command("PUBSUB", "CHANNELS", "*")).includes("{watch}"),
    "the subscription",
  );
  await server.command("CLIENT", "KILL", "TYPE", "pubsub");
  await other.append({ kind: "purge-all", site: "a" }, "t");
  await until(() => seen === 1, "the wake");
});

test("a password is used, not logged; a wrong one does not end the process", async (t) => {
  const secured = await startRedis({ settings: { requirepass: "s3cret" }, password: "s3cret" });
  t.after(() => secured.stop());
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  const open = (password: string): StateStore => {
    const store = openRedisState({ url: `redis://:${password}@127.0.0.1:${secured.port}`, log });
    t.after(() => store.close());
    return store;
  };
  const [right, wrong] = [open("s3cret"), open("wr0ng")];
  await until(() => right.isUp(), "the connection");
  await until(() => lines.some((line) => line.includes("WRONGPASS")), "the complaint");
  assert.equal(wrong.isUp(), false);
  assert.equal(
    lines.some((line) => /s3cret|wr0ng/.test(line)),
    false,
  );
});
