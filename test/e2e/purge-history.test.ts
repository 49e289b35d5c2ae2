import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { SocketAddress } from "../../common/address.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { silentLogger } from "../../common/log.ts";
import { startEdge } from "../../edge/server.ts";
import type { ChangeBody } from "../../state/change.ts";
import { edgeNode } from "../../state/records.ts";
import { openRedisState } from "../../state/redis.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { aSite, startOrigin, type TestOrigin } from "../edge/harness.ts";
import { fuzzSeed, Seeded } from "../fuzz/seeded.ts";
import { eventually } from "../support/eventually.ts";
import { fetchAt } from "../support/http.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { atEnd, type Scope } from "../support/scope.ts";
import { PurgeLedger } from "./purge-ledger.ts";

/*
 * A history of random writes, purges and reads while Redis is killed and edges come and go, held
 * against one promise: a read that began after an edge had acknowledged a purge gives nothing that
 * is older than that purge, and no read fails. FUZZ_SEED repeats the choices, not their timing.
 */

const EDGES = ["e1", "e2", "e3", "e4", "e5"] as const;
const HOST = "shop.example";
const READERS = 12;
const RUN_MS = 5_000;
/** The origin's answers are on their way for up to this long: purges meet them there. */
const ORIGIN_MS_MAX = 25;

const PATHS = ["a", "b"].flatMap((folder) =>
  Array.from({ length: 2 }, (_, i) => `/${folder}/${i}?q=${i}`),
) as [string, ...string[]];

const tagOf = (path: string): string => `t${Number(path[3])}`;

const NO_READS: ReadonlySet<Promise<void>> = new Set();

/** Everything of one run. */
interface World {
  readonly ledger: PurgeLedger;
  readonly redis: RedisServer;
  readonly control: StateStore;
  readonly origin: TestOrigin;
  readonly persist: boolean;
  readonly edges: Map<string, RunningDaemon>;
  /** Reads under way, by edge. */
  readonly reads: ReadonlyMap<string, Set<Promise<void>>>;
  /** The life of the log: one that comes back empty is another one. */
  life: number;
  over: boolean;
  hits: number;
  unknown: number;
  outages: number;
  restarts: number;
}

async function startWorld(t: Scope, persist: boolean, random: Seeded): Promise<World> {
  const ledger = new PurgeLedger(EDGES);
  const redis = await startRedis({ persist });
  atEnd(t, () => redis.stop());
  const origin = await startOrigin(t, (request, response) => {
    const path = request.url ?? "/";
    // Taken now and sent later, as a slow origin does.
    const etag = `"${ledger.version(path)}"`;
    const known = request.headers["if-none-match"] === etag;
    const fields = { "cache-control": "max-age=3600", etag, "surrogate-key": tagOf(path) };
    setTimeout(() => {
      response.writeHead(known ? 304 : 200, fields).flushHeaders();
      const end = (): void => void response.end(known ? undefined : etag.slice(1, -1));
      setTimeout(end, random.below(ORIGIN_MS_MAX));
    }, random.below(ORIGIN_MS_MAX));
  });
  const control = openState(t, redis);
  const reads = new Map(EDGES.map((edge) => [edge, new Set<Promise<void>>()]));
  const world: World = {
    ledger,
    redis,
    control,
    origin,
    persist,
    reads,
    edges: new Map(),
    life: 0,
    over: false,
    hits: 0,
    unknown: 0,
    outages: 0,
    restarts: 0,
  };
  await seed(world);
  for (const edge of EDGES) await open(t, world, edge);
  atEnd(t, async () => {
    await Promise.all([...world.edges.values()].map((edge) => edge.stop(1_000)));
  });
  return world;
}

function openState(t: Scope, redis: RedisServer): StateStore {
  const state = openRedisState({ url: redis.url, log: silentLogger });
  atEnd(t, () => state.close());
  return state;
}

/** What the control server does when it meets an empty log. */
async function seed({ control, origin }: World): Promise<void> {
  const site = aSite({ origins: [origin.url] });
  await eventually("the site is in the log", () => control.append({ kind: "site-put", site }, "t"));
}

async function open(t: Scope, world: World, name: string): Promise<void> {
  const edge = await startEdge({
    name,
    pop: "test",
    listen: { host: "127.0.0.1", port: 0 },
    admin: { host: "127.0.0.1", port: 0 },
    memoryBytes: 2 ** 24,
    capacityBitsPerSecond: 1e9,
    profile: "safe",
    anyHost: false,
    sites: [aSite({ origins: [world.origin.url] })],
    state: openState(t, world.redis),
    log: silentLogger,
  });
  world.edges.set(name, edge);
}

/** Reads at random edges until the run is over. */
async function readOn(world: World, random: Seeded): Promise<void> {
  while (!world.over) {
    const [first, ...more] = world.edges;
    if (first === undefined) return;
    const [name, edge] = random.pick([first, ...more]);
    const reading = readOnce(world, name, edge.addresses["http"], random.pick(PATHS));
    const underWay = world.reads.get(name);
    underWay?.add(reading);
    try {
      await reading;
    } finally {
      underWay?.delete(reading);
    }
  }
}

async function readOnce(
  world: World,
  edge: string,
  at: SocketAddress | undefined,
  path: string,
): Promise<void> {
  const { ledger } = world;
  assert.ok(at !== undefined);
  const atLeast = ledger.floor(edge, path);
  const answer = await fetchAt(`http://${HOST}${path}`, { at });
  assert.equal(answer.status, 200, `${path} at ${edge}: ${answer.body.toString()}`);
  if (/; hit/.test(answer.field("cache-status") ?? "")) world.hits += 1;
  ledger.read(edge, path, Number(answer.body.toString()), atLeast);
}

