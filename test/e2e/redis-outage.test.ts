import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, describe, it } from "node:test";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { silentLogger } from "../../common/log.ts";
import { startOrigin } from "../../origin/server.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { fetchAt } from "../support/http.ts";
import { Load } from "../support/load.ts";
import { runMeridian, startMeridian } from "../support/process.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { atEnd, type Scope, suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";

const HOST = "video.netcinema.test";
const POSTER = `http://${HOST}/poster.svg`;
const EDGES = [
  { name: "syd-1", pop: "syd", place: "[-33.87, 151.21]", host: "127.0.30.1" },
  { name: "fra-1", pop: "fra", place: "[50.11, 8.68]", host: "127.0.30.2" },
];

/** Coming back includes the pause of a client that has tried in vain for a while. */
const BACK_MS_MAX = 15_000;

interface Fleet {
  readonly edges: readonly { readonly http: SocketAddress; readonly admin: SocketAddress }[];
  readonly dns: SocketAddress;
  readonly api: string;
  readonly tokenFile: string;
  readonly origin: SocketAddress;
}

for (const persist of [true, false]) {
  const what = persist ? "comes back with its data" : "comes back empty";
  describe(`redis-server is killed under load and ${what}`, () => {
    const scope = suiteScope();
    let redis: RedisServer;
    let fleet: Fleet;
    let load: Load;

    before(async () => {
      redis = await startRedis({ persist });
      atEnd(scope, () => redis.stop());
      fleet = await startFleet(scope, redis.url);
      const ats = fleet.edges.map(({ http }) => http);
      const asks = ["/poster.svg", "/style.css", "/"].flatMap((path) =>
        ats.map((at) => ({ url: `http://${HOST}${path}`, at })),
      );
      load = new Load({ asks, clients: 6, pauseMs: 5 });
      atEnd(scope, async () => {
        await load.stop();
      });
      await load.more(200);
    });

    async function cacheStatus(at: SocketAddress): Promise<string> {
      return (await fetchAt(POSTER, { at })).field("cache-status") ?? "";
    }

    async function purge(): Promise<void> {
      const args = ["purge", POSTER, "--wait", "--api", fleet.api];
      const { code, stdout, stderr } = await runMeridian(args, {
        env: { MERIDIAN_TOKEN_FILE: fleet.tokenFile },
      });
      assert.equal(code, 0, `${stdout}\n${stderr}`);
    }

    async function stateUp(admin: SocketAddress): Promise<string | undefined> {
      const { body } = await fetchAt("http://admin/metrics", { at: admin });
      return /^meridian_state_up(?:\{.*\})? (\d)$/m.exec(body.toString())?.[1];
    }

    async function all(value: "0" | "1"): Promise<void> {
      for (const { admin } of fleet.edges) {
        await eventually(
          `state_up ${value}`,
          async () => assert.equal(await stateUp(admin), value),
          {
            withinMs: BACK_MS_MAX,
          },
        );
      }
    }

    it("before that, a purge reaches every edge", async () => {
      await purge();
      // Whoever asks first after a purge refills it; the load and this test race for that.
      for (const { http } of fleet.edges) assert.match(await cacheStatus(http), /hit|fwd=/);
    });

    it("while it is gone, edges and routers go on serving", async () => {
      await redis.kill();
      await all("0");
      await load.more(500);
      for (const { http } of fleet.edges) assert.match(await cacheStatus(http), /; hit/);
      const question = { server: fleet.dns.host, port: fleet.dns.port, name: HOST };
      const answer = await dig({ ...question, subnet: "129.94.0.0/24" });
      assert.equal(answerData(answer, "A")[0], EDGES[0]?.host);
    });

    it("a change that cannot be kept is refused, not lost in silence", async () => {
      const { code, stderr } = await runMeridian(["purge", POSTER, "--api", fleet.api]);
      assert.equal(code, 1, stderr);
    });

    it("when it is back, changes arrive again", async (t) => {
      const started = performance.now();
      await redis.restart();
      await all("1");
      t.diagnostic(`caught up ${Math.round(performance.now() - started)} ms after the restart`);
      await eventually("a purge is applied everywhere", purge, { withinMs: BACK_MS_MAX });
      await load.more(200);
    });

    it("none of the requests has failed", async (t) => {
      const report = await load.stop();
      t.diagnostic(`${report.requests} requests, slowest ${Math.round(report.slowestMs)} ms`);
      assert.deepEqual(report.failures.slice(0, 10), []);
      assert.ok(report.requests > 900);
    });
  });
}

