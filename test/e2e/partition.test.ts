import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { FakeEdge } from "../router-dns/support.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { fetchAt } from "../support/http.ts";
import { startMeridian } from "../support/process.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { atEnd, type Scope, suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";

const POPS = [
  { name: "syd", location: [-33.87, 151.21], host: "127.0.41.1", subnet: "129.94.0.0/24" },
  { name: "fra", location: [50.11, 8.68], host: "127.0.41.2", subnet: "141.2.0.0/24" },
  { name: "iad", location: [38.95, -77.45], host: "127.0.41.3", subnet: "12.0.0.0/24" },
] as const;

const ROUTERS = [0, 1, 2];

interface Router {
  readonly dns: SocketAddress;
  readonly admin: SocketAddress;
  /** The edges as this router reaches them: each at a port that only it is told of. */
  readonly paths: readonly FakeEdge[];
}

describe("three routers over one redis-server", () => {
  const scope = suiteScope();
  let redis: RedisServer;
  let routers: readonly Router[];

  before(async () => {
    redis = await startRedis();
    atEnd(scope, () => redis.stop());
    const { url } = redis;
    routers = await Promise.all(ROUTERS.map((number) => startRouterProcess(scope, number, url)));
    await eventually("all routers see one another", async () => {
      for (const router of routers) {
        assert.equal((await votes(router)).length, ROUTERS.length * POPS.length);
      }
    });
  });

  /** What each router answers clients near each PoP. */
  function answers(): Promise<string[][]> {
    return Promise.all(
      routers.map(({ dns }) =>
        Promise.all(
          POPS.map(async ({ subnet }) => {
            const name = "netcinema.kingcdn.test";
            const answer = await dig({ server: dns.host, port: dns.port, name, subnet });
            return answerData(answer, "A").join();
          }),
        ),
      ),
    );
  }

  async function eachRouterTold(router: number, value: string): Promise<void> {
    await eventually(`everybody knows that router ${router} sees ${value}`, async () => {
      for (const one of routers) {
        const seen = (await votes(one)).filter(({ vantage }) => vantage === `r${router}`);
        assert.deepEqual(
          seen.map((vote) => vote.value),
          POPS.map(() => value),
        );
      }
    });
  }

  /** The edge of one PoP, as each router reaches it. */
  function pathsTo(pop: number): readonly FakeEdge[] {
    return routers.flatMap(({ paths }) => paths.slice(pop, pop + 1));
  }

  const closest = POPS.map(({ host }) => host);

  it("answer alike while all is well", async () => {
    assert.deepEqual(await answers(), [closest, closest, closest]);
  });

  for (const router of ROUTERS) {
    it(`router ${router} loses its way to all edges: no answer changes, nor when it is back`, async () => {
      const { paths } = routers[router] ?? { paths: [] };
      await Promise.all(paths.map((path) => path.kill()));
      await eachRouterTold(router, "0");
      assert.deepEqual(await answers(), [closest, closest, closest]);
      await Promise.all(paths.map((path) => path.start()));
      await eachRouterTold(router, "1");
      assert.deepEqual(await answers(), [closest, closest, closest]);
    });
  }

  it("two of three lose their way to one edge: all answers change, and change back", async () => {
    const paths = pathsTo(0).filter((_, router) => router !== 1);
    await Promise.all(paths.map((path) => path.kill()));
    await eventually("nobody names the edge", async () => {
      for (const given of await answers()) {
        assert.notEqual(given[0], "127.0.41.1");
        assert.deepEqual(given.slice(1), closest.slice(1));
      }
    });
    await Promise.all(paths.map((path) => path.start()));
    await eventually("everybody names it again", async () => {
      assert.deepEqual(await answers(), [closest, closest, closest]);
    });
  });

  it("an edge that dies has left all answers within 3 s, and not for a moment comes back", async () => {
    await Promise.all(pathsTo(1).map((path) => path.kill()));
    const died = performance.now();
    let lastNamed = died;
    let rounds = 0;
    for (let gone = 0; gone < 10; gone += 1) {
      const asked = performance.now();
      const isNamed = (await answers()).some((given) => given.includes("127.0.41.2"));
      rounds += 1;
      assert.ok(rounds < 200, "the edge never left");
      if (!isNamed) continue;
      assert.equal(gone, 0, "the edge came back into answers");
      lastNamed = asked;
      gone = -1;
    }
    assert.ok(lastNamed - died < 3_000, `named for ${Math.round(lastNamed - died)} ms`);
    await Promise.all(pathsTo(1).map((path) => path.start()));
    await eventually("it is back", async () => {
      assert.deepEqual(await answers(), [closest, closest, closest]);
    });
  });

  it("without redis a router that sees nothing goes on, and a dead edge still leaves", async () => {
    await redis.stop();
    const [blind] = routers;
    assert.ok(blind);
    await Promise.all(blind.paths.map((path) => path.kill()));
    await eventually(
      "the others are forgotten, and nothing is changed",
      async () => {
        assert.equal(await metric(blind, "meridian_dns_health_quorum"), "0");
        const { length } = await votes(blind);
        assert.equal(length, POPS.length);
      },
      { withinMs: 20_000 },
    );
    // The first probe to fail is believed until it is seen how many do.
    await eventually("answers are as they were", async () => {
      assert.deepEqual(await answers(), [closest, closest, closest]);
    });
    await routers[1]?.paths[2]?.kill();
    await eventually("the dead edge leaves where it is seen to be dead", async () => {
      const given = await answers();
      assert.deepEqual(given[0], closest);
      assert.notEqual(given[1]?.[2], "127.0.41.3");
    });
  });
});

async function metric(router: Router, name: string): Promise<string | undefined> {
  const { body } = await fetchAt("http://admin/metrics", { at: router.admin });
  return new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(body.toString())?.[1];
}

/** What each vantage sees of each edge, as one router tells it. */
async function votes(
  router: Router,
): Promise<readonly { readonly vantage: string; readonly value: string }[]> {
  const { body } = await fetchAt("http://admin/metrics", { at: router.admin });
  const lines = body.toString().matchAll(/^meridian_dns_edge_vantage_health\{(.*)\} (\S+)$/gm);
  return [...lines].map(([, labels = "", value = ""]) => ({
    vantage: /vantage="([^"]*)"/.exec(labels)?.[1] ?? "",
    value,
  }));
}

async function startRouterProcess(scope: Scope, number: number, redis: string): Promise<Router> {
  const paths = await Promise.all(
    POPS.map(async ({ host }) => {
      const edge = new FakeEdge(host);
      atEnd(scope, () => edge.kill());
      await edge.start();
      return edge;
    }),
  );
  const dns = { host: "127.0.0.1", port: await freePort() };
  const admin = { host: "127.0.0.1", port: await freePort() };
  const file = join(tempDir(scope), "router.yaml");
  // YAML is a superset of JSON.
  const config = {
    cdn: {
      domain: "kingcdn.test",
      nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
    },
    redis,
    router: { listen: [formatSocketAddress(dns)], admin: formatSocketAddress(admin) },
    pops: POPS.map(({ name, location, host }, index) => ({
      name,
      location,
      edges: [{ name: `${name}-1`, address: host, port: paths[index]?.port }],
    })),
    sites: [{ name: "netcinema", origin: { urls: ["http://127.0.0.1:9"] } }],
  };
  writeFileSync(file, JSON.stringify(config));
  await startMeridian(scope, ["router", "--name", `r${number}`, "--config", file]);
  return { dns, admin, paths };
}
