import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { configSchema } from "../../common/config/schema.ts";
import { silentLogger } from "../../common/log.ts";
import { startOrigin } from "../../origin/server.ts";
import { startRouter } from "../../router-dns/server.ts";
import { answerData, type DigAnswer, dig } from "../support/dig.ts";
import { freePort, isPortFree } from "../support/free-port.ts";
import { fetchAt } from "../support/http.ts";
import { runProcess, startMeridian } from "../support/process.ts";
import { atEnd, type Scope, suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startUnbound } from "../support/unbound.ts";

const ZONES = join(import.meta.dirname, "zones");
const VIDEO = "video.netcinema.test";

/** Delegations cannot carry a port: name servers are on 53, and browsers ask on 80. */
const KINGCDN = "127.53.0.4";
const STATIC_SERVERS = [
  ["127.53.0.1", "root.zone"],
  ["127.53.0.2", "test.zone"],
  ["127.53.0.3", "netcinema.test.zone"],
] as const;
const EDGES = { syd: "127.53.10.1", fra: "127.53.10.2", iad: "127.53.10.3" };

/** A network that everybody's database puts near each PoP. */
const CLIENTS = { syd: "129.94.0.0/24", fra: "5.9.0.0/24", iad: "3.208.0.0/24" };

const blocked = await whyNot();

describe("Bob's resolver finds the video from the root", { skip: blocked }, () => {
  const scope = suiteScope();
  let origin: SocketAddress;
  let admins: SocketAddress[];
  let plain: SocketAddress;
  let withSubnet: SocketAddress;

  before(async () => {
    admins = await Promise.all(STATIC_SERVERS.map((server) => startNameServer(scope, server)));
    origin = await startDemoOrigin(scope);
    const file = join(tempDir(scope), "kingcdn.yaml");
    writeFileSync(file, await kingcdn(origin));
    await startMeridian(scope, ["up", "--config", file]);
    const rootHints = join(ZONES, "root.hints");
    plain = await startUnbound(scope, { rootHints });
    withSubnet = await startUnbound(scope, { rootHints, sendClientSubnetTo: [KINGCDN] });
  });

  function ask(resolver: SocketAddress, subnet?: string): Promise<DigAnswer> {
    const question = { server: resolver.host, port: resolver.port, name: VIDEO };
    return dig(subnet === undefined ? question : { ...question, subnet });
  }

  it("follows the customer's CNAME to an edge of the CDN", async () => {
    const answer = await ask(plain);
    assert.equal(answer.status, "NOERROR", answer.text);
    assert.deepEqual(answerData(answer, "CNAME"), ["netcinema.kingcdn.test."]);
    const [address = ""] = answerData(answer, "A");
    assert.ok(Object.values(EDGES).includes(address), answer.text);
    const ttl = answer.answer.find(({ type }) => type === "A")?.ttl ?? 0;
    assert.ok(ttl > 0 && ttl <= 20, `TTL ${ttl}`);
  });

  it("asked the root, the top-level domain and the customer on its way", async () => {
    for (const [index, admin] of admins.entries()) {
      const { body } = await fetchAt("http://admin/metrics", { at: admin });
      const counts = [...body.toString().matchAll(/^meridian_dns_queries_total\{.*\} (\d+)$/gm)];
      const total = counts.reduce((sum, [, count]) => sum + Number(count), 0);
      assert.ok(total > 0, `nobody asked ${STATIC_SERVERS[index]?.join(" ")}`);
    }
  });

  it("RFC 7871: passes on the client's subnet, and each client gets the closest edge", async () => {
    for (const [pop, subnet] of Object.entries(CLIENTS)) {
      const answer = await ask(withSubnet, subnet);
      const expected = EDGES[pop as keyof typeof EDGES];
      assert.equal(answerData(answer, "A")[0], expected, `${subnet}\n${answer.text}`);
      assert.ok((answer.subnet?.scope ?? 0) > 0, `no scope came back: ${answer.text}`);
    }
  });

  it("RFC 7871 s.7.3.1: keeps the answers of different subnets apart in its cache", async () => {
    for (const [pop, subnet] of Object.entries(CLIENTS).toReversed()) {
      const answer = await ask(withSubnet, subnet);
      const [address] = answerData(answer, "A");
      assert.equal(address, EDGES[pop as keyof typeof EDGES], answer.text);
    }
  });

  it("RFC 2308: learns that a name does not exist, from the right zone", async () => {
    const question = { server: plain.host, port: plain.port };
    const missing = await dig({ ...question, name: "nothing.netcinema.test" });
    assert.equal(missing.status, "NXDOMAIN");
    assert.equal(missing.authority[0]?.name, "netcinema.test.");
    const nodata = await dig({ ...question, name: VIDEO, type: "MX" });
    assert.equal(nodata.status, "NOERROR");
    assert.equal(nodata.authority[0]?.name, "kingcdn.test.");
  });

  it("gives curl an edge that delivers the origin's bytes: first a miss, then a hit", async (t) => {
    const [address = ""] = answerData(await ask(withSubnet, CLIENTS.syd), "A");
    const truth = await fetchAt(`http://${VIDEO}/poster.svg`, { at: origin });
    const body = join(tempDir(t), "body");
    for (const expected of [/fwd=uri-miss/, /; hit/]) {
      const { code, stdout, stderr } = await runProcess({
        command: "curl",
        args: ["-sS", "-o", body, "-D", "-", "--resolve", `${VIDEO}:80:${address}`].concat(
          `http://${VIDEO}/poster.svg`,
        ),
      });
      assert.equal(code, 0, stderr);
      assert.match(/^cache-status: (.*)$/im.exec(stdout)?.[1] ?? stdout, expected);
      assert.deepEqual(readFileSync(body), truth.body);
    }
  });
});