describe("edges that may have missed a purge", () => {
  const scope = suiteScope();
  let redis: RedisServer;
  let fleet: Fleet;

  before(async () => {
    redis = await startRedis({ persist: false });
    atEnd(scope, () => redis.stop());
    fleet = await startFleet(scope, redis.url);
  });

  it("ask the origin again before they serve what they have", async () => {
    const [edge] = fleet.edges;
    assert.ok(edge);
    const status = async () => (await fetchAt(POSTER, { at: edge.http })).field("cache-status");
    await status();
    assert.match((await status()) ?? "", /; hit/);
    await redis.kill();
    assert.match((await status()) ?? "", /; hit/);
    // It comes back without its log: whatever was purged in it can no longer be known.
    await redis.restart();
    await eventually("the edge has validated its copy", async () => {
      assert.match((await status()) ?? "", /fwd=stale; fwd-status=304/);
    });
    // As long as it catches up it asks each time.
    await eventually("its copy is served again", async () => {
      assert.match((await status()) ?? "", /; hit/);
    });
  });
});

/** The origin, control, one router and two edges, each a process of its own but the origin. */
async function startFleet(scope: Scope, redisUrl: string): Promise<Fleet> {
  const daemon = await startOrigin({ listen: { host: "127.0.0.1", port: 0 }, log: silentLogger });
  atEnd(scope, () => daemon.stop(0));
  const origin = daemon.addresses["http"];
  assert.ok(origin);
  const here = async () => ({ host: "127.0.0.1", port: await freePort() });
  const [dns, routerAdmin, api, apiAdmin] = [
    await here(),
    await here(),
    await here(),
    await here(),
  ];
  const placed = await Promise.all(
    EDGES.map(async (edge) => {
      const http = { host: edge.host, port: await freePort(edge.host) };
      const admin = { host: edge.host, port: await freePort(edge.host) };
      return { ...edge, http, admin };
    }),
  );
  const pops = placed.map(({ name, pop, place, http, admin }) => ({
    name: pop,
    location: JSON.parse(place) as number[],
    edges: [{ name, address: http.host, port: http.port, admin: formatSocketAddress(admin) }],
  }));
  const file = join(tempDir(scope), "fleet.yaml");
  // YAML is a superset of JSON.
  const config = {
    cdn: {
      domain: "kingcdn.test",
      nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
    },
    redis: redisUrl,
    router: { listen: [formatSocketAddress(dns)], admin: formatSocketAddress(routerAdmin) },
    control: { listen: formatSocketAddress(api), admin: formatSocketAddress(apiAdmin) },
    pops,
    sites: [
      {
        name: "netcinema",
        hosts: [HOST],
        origin: { urls: [`http://${formatSocketAddress(origin)}`] },
      },
    ],
    zones: [{ file: join(import.meta.dirname, "zones", "netcinema.test.zone") }],
  };
  writeFileSync(file, JSON.stringify(config));
  const role = (...args: string[]) => startMeridian(scope, [...args, "--config", file]);
  await role("control");
  await Promise.all(placed.map(({ name }) => role("edge", "--name", name)));
  await role("router", "--name", "ns1");
  return {
    edges: placed,
    dns,
    api: `http://${formatSocketAddress(api)}`,
    tokenFile: join(dirname(file), "meridian.token"),
    origin,
  };
}
