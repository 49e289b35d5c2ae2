import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { SocketAddress } from "../../../common/address.ts";
import { silentLogger } from "../../../common/log.ts";
import type {
  PurgeBody,
  SiteListBody,
  StatusBody,
  TokenCreatedBody,
} from "../../../control/api/shapes.ts";
import { startOrigin } from "../../../origin/server.ts";
import { answerData, dig } from "../../support/dig.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { type LogEvent, runMeridian, runProcess, startMeridian } from "../../support/process.ts";
import { startRedis } from "../../support/redis.ts";
import { tempDir } from "../../support/temp-dir.ts";

const ANY_PORT: SocketAddress = { host: "127.0.0.1", port: 0 };

function addressOf(ready: LogEvent, purpose: string): SocketAddress {
  const address = (ready["addresses"] as Record<string, SocketAddress>)[purpose];
  assert.ok(address, JSON.stringify(ready));
  return address;
}

async function runOrigin(t: TestContext): Promise<string> {
  const origin = await startOrigin({ listen: ANY_PORT, log: silentLogger });
  t.after(() => origin.stop(1_000));
  return `http://127.0.0.1:${origin.addresses["http"]?.port}`;
}

describe("quick modes", () => {
  it("edge: a cache for any Host in front of one origin", async (t) => {
    const origin = await runOrigin(t);
    const { child, ready } = await startMeridian(t, [
      "edge",
      "--listen=127.0.0.1:0",
      `--origin=${origin}`,
      "--memory=16MiB",
    ]);
    const { port } = addressOf(ready, "http");
    const curl = (host: string) =>
      runProcess({
        command: "curl",
        args: ["-sD-", "-o/dev/null", "-H", `Host: ${host}`, `http://127.0.0.1:${port}/style.css`],
      });
    assert.match(
      (await curl("a.example")).stdout,
      /^cache-status: edge-[0-9a-f]{6}; fwd=uri-miss/im,
    );
    assert.match((await curl("a.example")).stdout, /^cache-status: edge-[0-9a-f]{6}; hit/im);
    assert.match(
      (await curl("b.example")).stdout,
      /^cache-status: edge-[0-9a-f]{6}; fwd=uri-miss/im,
    );
    const admin = addressOf(ready, "admin");
    const metrics = await fetch(`http://127.0.0.1:${admin.port}/metrics`);
    assert.match(await metrics.text(), /^meridian_edge_requests_total\{.*cache="hit".*\} 1$/m);
    assert.deepEqual(await child.stop(), { code: 0, signal: null });
  });

  it("edge: PURGE comes from nobody but those who are named", async (t) => {
    const origin = await runOrigin(t);
    const purge = async (from: string) => {
      const args = ["edge", "--listen=127.0.0.1:0", `--origin=${origin}`, `--purge-from=${from}`];
      const { ready } = await startMeridian(t, args);
      const url = `http://127.0.0.1:${addressOf(ready, "http").port}/style.css`;
      return (await fetch(url, { method: "PURGE" })).status;
    };
    assert.equal(await purge("127.0.0.0/8"), 200);
    assert.equal(await purge("192.0.2.0/24"), 403);
  });

  it("edge: two of them, one behind the other, are no loop", async (t) => {
    const quick = async (origin: string) => {
      const args = ["edge", "--listen=127.0.0.1:0", `--origin=${origin}`];
      const { ready } = await startMeridian(t, args);
      return `http://127.0.0.1:${addressOf(ready, "http").port}`;
    };
    const front = await quick(await quick(await runOrigin(t)));
    const answer = await fetch(`${front}/style.css`);
    assert.equal(answer.status, 200);
    const members = (answer.headers.get("cache-status") ?? "").split(",");
    assert.equal(members.length, 2, "one member per tier (RFC 9211 section 2)");
  });

  it("router: any name below a zone, over edges of the command line", async (t) => {
    const { child, ready } = await startMeridian(t, [
      "router",
      "--listen=127.0.0.1:0",
      "--zone=kingcdn.test",
      "--probe=none",
      "--edge=syd=192.0.2.1@-33.87,151.21",
      "--edge=fra=192.0.2.2@50.11,8.68",
    ]);
    const { host, port } = addressOf(ready, "dns");
    const first = async (subnet: string) => {
      const name = "anything.kingcdn.test";
      return answerData(await dig({ server: host, port, name, subnet }), "A")[0];
    };
    assert.equal(await first("129.94.0.0/24"), "192.0.2.1");
    assert.equal(await first("5.9.0.0/24"), "192.0.2.2");
    const soa = await dig({ server: host, port, name: "kingcdn.test", type: "SOA" });
    assert.match(answerData(soa, "SOA")[0] ?? "", /^ns1\.kingcdn\.test\./);
    assert.deepEqual(await child.stop(), { code: 0, signal: null });
  });

  it("origin: the demo's content", async (t) => {
    const { child, ready } = await startMeridian(t, ["origin", "--listen", "127.0.0.1:0"]);
    const response = await fetch(`http://127.0.0.1:${addressOf(ready, "http").port}/poster.svg`);
    assert.equal(response.headers.get("content-type"), "image/svg+xml");
    assert.deepEqual(await child.stop(), { code: 0, signal: null });
  });

  it("origin: where the configuration says that a site's origin is", async (t) => {
    const file = join(tempDir(t), "cdn.yaml");
    const port = await freePort();
    await writeFile(
      file,
      `cdn: { domain: k.test, nameservers: [{ name: ns1.k.test, address: 127.0.0.1 }] }
pops: [{ name: syd, location: [1, 2], edges: [{ name: syd-1, address: 127.0.10.1 }] }]
sites: [{ name: netcinema, origin: { urls: ["http://127.0.0.1:${port}"] } }]
`,
    );
    const { ready } = await startMeridian(t, ["origin", "--config", file]);
    assert.deepEqual(addressOf(ready, "http"), { host: "127.0.0.1", port });
  });

  it("name a port that is taken, and exit 1", async (t) => {
    const { ready } = await startMeridian(t, ["origin", "--listen", "127.0.0.1:0"]);
    const { port } = addressOf(ready, "http");
    for (const line of [
      `edge --listen 127.0.0.1:${port} --origin http://127.0.0.1:1`,
      `origin --listen 127.0.0.1:${port}`,
      `router --listen 127.0.0.1:${port} --zone z.test --edge a=192.0.2.1@1,2 --probe none`,
    ]) {
      const { code, stderr } = await runMeridian(line.split(" "));
      assert.equal(code, 1, stderr);
      const taken = new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} .*already uses that port`);
      assert.match(stderr, taken);
      assert.doesNotMatch(stderr, /^ +at /m);
    }
  });
});

/** A CDN of one edge on free ports; `extra` is more YAML. */
async function writeConfig(t: TestContext, extra: string) {
  const [dns, routerAdmin, api, controlAdmin, edge, edgeAdmin] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const file = join(tempDir(t), "cdn.yaml");
  await writeFile(
    file,
    `cdn: { domain: kingcdn.test, nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }] }
router: { listen: ["127.0.0.1:${dns}"], admin: "127.0.0.1:${routerAdmin}" }
control: { listen: "127.0.0.1:${api}", admin: "127.0.0.1:${controlAdmin}" }
pops:
  - name: syd
    location: [-33.87, 151.21]
    edges:
      - { name: syd-1, address: 127.0.0.1, port: ${edge}, admin: "127.0.0.1:${edgeAdmin}" }
sites: [{ name: netcinema, origin: { urls: ["${await runOrigin(t)}"] } }]
${extra}
`,
  );
  const env = {
    MERIDIAN_API: `http://127.0.0.1:${api}`,
    MERIDIAN_TOKEN_FILE: join(dirname(file), "meridian.token"),
  };
  return { file, dns, edge, env };
}