/** Writes some paths and purges them until the run is over. */
async function purgeOn(world: World, random: Seeded): Promise<void> {
  while (!world.over) {
    const purge = aPurge(random.pick(PATHS), random);
    for (const path of purge.paths) world.ledger.write(path);
    await purgeOnce(world, purge);
    await delay(random.below(60));
  }
}

/** A purge that concerns a path, and all the paths that it concerns. */
function aPurge(path: string, random: Seeded): { body: ChangeBody; paths: readonly string[] } {
  const kind = random.pick(["purge-urls", "purge-prefixes", "purge-tags", "purge-all"]);
  // Nothing here may be served while it is refreshed: a soft purge promises as much as a hard one.
  const base = { site: "shop", ...(random.below(3) === 0 ? { soft: true as const } : {}) };
  const url = `http://${HOST}${path}`;
  switch (kind) {
    case "purge-urls":
      return { body: { kind, ...base, urls: [url] }, paths: [path] };
    case "purge-prefixes": {
      const folder = path.slice(0, 3);
      const paths = PATHS.filter((other) => other.startsWith(folder));
      return { body: { kind, ...base, prefixes: [`http://${HOST}${folder}`] }, paths };
    }
    case "purge-tags": {
      const tag = tagOf(path);
      const paths = PATHS.filter((other) => tagOf(other) === tag);
      return { body: { kind, ...base, tags: [tag] }, paths };
    }
    default:
      return { body: { kind: "purge-all", ...base }, paths: PATHS };
  }
}

async function purgeOnce(
  world: World,
  { body, paths }: { readonly body: ChangeBody; readonly paths: readonly string[] },
): Promise<number | undefined> {
  const { ledger, control } = world;
  const floors = ledger.promise(paths);
  const { life } = world;
  try {
    const { version } = await control.append(body, "test");
    if (life === world.life) ledger.purged(version, life, floors);
    return version;
  } catch (error) {
    // It may be in the log or not: nothing is promised.
    if (!(error instanceof StateUnavailableError)) throw error;
    world.unknown += 1;
    return undefined;
  }
}

/** Sees who has acknowledged what until the run is over. */
async function observeOn(world: World): Promise<void> {
  while (!world.over) {
    await observeOnce(world);
    await delay(2);
  }
}

async function observeOnce(world: World): Promise<void> {
  const { life } = world;
  try {
    const versions = await world.control.acknowledgements();
    if (life !== world.life) return;
    for (const edge of EDGES) {
      world.ledger.acknowledge(edge, versions.get(edgeNode(edge)) ?? 0, life);
    }
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
  }
}

/** Kills Redis now and then, for less or more time than an edge takes to notice. */
async function killOn(world: World, random: Seeded): Promise<void> {
  while (!world.over) {
    await delay(500 + random.below(1_000));
    if (world.over) return;
    if (!world.persist) world.life += 1;
    await world.redis.kill();
    world.outages += 1;
    await delay(random.below(3) === 0 ? 1_900 : random.below(500));
    await world.redis.restart();
    await seed(world);
  }
}

/** Stops and starts edges: as a drained one, each has no reads when it stops. */
async function restartOn(t: Scope, world: World, random: Seeded): Promise<void> {
  while (!world.over) {
    await delay(random.below(600));
    const name = random.pick(EDGES);
    const edge = world.edges.get(name);
    world.edges.delete(name);
    await Promise.allSettled(world.reads.get(name) ?? NO_READS);
    await edge?.stop(1_000);
    await open(t, world, name);
    world.restarts += 1;
  }
}

suite("purge: what a read may give after an acknowledgement", () => {
  for (const persist of [true, false]) {
    const log = persist ? "with its log" : "empty";
    test(`nothing older than the purge, while Redis dies and comes back ${log}`, async (t) => {
      const start = fuzzSeed();
      t.diagnostic(`FUZZ_SEED=${start}`);
      const randoms = Array.from({ length: READERS + 4 }, (_, i) => new Seeded(start + i));
      const [slow, purges, kills, restarts, ...readers] = randoms as [
        Seeded,
        Seeded,
        Seeded,
        Seeded,
        ...Seeded[],
      ];
      const world = await startWorld(t, persist, slow);
      const { ledger } = world;
      setTimeout(() => {
        world.over = true;
      }, RUN_MS);
      await Promise.all([
        purgeOn(world, purges),
        observeOn(world),
        killOn(world, kills),
        restartOn(t, world, restarts),
        ...readers.map((random) => readOn(world, random)),
      ]);
      await settle(world);
      const { boundReads, acknowledged, violations } = ledger;
      const { hits, outages, unknown } = world;
      t.diagnostic(
        JSON.stringify({ boundReads, acknowledged, hits, outages, unknown, edges: world.restarts }),
      );
      assert.deepEqual(violations, [], `FUZZ_SEED=${start}`);
      assert.ok(boundReads > 50 && hits > 10 && acknowledged > 20, "the run has shown something");
      assert.ok(outages > 0 && world.restarts > 0);
    });
  }
});

/** When all is well again, one more purge reaches every edge, and all give what the origin has. */
async function settle(world: World): Promise<void> {
  const { ledger } = world;
  for (const path of PATHS) ledger.write(path);
  await eventually("a purge is accepted and acknowledged by all", async () => {
    await purgeOnce(world, { body: { kind: "purge-all", site: "shop" }, paths: PATHS });
    await eventually(
      "acknowledged",
      async () => {
        await observeOnce(world);
        for (const edge of EDGES)
          assert.equal(ledger.floor(edge, PATHS[0]), ledger.version(PATHS[0]));
      },
      { withinMs: 2_000 },
    );
  });
  for (const [name, edge] of world.edges) {
    for (const path of PATHS) await readOnce(world, name, edge.addresses["http"], path);
  }
}