/** One of our routers that only knows a zone file. Gives its admin address. */
async function startNameServer(
  scope: Scope,
  [host, zone]: readonly [host: string, zone: string],
): Promise<SocketAddress> {
  const {
    health,
    load,
    router: service,
  } = configSchema.parse({
    cdn: { domain: "unused.example", nameservers: [{ name: "ns.unused.example", address: host }] },
    pops: [{ name: "none", location: [0, 0], edges: [{ name: "none", address: host }] }],
  });
  const router = await startRouter({
    name: zone,
    listen: [{ host, port: 53 }],
    admin: { host: "127.0.0.1", port: 0 },
    service,
    domain: "unused.example",
    nameservers: [{ name: "ns.unused.example", address: host }],
    ttlSeconds: 20,
    answers: 1,
    pops: [],
    health,
    load,
    probe: { kind: "none" },
    geo: {},
    latency: { marginMs: 10 },
    zoneFiles: [join(ZONES, zone)],
    sites: [],
    anyName: false,
    log: silentLogger,
  });
  atEnd(scope, () => router.stop(0));
  assert.ok(router.addresses["admin"]);
  return router.addresses["admin"];
}

async function startDemoOrigin(scope: Scope): Promise<SocketAddress> {
  const listen = { host: "127.0.0.1", port: 0 };
  const origin = await startOrigin({ listen, log: silentLogger });
  atEnd(scope, () => origin.stop(0));
  assert.ok(origin.addresses["http"]);
  return origin.addresses["http"];
}

/** The configuration of KingCDN: three regions, all in one process. */
async function kingcdn(origin: SocketAddress): Promise<string> {
  const free = async () => ({ host: "127.0.0.1", port: await freePort() });
  const listen = async () => `"${formatSocketAddress(await free())}"`;
  const places = { syd: "[-33.87, 151.21]", fra: "[50.11, 8.68]", iad: "[38.95, -77.45]" };
  const pops = await Promise.all(
    Object.entries(EDGES).map(
      async ([pop, address]) =>
        `  - { name: ${pop}, location: ${places[pop as keyof typeof places]}, ` +
        `edges: [{ name: ${pop}-1, address: ${address}, port: 80, admin: ${await listen()} }] }`,
    ),
  );
  return `cdn:
  domain: kingcdn.test
  nameservers: [{ name: ns1.kingcdn.test, address: ${KINGCDN} }]
router: { listen: ["${KINGCDN}:53"], admin: ${await listen()} }
control: { listen: ${await listen()}, admin: ${await listen()} }
pops:
${pops.join("\n")}
sites:
  - name: netcinema
    hosts: [${VIDEO}]
    origin: { urls: ["http://${formatSocketAddress(origin)}"] }
`;
}

/** False if all ports can be bound, else the reason for leaving the story out. */
async function whyNot(): Promise<string | false> {
  for (const host of [KINGCDN, ...STATIC_SERVERS.map(([address]) => address)]) {
    if (!(await isPortFree(host, 53))) return `port 53 of ${host} cannot be bound here (not root?)`;
  }
  for (const host of Object.values(EDGES)) {
    if (!(await isPortFree(host, 80))) return `port 80 of ${host} cannot be bound here (not root?)`;
  }
  return false;
}