describe("meridian up", () => {
  it("keeps sites and drains in meridian.db beside the configuration", async (t) => {
    const { file, dns, env } = await writeConfig(t, "");
    const first = await startMeridian(t, ["up", "--config", file]);
    const site = ["site", "add", "shop", "--origin", "http://192.0.2.9", "--json"];
    assert.equal((await runMeridian(site, { env })).code, 0);
    assert.equal((await runMeridian(["drain", "syd-1"], { env })).code, 0);
    assert.deepEqual(await first.child.stop(), { code: 0, signal: null });

    await startMeridian(t, ["up", "--config", file]);
    const listed = await runMeridian(["site", "list", "--json"], { env });
    const { sites } = JSON.parse(listed.stdout) as SiteListBody;
    assert.deepEqual(
      sites.map(({ site }) => site.name),
      ["netcinema", "shop"],
    );
    const status = await runMeridian(["status", "--json"], { env });
    const { pops } = JSON.parse(status.stdout) as StatusBody;
    assert.equal(pops[0]?.edges[0]?.drained, true);
    const answer = await dig({ server: "127.0.0.1", port: dns, name: "shop.kingcdn.test" });
    assert.equal(answer.status, "NOERROR");
  });

  it("asks for the operator's token, then for those that the operator makes", async (t) => {
    const { file, env } = await writeConfig(t, "");
    await startMeridian(t, ["up", "--config", file]);
    const nobody = { ...env, MERIDIAN_TOKEN_FILE: "", XDG_CONFIG_HOME: tempDir(t) };
    const refused = await runMeridian(["status"], { env: nobody });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /show a token/);
    assert.match(refused.stderr, /MERIDIAN_TOKEN_FILE/);

    const create = ["token", "create", "ci", "--scope", "site", "--site", "shop", "--json"];
    const made = await runMeridian(create, { env });
    assert.equal(made.code, 0, made.stderr);
    const { token } = JSON.parse(made.stdout) as TokenCreatedBody;
    const tokenFile = join(tempDir(t), "ci.token");
    await writeFile(tokenFile, `${token}\n`);
    const add = ["context", "add", "ci", "--api", env.MERIDIAN_API, "--token-file", tokenFile];
    const asCi = { ...nobody, MERIDIAN_API: undefined };
    assert.equal((await runMeridian(add, { env: asCi })).code, 0);
    const listed = await runMeridian(["context", "list"], { env: asCi });
    assert.match(listed.stdout, /\* ci +http/);

    const site = ["site", "add", "shop", "--origin", "http://192.0.2.9", "--json"];
    await eventually("the token counts", async () => {
      const added = await runMeridian(site, { env: asCi });
      assert.equal(added.code, 0, added.stderr);
    });
    const changed = join(tempDir(t), "shop.yaml");
    await writeFile(
      changed,
      "name: shop\nhosts: [www.shop.example]\norigin: { urls: [http://192.0.2.9] }\n",
    );
    const tried = await runMeridian(["site", "apply", changed, "--dry-run"], { env: asCi });
    assert.match(tried.stdout, /^ {2}\+ hosts\[0\]: "www\.shop\.example"$/m, tried.stderr);
    assert.equal((await runMeridian(["site", "apply", changed], { env: asCi })).code, 0);
    const history = await runMeridian(["site", "history", "shop"], { env: asCi });
    assert.match(history.stdout, /by ci\n {2}\+ hosts/, history.stderr);
    const [, first = ""] =
      /version (\d+)[^\n]*\n?$/m.exec(history.stdout.trim().split("\n").at(-1) ?? "") ?? [];
    const back = await runMeridian(["site", "rollback", "shop", "--to", first], { env: asCi });
    assert.equal(back.code, 0, back.stderr);
    const other = await runMeridian(["drain", "syd-1"], { env: asCi });
    assert.match(other.stderr, /needs the scope "admin"/);

    const log = await runMeridian(["log", "--site", "shop"], { env });
    assert.match(log.stdout, /^\d+ +\S+ \S+ +ci +site-put +shop$/m);
    assert.equal((await runMeridian(["token", "revoke", "ci"], { env })).code, 0);
    const tokens = await runMeridian(["token", "list"], { env });
    assert.match(tokens.stdout, /^No tokens/);
    await eventually("the token is refused", async () => {
      assert.equal((await runMeridian(["site", "list"], { env: asCi })).code, 1);
    });
  });

  it("adds a site and waits until edges have it and its hosts lead to the CDN", async (t) => {
    const zone = join(tempDir(t), "shop.zone");
    await writeFile(
      zone,
      `$ORIGIN shop.example.
@ 60 IN SOA ns1.kingcdn.test. hostmaster.shop.example. 1 3600 600 86400 60
@ 60 IN NS ns1.kingcdn.test.
www 60 IN CNAME shop.kingcdn.test.
apex 60 IN A 127.0.0.1
old 60 IN CNAME shop.other-cdn.example.
`,
    );
    const { file, dns, env } = await writeConfig(t, `zones: [{ file: "${zone}" }]`);
    await startMeridian(t, ["up", "--config", file]);
    const add = (name: string, ...more: string[]) => {
      const fixed = ["--origin", "http://192.0.2.9", "--wait", "--resolver", `127.0.0.1:${dns}`];
      return runMeridian(["site", "add", name, ...fixed, ...more], { env });
    };
    const shop = await add("shop", "--host", "www.shop.example", "--host", "apex.shop.example");
    assert.equal(shop.code, 0, shop.stderr);
    assert.match(shop.stdout, /syd-1 +has it after \d+ ms/);
    assert.match(shop.stdout, /^www\.shop\.example: leads to the CDN$/m);
    assert.match(shop.stdout, /^apex\.shop\.example: leads to the CDN$/m);
    const hosts = ["--host", "old.shop.example", "--host", "none.shop.example"];
    const late = await add("late", ...hosts, "--timeout", "1s");
    assert.equal(late.code, 1);
    assert.match(late.stdout, /old\.shop\.example: is a CNAME of shop\.other-cdn\.example, not of/);
    assert.match(late.stdout, /none\.shop\.example: has no record yet/);
    assert.match(late.stderr, /do not lead here: old\.shop\.example, none\.shop\.example/);
  });

  it("tells a second process that the state file is in use", async (t) => {
    const { file } = await writeConfig(t, "");
    await startMeridian(t, ["up", "--config", file]);
    const { code, stderr } = await runMeridian(["up", "--config", file]);
    assert.equal(code, 1);
    assert.match(stderr, /meridian\.db/);
    assert.doesNotMatch(stderr, /^ +at /m);
  });
});

