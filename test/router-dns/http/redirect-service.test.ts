import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { z } from "zod";
import type { SocketAddress } from "../../../common/address.ts";
import type { routerSchema } from "../../../common/config/router.ts";
import { ListenError } from "../../../common/listen.ts";
import { startOrigin, startTestEdge, type TestEdge, type TestOrigin } from "../../edge/harness.ts";
import { answerData, dig } from "../../support/dig.ts";
import { eventually } from "../../support/eventually.ts";
import { exchangeRaw, fetchAt, parseResponseHead } from "../../support/http.ts";
import { runProcess } from "../../support/process.ts";
import { type Scope, suiteScope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { edgeConfig, serviceConfig, siteConfig, startTestRouter } from "../support.ts";
import { proxyHeader } from "../wire-client.ts";

const HOSTS = ["video.netcinema.test", "alt.netcinema.test"];
/** Who is behind trusted proxies: 198.51.100.0/24 belongs to Frankfurt. */
const COVERAGE = "127.0.0.0/8: syd\n198.51.100.0/24: fra\n203.0.113.0/24: syd\n";
/** Probes see a dead edge in two seconds, on a machine that has nothing else to do. */
const WAIT = { withinMs: 30_000, everyMs: 50 };
const NAMES = ["syd-1", "syd-2", "fra-1"];

type RouterInput = z.input<typeof routerSchema>;

interface World {
  readonly origin: TestOrigin;
  readonly edges: Readonly<Record<string, TestEdge>>;
  readonly http: SocketAddress;
  readonly dns: SocketAddress;
  readonly admin: SocketAddress;
}

/** Two edges in Sydney and one in Frankfurt, and a router that redirects to them. */
async function startWorld(scope: Scope, service: Partial<RouterInput> = {}): Promise<World> {
  const origin = await startOrigin(scope, (request, response) => {
    const body = `${request.headers.host} ${request.url}`;
    response.writeHead(200, { "cache-control": "max-age=60", "content-length": body.length });
    response.end(body);
  });
  const site = { name: "netcinema", hosts: HOSTS };
  const edges: Record<string, TestEdge> = {};
  for (const [index, name] of NAMES.entries()) {
    const listen = { host: `127.0.21.${index + 1}`, port: 0 };
    const cdnDomain = "kingcdn.test";
    edges[name] = await startTestEdge(scope, {
      origins: [origin.url],
      name,
      cdnDomain,
      listen,
      site,
    });
  }
  const edge = (name: string) => {
    const { host, port } = edges[name]?.at ?? { host: "", port: 0 };
    return edgeConfig(name, host, port);
  };
  const coverageFile = join(tempDir(scope), "coverage.yaml");
  writeFileSync(coverageFile, COVERAGE);
  const { router, dns, admin } = await startTestRouter(scope, {
    pops: [
      { name: "syd", location: [-33.87, 151.21], edges: [edge("syd-1"), edge("syd-2")] },
      { name: "fra", location: [50.11, 8.68], edges: [edge("fra-1")] },
    ],
    sites: [{ ...siteConfig("netcinema"), hosts: HOSTS }, siteConfig("shy", "empty")],
    coverageFile,
    service: serviceConfig({
      http: { listen: ["127.0.0.1:0"], trust: ["127.0.9.0/24"] },
      ...service,
    }),
  });
  const { http } = router.addresses;
  assert.ok(http !== undefined);
  return { origin, edges, http, dns, admin };
}

function locationOf(
  world: World,
  path: string,
  options: { headers?: Record<string, string> } = {},
) {
  const at = world.http;
  return fetchAt(`http://video.netcinema.test${path}`, { at, ...options });
}

async function edgeOf(world: World, path: string): Promise<string> {
  const answer = await locationOf(world, path);
  assert.equal(answer.status, 302);
  return new URL(answer.field("location") ?? "").hostname.split(".")[1] ?? "";
}

/** What curl says with `-w`, after all redirects, from an address of this machine. */
async function curl(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess({
    command: "curl",
    args: ["-sS", "--max-time", "30", ...args],
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

describe("a router that redirects by HTTP", () => {
  const scope = suiteScope();
  let world: World;
  before(async () => {
    world = await startWorld(scope);
  });

  async function metric(series: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${world.admin.port}/metrics`)).text();
    const line = text.split("\n").find((each) => each.startsWith(`meridian_${series} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  /** Has curl know the router, and the edge of a Location as DNS tells of it. */
  async function resolves(location: string): Promise<string[]> {
    const { hostname, port } = new URL(location);
    const answer = await dig({ server: world.dns.host, port: world.dns.port, name: hostname });
    const [address = "none"] = answerData(answer, "A");
    return [...routerKnown(), "--resolve", `${hostname}:${port}:${address}`];
  }

  function routerKnown(): string[] {
    const { host: address, port } = world.http;
    return HOSTS.flatMap((host) => ["--resolve", `${host}:${port}:${address}`]);
  }

  it("curl -L gets the object, and both names of it are one object", async () => {
    const path = "/movie/7.m4s?rate=2";
    const url = `http://video.netcinema.test:${world.http.port}${path}`;
    const redirect = await locationOf(world, path);
    const location = redirect.field("location") ?? "";
    assert.match(location, /^http:\/\/netcinema\.syd-[12]\.edge\.kingcdn\.test:\d+\/movie\/7/);
    assert.equal(redirect.field("cache-control"), "no-store");
    assert.equal(redirect.body.toString(), `${location}\n`);
    const known = await resolves(location);
    const wanted = ["-w", "\n%{http_code} %{num_redirects} %{url_effective}"];
    const told = await curl(["-L", ...known, ...wanted, url]);
    const [content = "", figures] = told.split("\n");
    assert.equal(figures, `200 1 ${location}`);
    // The origin sees the host that was asked for, with the edge's port as it always does.
    const { port } = new URL(location);
    assert.equal(content, `video.netcinema.test:${port} ${path}`);
    const name = new URL(location).hostname.split(".")[1] ?? "";
    const at = world.edges[name]?.at ?? world.http;
    const direct = await fetchAt(`http://video.netcinema.test:${port}${path}`, { at });
    assert.match(direct.field("cache-status") ?? "", /hit/);
    assert.equal(world.origin.seen.filter((line) => line === `GET ${path}`).length, 1);
  });

  it("a further host of a site has content of its own", async () => {
    const url = `http://alt.netcinema.test:${world.http.port}/own`;
    const first = await curl(["-o", "/dev/null", "-w", "%{redirect_url}", ...routerKnown(), url]);
    const content = await curl(["-L", ...(await resolves(first)), url]);
    assert.equal(content, `alt.netcinema.test:${new URL(first).port} /own`);
  });

  it("the decision as JSON, for who accepts it", async () => {
    const headers = { accept: "text/html;q=0.1, application/json" };
    const told = await locationOf(world, "/x", { headers });
    const decision = JSON.parse(told.body.toString()) as Record<string, string>;
    assert.deepEqual([told.status, told.field("content-type")], [200, "application/json"]);
    assert.equal(told.field("cache-control"), "no-store");
    const { site, client, pop, reason, edge } = decision;
    assert.deepEqual([site, client, pop, reason], ["netcinema", "127.0.0.1", "syd", "coverage"]);
    assert.equal(edge, await edgeOf(world, "/x"));
    for (const accept of ["*/*", "application/json;q=0", "application/jsonp"]) {
      assert.equal((await locationOf(world, "/x", { headers: { accept } })).status, 302, accept);
    }
  });

  it("X-Forwarded-For counts from trusted proxies only", async () => {
    const url = `http://video.netcinema.test:${world.http.port}/x`;
    const known = routerKnown();
    const told = async (from: string, headers: readonly string[]) => {
      const fields = ["Accept: application/json", ...headers].flatMap((line) => ["-H", line]);
      const text = await curl(["--interface", from, ...fields, ...known, url]);
      const { client, pop } = JSON.parse(text) as Record<string, string>;
      return [client, pop];
    };
    const forged = "X-Forwarded-For: 198.51.100.7";
    assert.deepEqual(await told("127.0.0.1", [forged]), ["127.0.0.1", "syd"]);
    assert.deepEqual(await told("127.0.9.1", [forged]), ["198.51.100.7", "fra"]);
    // What the client itself has said stands before what the proxy says of it.
    const chain = ["X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 203.0.113.9, 127.0.9.2"];
    assert.deepEqual(await told("127.0.9.1", chain), ["203.0.113.9", "syd"]);
    const other = ["Forwarded: for=198.51.100.7"];
    assert.deepEqual(await told("127.0.9.1", other), ["127.0.9.1", "syd"]);
  });

  it("refuses what it cannot redirect, and counts it", async () => {
    const { http: at } = world;
    const cases = [
      ["http://other.test/", "GET", 404],
      ["http://video.netcinema.test/", "POST", 405],
      [`http://video.netcinema.test/${"a".repeat(9_000)}`, "GET", 414],
    ] as const;
    for (const [url, method, status] of cases) {
      const answer = await fetchAt(url, { at, method });
      assert.equal(answer.status, status);
      assert.equal(answer.field("cache-control"), "no-store");
      assert.equal(answer.field("location"), undefined);
    }
    const head = await fetchAt("http://video.netcinema.test/h", { at, method: "HEAD" });
    assert.deepEqual([head.status, head.body.length], [302, 0]);
    for (const reason of ["unknown-host", "method", "too-long"]) {
      assert.equal(await metric(`dns_redirect_refusals_total{reason="${reason}"}`), 1);
    }
    const redirected = 'dns_redirects_total{site="netcinema",pop="syd",reason="coverage"}';
    const count = await metric(redirected);
    assert.equal((await locationOf(world, "/counted")).status, 302);
    assert.equal(await metric(redirected), count + 1);
  });

  it("answers broken heads with 400, long ones with 431, and stays up", async () => {
    const { http: at } = world;
    const close = "Connection: close\r\n\r\n";
    for (const [bytes, status] of [
      ["GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
      [`GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n${close}`, 400],
      [`GET * HTTP/1.1\r\nHost: video.netcinema.test\r\n${close}`, 400],
      ["nonsense\r\n\r\n", 400],
      [`GET / HTTP/1.1\r\nHost: video.netcinema.test\r\nX: ${"a".repeat(20_000)}\r\n${close}`, 431],
      [`GET http://alt.netcinema.test/a HTTP/1.1\r\nHost: video.netcinema.test\r\n${close}`, 302],
    ] as const) {
      const head = parseResponseHead(await exchangeRaw(at, bytes));
      assert.equal(head.status, status, bytes.slice(0, 60));
    }
    assert.equal((await locationOf(world, "/")).status, 302);
  });

  it("answers several requests of one connection, and ends it where there is a body", async () => {
    const ask = (target: string, more = "") =>
      `GET ${target} HTTP/1.1\r\nHost: video.netcinema.test\r\n${more}\r\n`;
    const bytes = ask("/1") + ask("/2") + ask("/3", "Content-Length: 100000\r\n");
    const text = (await exchangeRaw(world.http, bytes)).toString();
    const statuses = text.match(/^HTTP\/1\.1 \d+/gm);
    assert.deepEqual(statuses, ["HTTP/1.1 302", "HTTP/1.1 302", "HTTP/1.1 302"]);
    assert.match(text.slice(text.lastIndexOf("HTTP/1.1")), /connection: close/i);
  });

  it("a connection on which no request arrives is closed", async () => {
    const socket = connect({ host: world.http.host, port: world.http.port });
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: video.netcinema.test\r\nX: ");
    const trickle = setInterval(() => socket.write("a"), 500);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(trickle);
    assert.equal(await metric('dns_refusals_total{transport="http",reason="idle"}'), 1);
  });

  it("an edge that dies loses its URLs, and the others stay where they are", async () => {
    const paths = Array.from({ length: 40 }, (_, n) => `/stay/${n}`);
    const owners = new Map<string, string>();
    for (const path of paths) owners.set(path, await edgeOf(world, path));
    assert.deepEqual([...new Set(owners.values())].sort(), ["syd-1", "syd-2"]);
    await world.edges["syd-2"]?.daemon.stop(0);
    const lost = paths.find((path) => owners.get(path) === "syd-2") ?? "";
    const isAt = (edge: string) =>
      eventually(edge, async () => assert.equal(await edgeOf(world, lost), edge), WAIT);
    await isAt("syd-1");
    for (const path of paths) assert.equal(await edgeOf(world, path), "syd-1");
    await world.edges["syd-1"]?.daemon.stop(0);
    await isAt("fra-1");
    await world.edges["fra-1"]?.daemon.stop(0);
    const refused = async () => {
      const answer = await fetchAt("http://shy.kingcdn.test/", { at: world.http });
      assert.deepEqual([answer.status, answer.field("retry-after")], [503, "20"]);
    };
    await eventually("nobody is up", refused, WAIT);
    // The default policy: with all of them down, the fault is likelier the router's.
    assert.equal(await edgeOf(world, lost), owners.get(lost));
  });
});

describe("ports of redirects", () => {
  it("a front end says in a PROXY header who asks", async (t) => {
    const { http } = await startWorld(t, { proxy: { from: ["127.0.0.1/32"] } });
    const ask =
      "GET /x HTTP/1.1\r\nHost: video.netcinema.test\r\nAccept: application/json\r\n" +
      "Connection: close\r\n\r\n";
    const bytes = Buffer.concat([proxyHeader("198.51.100.9", "tcp"), Buffer.from(ask)]);
    const { status, rest } = parseResponseHead(await exchangeRaw(http, bytes));
    const { client, pop } = JSON.parse(rest.toString()) as Record<string, string>;
    assert.deepEqual([status, client, pop], [200, "198.51.100.9", "fra"]);
  });

  it("one that is taken is a clear error, and nothing is left running", async (t) => {
    const { http } = await startWorld(t);
    const second = startWorld(t, { http: { listen: [`127.0.0.1:${http.port}`] } });
    await assert.rejects(second, (error) => {
      assert.ok(error instanceof ListenError);
      assert.match(error.message, /redirects by HTTP/);
      return true;
    });
  });
});
