import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { median } from "../../bench/median.ts";
import { BOARDS } from "../../deploy/tools/grafana/boards.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { type FetchedResponse, fetchAt } from "../support/http.ts";
import { runProcess } from "../support/process.ts";
import { RunningPrometheus } from "../support/prometheus.ts";
import { Deployment, findEngine } from "./engine.ts";

/** A deployment that is not healthy by then is broken (the images are there already). */
const HEALTHY_WITHIN_MS = 60_000;

/** How long a dead edge may be answered: the 3 s, and what the engine's own work takes. */
const FAILOVER_WITHIN_MS = 3_000;
const ENGINE_MARGIN_MS = 2_000;

/** Clients by region: a network there, the address that DNS must give them, and who is next. */
const REGIONS = {
  syd: { client: "129.94.0.0/24", edge: "172.30.1.11" },
  fra: { client: "5.9.0.0/24", edge: "172.30.2.11" },
  iad: { client: "3.208.0.0/24", edge: "172.30.3.11" },
  nrt: { client: "133.11.0.0/24", edge: "172.30.4.11" },
  gru: { client: "200.160.0.0/24", edge: "172.30.5.11" },
} as const;

const ORIGIN = { host: "172.30.3.20", port: 9000 };
const EDGE_PORT = 8080;

const ports = {
  MERIDIAN_DNS_PORT: await freePort(),
  MERIDIAN_API_PORT: await freePort(),
  MERIDIAN_PROMETHEUS_PORT: await freePort(),
  MERIDIAN_GRAFANA_PORT: await freePort(),
  MERIDIAN_SYD_PORT: await freePort(),
  MERIDIAN_FRA_PORT: await freePort(),
  MERIDIAN_IAD_PORT: await freePort(),
  MERIDIAN_NRT_PORT: await freePort(),
  MERIDIAN_GRU_PORT: await freePort(),
};

const env = {
  ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
  MERIDIAN_IMAGE: `meridian:test-${process.pid}`,
};
const deployment = await prepare();
const unavailable = typeof deployment === "string" ? deployment : false;

