import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { SocketAddress } from "../../common/address.ts";
import type { Site } from "../../common/config/site.ts";
import { silentLogger } from "../../common/log.ts";
import type { SitePutBody, SiteRemovedBody, StatusBody } from "../../control/api/shapes.ts";
import { siteInput } from "../../control/site-text.ts";
import { startEdge } from "../../edge/server.ts";
import { openRedisState } from "../../state/redis.ts";
import type { StateStore } from "../../state/store.ts";
import { type ControlUnderTest, smallControlConfig, startTestControl } from "../control/support.ts";
import { aSite, startOrigin } from "../edge/harness.ts";
import type { Seeded } from "../fuzz/seeded.ts";
import { edgeConfig, startTestRouter } from "../router-dns/support.ts";
import { startFarProxy } from "../state/far-proxy.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { fetchAt } from "../support/http.ts";
import { startRedis } from "../support/redis.ts";
import { atEnd, type Scope } from "../support/scope.ts";

/** TTL of steered answers here, and how long edges serve what was removed. */
const TTL_SECONDS = 1;
const KEEP_REMOVED_MS = 4_000;
/** One edge is this far away from the state store: what DNS does not wait for, it has not. */
const FAR_MS = 100;
const CLIENTS = 6;
const SITES = 6;
const EDGES = [
  { name: "near-1", address: "127.0.31.1" },
  { name: "near-2", address: "127.0.31.2" },
  { name: "far-1", address: "127.0.31.3" },
] as const;

/** A small CDN of real parts: Redis, control server, router, three edges, an origin. */
export interface RolloutWorld {
  readonly control: ControlUnderTest;
  readonly store: StateStore;
  readonly dns: SocketAddress;
  readonly port: number;
  readonly originUrl: string;
}

/** Starts it; the store is far from one of its edges. */
export async function startRolloutWorld(t: Scope): Promise<RolloutWorld> {
  const redis = await startRedis();
  atEnd(t, () => redis.stop());
  const far = await startFarProxy(t, Number(new URL(redis.url).port), FAR_MS);
  const open = (url: string): StateStore => {
    const store = openRedisState({ url, log: silentLogger });
    atEnd(t, () => store.close());
    return store;
  };
  const origin = await startOrigin(t, (_request, response) => {
    response.setHeader("cache-control", "max-age=60");
    response.end("content");
  });
  const port = await freePort(EDGES[0].address);
  const store = open(redis.url);
  await eventually("the store answers", () => store.snapshot());
  for (const { name, address } of EDGES) {
    const isFar = name.startsWith("far");
    const edge = await startEdge({
      name,
      pop: "syd",
      cdnDomain: "kingcdn.test",
      listen: { host: address, port },
      admin: { host: "127.0.0.1", port: 0 },
      memoryBytes: 2 ** 24,
      sharesProcess: true,
      capacityBitsPerSecond: 1e9,
      profile: "safe",
      sites: [],
      anyHost: false,
      keepRemovedMs: KEEP_REMOVED_MS,
      state: open(isFar ? `redis://127.0.0.1:${far.port}` : redis.url),
      log: silentLogger,
    });
    atEnd(t, () => edge.stop(0));
  }
  const edges = EDGES.map(({ name, address }) => edgeConfig(name, address, port));
  const pops = [{ name: "syd", location: [-33.87, 151.21] as [number, number], edges }];
  const { dns } = await startTestRouter(t, {
    pops,
    sites: [],
    ttlSeconds: TTL_SECONDS,
    state: open(redis.url),
  });
  const config = { ...smallControlConfig(), pops, sites: [], ttlSeconds: TTL_SECONDS };
  const control = await startTestControl(t, open(redis.url), { config });
  await eventually("every edge says that it lives", async () => {
    assert.equal((await store.heartbeats()).length, EDGES.length);
  });
  return { control, store, dns, port, originUrl: origin.url };
}

/** What clients saw. */
export interface ClientTally {
  answers: number;
  unknownNames: number;
  readonly failures: string[];
}

/**
 * Clients that look a site up and fetch from whatever they are told, remembering an answer for its
 * TTL as resolvers do. Anything but a 200 from an address that DNS gave is a failure.
 */
export async function visit(
  { dns, port }: RolloutWorld,
  tally: ClientTally,
  isOver: () => boolean,
): Promise<void> {
  const resolver = new Resolver({ timeout: 5_000, tries: 3 });
  resolver.setServers([`${dns.host}:${dns.port}`]);
  const known = new Map<string, { readonly until: number; readonly addresses: string[] }>();
  for (let i = 0; !isOver(); i += 1) {
    const name = `s${i % SITES}.kingcdn.test`;
    const before = known.get(name);
    if (before === undefined || before.until < performance.now()) {
      const addresses = await resolver.resolve4(name).catch(() => []);
      if (addresses.length === 0) {
        tally.unknownNames += 1;
        known.delete(name);
        await pause(2);
        continue;
      }
      known.set(name, { until: performance.now() + TTL_SECONDS * 1_000, addresses });
    }
    const addresses = known.get(name)?.addresses ?? [];
    const host = addresses[i % addresses.length] ?? "";
    const { status } = await fetchAt(`http://${name}/x?${i % 7}`, { at: { host, port } });
    if (status === 200) tally.answers += 1;
    else tally.failures.push(`${name} at ${host}: ${status}`);
  }
}

/** Runs clients while `work` goes on, and tells what they saw. */
export async function underLoad(
  world: RolloutWorld,
  work: () => Promise<void>,
): Promise<ClientTally> {
  const tally: ClientTally = { answers: 0, unknownNames: 0, failures: [] };
  let over = false;
  const clients = Array.from({ length: CLIENTS }, () => visit(world, tally, () => over));
  try {
    await work();
  } finally {
    over = true;
    await Promise.all(clients);
  }
  return tally;
}

/** Makes random changes through the API, one after another: sites, rules, purges, drains. */
export async function changeAtRandom(
  { control, originUrl }: RolloutWorld,
  changes: number,
  random: Seeded,
): Promise<void> {
  const hosted = new Map<string, Site>();
  for (let i = 0; i < changes; i += 1) {
    const name = `s${random.below(SITES)}`;
    const site = hosted.get(name);
    const kind = site === undefined ? "put" : random.pick(["put", "put", "purge", "remove"]);
    if (kind === "purge") {
      const purge = await control.call("POST", `/sites/${name}/purge`, { all: true });
      assert.equal(purge.status, 200);
    } else if (kind === "remove") {
      const gone = await control.call<SiteRemovedBody>("DELETE", `/sites/${name}?wait=5000`);
      assert.equal(gone.body.stage, "done", JSON.stringify(gone.body));
      hosted.delete(name);
    } else {
      const rules = [{ match: "/x", cache: true, ttl: 1_000 * (1 + random.below(60)) }];
      const next = { ...aSite({ origins: [originUrl], site: { name, rules } }), hosts: [] };
      const path = `/sites/${name}?wait=${random.pick([0, 5_000])}`;
      const put = await control.call<SitePutBody>("PUT", path, siteInput(next));
      assert.equal(put.status, 200, JSON.stringify(put.body));
      assert.ok(put.body.stage === undefined || put.body.stage === "done");
      hosted.set(name, next);
    }
  }
}

/** The version that each edge is known to run, and the newest that there is. */
export async function versions({
  control,
}: RolloutWorld): Promise<{ readonly head: number; readonly edges: readonly number[] }> {
  const { body } = await control.call<StatusBody>("GET", "/status");
  const edges = body.pops.flatMap((pop) => pop.edges.map((edge) => edge.version ?? 0));
  return { head: body.state.version, edges };
}