describe("one process per role, over Redis", () => {
  it("carries a purge from the control API to the edge and a new site to both", async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const { file, dns, edge, env } = await writeConfig(t, `redis: ${redis.url}`);
    await Promise.all([
      startMeridian(t, ["control", "--config", file]),
      startMeridian(t, ["router", "--config", file, "--name", "ns1"]),
      startMeridian(t, ["edge", "--config", file, "--name", "syd-1"]),
    ]);
    await eventually("heartbeat and report have arrived", async () => {
      const { stdout } = await runMeridian(["status", "--json"], { env });
      const { pops, routers } = JSON.parse(stdout) as StatusBody;
      assert.equal(pops[0]?.edges[0]?.health, "up");
      assert.ok(pops[0]?.edges[0]?.heartbeat);
      assert.deepEqual(
        routers.map(({ name }) => name),
        ["ns1"],
      );
    });
    const curl = () =>
      runProcess({
        command: "curl",
        args: [
          "-sD-",
          "-o/dev/null",
          "-HHost: netcinema.kingcdn.test",
          `http://127.0.0.1:${edge}/style.css`,
        ],
      });
    await curl();
    assert.match((await curl()).stdout, /^cache-status: syd-1; hit/im);
    const url = "http://netcinema.kingcdn.test/style.css";
    const purged = await runMeridian(["purge", url, "--wait"], { env });
    assert.equal(purged.code, 0, purged.stderr);
    assert.match(purged.stdout, /syd-1 +done in \d+ ms/);
    assert.match((await curl()).stdout, /^cache-status: syd-1; fwd=/im);
    const begins = ["--prefix", "http://netcinema.kingcdn.test/st", "--soft", "--wait", "--json"];
    const softly = await runMeridian(["purge", ...begins], { env });
    assert.equal(softly.code, 0, softly.stderr);
    const { site: owner, acknowledged } = JSON.parse(softly.stdout) as PurgeBody;
    assert.deepEqual([owner, acknowledged.map(({ edge }) => edge)], ["netcinema", ["syd-1"]]);
    assert.match((await curl()).stdout, /^cache-status: syd-1; fwd=stale; fwd-status=304/im);

    const site = ["site", "add", "shop", "--origin", "http://192.0.2.9", "--json"];
    assert.equal((await runMeridian(site, { env })).code, 0);
    await eventually("the router knows the new site", async () => {
      const answer = await dig({ server: "127.0.0.1", port: dns, name: "shop.kingcdn.test" });
      assert.deepEqual(answerData(answer, "A"), ["127.0.0.1"]);
    });
  });
});