describe("docker-compose.yml", { skip: unavailable, timeout: 240_000 }, () => {
  assert.ok(typeof deployment !== "string");
  const up = deployment;

  let healthyAfterMs = Number.NaN;

  // The last resort: a deadline or Ctrl-C ends this process before `after` has run.
  const downNow = () => up.downNow();
  const end = () => process.exit(1);

  before(async () => {
    process.once("exit", downNow).once("SIGINT", end).once("SIGTERM", end);
    await up.build();
    const start = performance.now();
    try {
      await up.up();
      const withinMs = HEALTHY_WITHIN_MS - (performance.now() - start);
      await eventually("all containers healthy", allHealthy, { withinMs, everyMs: 250 });
    } catch (cause) {
      throw new Error(await up.logs(), { cause });
    }
    healthyAfterMs = performance.now() - start;
  });

  after(async () => {
    await up.down();
    process.off("exit", downNow).off("SIGINT", end).off("SIGTERM", end);
    await runProcess({ command: "docker", args: ["image", "rm", env.MERIDIAN_IMAGE] });
  });

  test("everything is healthy within 60 s", (t) => {
    t.diagnostic(`healthy after ${(healthyAfterMs / 1000).toFixed(1)} s`);
    assert.ok(healthyAfterMs <= HEALTHY_WITHIN_MS);
  });

  test("no container is root, can write to its root file system or has a capability", async () => {
    for (const container of await up.containers()) {
      const { name, user, readOnly, droppedCapabilities } = container;
      assert.ok(readOnly, `${name} has a writable root file system`);
      assert.deepEqual(droppedCapabilities, ["ALL"], name);
      assert.ok(!["", "root", "0", "0:0"].includes(user), `${name} runs as "${user}"`);
    }
  });

  for (const [region, { client, edge }] of Object.entries(REGIONS)) {
    test(`DNS sends a client of ${client} to ${region}, over UDP and TCP`, async () => {
      assert.deepEqual(await edgesFor(client), edge);
      assert.deepEqual(await edgesFor(client, ["+tcp"]), edge);
    });
  }

  test("from dig to a cached byte: the customer's name, a miss, then a hit", async () => {
    const name = "video.netcinema.test";
    const answer = await dig({ ...server(), name, subnet: REGIONS.syd.client });
    assert.deepEqual(answerData(answer, "CNAME"), ["netcinema.kingcdn.test."]);
    const [edge = ""] = answerData(answer, "A");
    assert.equal(edge, REGIONS.syd.edge);
    const url = `http://${name}/big.bin`;
    const miss = await fetchAt(url, { at: { host: edge, port: EDGE_PORT } });
    const hit = await fetchAt(url, { at: { host: edge, port: EDGE_PORT } });
    const truth = await fetchAt(url, { at: ORIGIN });
    assert.match(miss.field("cache-status") ?? "", /^syd-1; fwd=uri-miss;.*stored/);
    assert.match(hit.field("cache-status") ?? "", /^syd-1; hit/);
    assert.equal(hit.field("x-origin-request"), miss.field("x-origin-request"));
    assert.notEqual(truth.field("x-origin-request"), miss.field("x-origin-request"));
    for (const response of [miss, hit]) assert.ok(response.body.equals(truth.body));
  });

  test("distance is real: a miss in Sydney waits for Ashburn, a hit does not", async (t) => {
    const at = { host: REGIONS.syd.edge, port: EDGE_PORT };
    const misses: number[] = [];
    const hits: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const url = `http://video.netcinema.test/fresh?s=60&distance=${i}`;
      misses.push((await fetchAt(url, { at })).headMs);
      hits.push((await fetchAt(url, { at })).headMs);
    }
    t.diagnostic(`miss ${median(misses).toFixed(0)} ms, hit ${median(hits).toFixed(1)} ms`);
    assert.ok(median(misses) >= 195, `${misses.join(", ")} ms`);
    assert.ok(median(hits) < 100, `${hits.join(", ")} ms`);
  });

  test("a client that stands in São Paulo feels how far Sydney is", async () => {
    const { stdout, code } = await runProcess({
      command: "curl",
      args: [
        "--silent",
        "--show-error",
        "--proxytunnel",
        "--proxy",
        `http://127.0.0.1:${ports.MERIDIAN_GRU_PORT}`,
        "--connect-to",
        `::${REGIONS.syd.edge}:${EDGE_PORT}`,
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code} %{time_starttransfer}",
        "http://video.netcinema.test/fresh?s=60&distance=0",
      ],
    });
    assert.equal(code, 0);
    const [status, time] = stdout.split(" ");
    assert.equal(status, "200");
    // Opening the connection, and the request: two round trips of 310 ms.
    assert.ok(Number(time) >= 0.6, stdout);
  });

  test("a region that is cut off loses its clients in 3 s, and gets them back", async (t) => {
    const { client, edge } = REGIONS.syd;
    await up.cutOff("edge-syd");
    const cut = performance.now();
    const next = await eventually(
      "DNS leaves the region",
      async () => {
        const found = await edgesFor(client);
        assert.notEqual(found, edge);
        return found;
      },
      { withinMs: FAILOVER_WITHIN_MS + ENGINE_MARGIN_MS },
    );
    t.diagnostic(`moved to ${next} after ${seconds(cut)}`);
    assert.equal(next, REGIONS.nrt.edge, "the next closest");
    assert.equal(await edgesFor(REGIONS.fra.client), REGIONS.fra.edge, "others stay");
    const url = "http://video.netcinema.test/fresh?s=60";
    assert.equal((await fetchAt(url, { at: { host: next, port: EDGE_PORT } })).status, 200);

    await up.reconnect("edge-syd", edge);
    const healed = performance.now();
    await eventually("DNS returns to the region", async () => {
      assert.equal(await edgesFor(client), edge);
    });
    t.diagnostic(`back after ${seconds(healed)}`);
    assert.equal((await fetchAt(url, { at: { host: edge, port: EDGE_PORT } })).status, 200);
  });

  test("a purge reaches the edges of all five regions, also the one that was cut off", async () => {
    const url = "http://video.netcinema.test/fresh?s=60&distance=0";
    const purge = `http://127.0.0.1:${ports.MERIDIAN_API_PORT}/v1/sites/netcinema/purge?wait=10000`;
    const answer = await fetch(purge, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ urls: [url] }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, text);
    const { acknowledged, pending } = JSON.parse(text) as {
      acknowledged: readonly { edge: string }[];
      pending: readonly { edge: string }[];
    };
    assert.deepEqual(pending, []);
    const edges = acknowledged.map(({ edge }) => edge).sort();
    assert.deepEqual(edges, ["fra-1", "gru-1", "iad-1", "nrt-1", "syd-1"]);
    const after = await fetchAt(url, { at: { host: REGIONS.syd.edge, port: EDGE_PORT } });
    assert.match(after.field("cache-status") ?? "", /fwd=/);
  });

  test("without Redis everybody is still answered", async () => {
    await up.set("redis", "stop");
    assert.equal(await edgesFor(REGIONS.gru.client), REGIONS.gru.edge);
    const at = { host: REGIONS.gru.edge, port: EDGE_PORT };
    const responses: FetchedResponse[] = [];
    for (const path of ["/fresh?s=60&redis=gone", "/fresh?s=60&redis=gone", "/no-store"]) {
      responses.push(await fetchAt(`http://video.netcinema.test${path}`, { at }));
    }
    assert.deepEqual(
      responses.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.match(responses[1]?.field("cache-status") ?? "", /; hit/);
    await up.set("redis", "start");
    await eventually("healthy again", allHealthy, { withinMs: 30_000, everyMs: 250 });
  });

  test("Prometheus scrapes every daemon, and has counted what happened", async () => {
    const prometheus = new RunningPrometheus({
      host: "127.0.0.1",
      port: ports.MERIDIAN_PROMETHEUS_PORT,
    });
    await eventually(
      "all targets up",
      async () => {
        const targets = await prometheus.targets();
        assert.equal(targets.length, 9);
        const down = targets.filter(({ health }) => health !== "up");
        assert.deepEqual(down, []);
        const [hits] = await prometheus.query('sum(meridian_edge_requests_total{cache="hit"})');
        assert.ok((hits?.value ?? 0) >= 6, "hits");
        const steered = await prometheus.query("sum by (pop) (meridian_dns_steered_total) > 0");
        assert.equal(steered.length, 5, "every PoP was answered");
        const healthy = await prometheus.query("meridian_dns_edge_health == 1");
        assert.equal(healthy.length, 5, "edges up");
      },
      { withinMs: 30_000, everyMs: 500 },
    );
  });

  test("with everything well, no alert is firing or about to", async () => {
    const url = `http://127.0.0.1:${ports.MERIDIAN_PROMETHEUS_PORT}/api/v1/alerts`;
    await eventually(
      "no alert",
      async () => {
        const { data } = (await (await fetch(url)).json()) as { data: { alerts: unknown[] } };
        assert.deepEqual(data.alerts, []);
      },
      { withinMs: 30_000, everyMs: 500 },
    );
  });

  test("Grafana is healthy and has the dashboards", async () => {
    const base = `http://127.0.0.1:${ports.MERIDIAN_GRAFANA_PORT}`;
    const health = (await (await fetch(`${base}/api/health`)).json()) as { database: string };
    assert.equal(health.database, "ok");
    const found = (await (await fetch(`${base}/api/search?type=dash-db`)).json()) as {
      uid: string;
      title: string;
    }[];
    assert.deepEqual(
      new Set(found.map(({ uid, title }) => `${uid}: ${title}`)),
      new Set(BOARDS.map(({ name, title }) => `meridian-${name}: ${title}`)),
    );
  });

  test("nothing has crashed on the way", async () => {
    const restarted = (await up.containers()).filter(({ restarts }) => restarts > 0);
    assert.deepEqual(restarted, []);
  });

  async function allHealthy(): Promise<void> {
    const containers = await up.containers();
    const waiting = containers.filter(({ health }) => health !== "healthy");
    assert.equal(containers.length, 12);
    assert.deepEqual(
      waiting.map(({ service, health }) => `${service}: ${health}`),
      [],
    );
  }
});

/** A deployment whose images are there, or why there can be none here. */
async function prepare(): Promise<Deployment | string> {
  const engine = await findEngine();
  if (typeof engine === "string") return engine;
  const prepared = new Deployment(engine, `meridian-test-${process.pid}`, env);
  return (await prepared.pullImages()) ?? prepared;
}

function server(): { readonly server: string; readonly port: number } {
  return { server: "127.0.0.1", port: ports.MERIDIAN_DNS_PORT };
}

/** The first edge that a client of a network is sent to. */
async function edgesFor(subnet: string, options: readonly string[] = []): Promise<string> {
  const answer = await dig({ ...server(), name: "netcinema.kingcdn.test", subnet, options });
  assert.equal(answer.status, "NOERROR", answer.text);
  return answerData(answer, "A")[0] ?? "none";
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
