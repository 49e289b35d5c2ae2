import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Command } from "commander";
import { buildProgram } from "../../../control/cli/program.ts";
import { freePort } from "../../support/free-port.ts";
import { REPOSITORY, runMeridian } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** Every command that can be typed, as its words. */
function commandLines(command: Command, words: readonly string[] = []): string[][] {
  const own = command.commands.flatMap((child) => commandLines(child, [...words, child.name()]));
  return [[...words], ...own];
}

describe("every command", () => {
  for (const words of commandLines(buildProgram())) {
    const title = ["meridian", ...words].join(" ");
    it(`${title} --help shows examples`, async () => {
      const help = helpOf(buildProgram(), words);
      assert.match(help, /^Examples:\n +meridian /m);
      assert.match(help, /-h, --help/);
    });
    it(`${title} refuses options that it does not have`, async () => {
      const program = buildProgram();
      const said = muted(program);
      await assert.rejects(program.parseAsync([...words, "--no-such-option"], { from: "user" }), {
        name: "CommanderError",
        exitCode: 1,
      });
      assert.match(said(), /unknown option|required|missing/);
      assert.match(said(), /Add --help/);
    });
  }

  it("--help as a process exits 0 and prints to stdout", async () => {
    const { code, stdout, stderr } = await runMeridian(["site", "add", "--help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /meridian site add shop/);
  });

  it("prints its version", async () => {
    const { code, stdout } = await runMeridian(["--version"]);
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+$/);
  });
});

describe("a command line that is wrong", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["sit list", /Did you mean site\?/],
    ["site ad", /Did you mean add\?/],
    ["site add shop --orign http://a", /required option|Did you mean --origin/],
    ["demo --edge-port 70000", /whole number from 1 to 65535/],
    ["demo --dns localhost:53", /not an address and port/],
    ["demo --seconds soon", /number of seconds/],
    ["demo --log loud", /Allowed choices are json, pretty/],
    ["edge", /--config FILE --name EDGE/],
    ["edge --listen 127.0.0.1:0", /--origin URL/],
    ["explain http /poster.svg --edge syd-1", /"\/poster.svg" is not an absolute URL/],
    ["edge --listen 127.0.0.1:0 --origin 10.0.0.1", /is not an origin URL/],
    ["edge --listen 127.0.0.1:0 --origin http://a --memory lots", /is not a size/],
    ["edge --config a.yaml --listen 127.0.0.1:0", /cannot be used with/],
    ["router", /--listen, --zone and at least one --edge/],
    ["router --listen 127.0.0.1:0 --zone z.test --edge syd", /is not NAME=IP@LAT,LON/],
    ["router --listen 127.0.0.1:0 --zone z.test --edge a=1.2.3.4@91,0", /--edge a: /],
    ["router --listen 127.0.0.1:0 --zone z --edge a=1.2.3.4@1,0", /--zone: /],
    [
      "router --listen 127.0.0.1:0 --zone z.test --edge a=1.2.3.4@1,0 --dot 127.0.0.1:0",
      /--tls-cert and --tls-key go together with --dot/,
    ],
    ["router --listen 127.0.0.1:0 --zone z.test --probe icmp", /none, http:PORT\/PATH or tcp/],
    [
      "router --listen 127.0.0.1:0 --zone z.test --edge a=1.2.3.4@1,0 --edge a=1.2.3.5@1,0",
      /two of that name/,
    ],
    ["purge", /name either URLs, or prefixes .*, or a site with --all/],
    ["purge http://a.test/ --tag a --site a", /name either URLs/],
    ["purge --prefix http://a.test/ --all --site a", /name either URLs/],
    ["purge --tag a", /--tag needs --site/],
    ["purge --all", /--all needs --site/],
    ["purge http://a.test/ --all --site a", /name either URLs/],
    ["explain dns a.test", /--client/],
    ["explain dns a.test --client me", /not an IP address/],
    ["explain http http://a.test/", /--edge NAME, or --client IP/],
    ["up", /--config/],
    ["origin --config deploy/demo/demo.yaml --name nobody", /has no such site[^]*netcinema/],
    ["origin --config deploy/examples/three-regions.yaml", /--listen ADDRESS:PORT/],
    ["up --config /no/such.yaml", /\/no\/such\.yaml:1:1: no such file/],
    ["status --api nonsense", /is not the URL of a control API/],
  ];
  for (const [line, says] of cases) {
    it(`"${line}" exits 2 and says what is wrong`, async () => {
      const { code, stderr } = await runMeridian(line.split(" "));
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
      assert.doesNotMatch(stderr, /^ +at /m, "no stack trace");
    });
  }
});

describe("a control API that is not there", () => {
  it("is named, with what to do, and exit code 1", async () => {
    const api = `http://127.0.0.1:${await freePort()}`;
    const env = { MERIDIAN_API: api };
    for (const line of ["status", "site list", "drain syd-1", "purge http://a.test/"]) {
      const { code, stderr } = await runMeridian(line.split(" "), { env });
      assert.equal(code, 1);
      assert.ok(stderr.includes(`cannot reach the control API at ${api}: ECONNREFUSED`), stderr);
      assert.match(stderr, /meridian demo/);
    }
  });
});

describe("config check and zone check", () => {
  it("find every mistake, each with line and column, and exit 1", async (t) => {
    const folder = tempDir(t);
    const config = join(folder, "cdn.yaml");
    await writeFile(
      config,
      `cdn: { domain: kingcdn.test, nameservers: [{ name: ns1.k.test, address: 127.0.0.300 }] }
pops:
  - name: syd
    location: [-33.87, 151.21]
    colour: red
    edges: [{ name: syd-1, address: 127.0.10.1, capacity: much }]
control: { listen: "0.0.0.0:9090" }
`,
    );
    const { code, stdout } = await runMeridian(["config", "check", config]);
    assert.equal(code, 1);
    const places = stdout.split("\n").map((line) => line.replace(`${config}:`, ""));
    assert.match(places[0] ?? "", /^1:\d+: cdn\.nameservers\[0\]\.address: .*127\.0\.0\.300/);
    assert.ok(places.some((line) => line.startsWith("5:5: pops[0].colour: unknown key")));
    assert.ok(places.some((line) => /^6:\d+: .*capacity: /.test(line)));

    const up = await runMeridian(["up", "--config", config]);
    assert.equal(up.code, 2);
    assert.ok(up.stderr.includes(`${config}:5:5: `));
  });

  it("take any control address: whoever calls shows a token", async (t) => {
    const config = join(tempDir(t), "cdn.yaml");
    await writeFile(
      config,
      `cdn:
  domain: kingcdn.test
  nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }]
pops: [{ name: syd, location: [1, 2], edges: [{ name: syd-1, address: 127.0.10.1 }] }]
control: { listen: "0.0.0.0:9090" }
`,
    );
    assert.equal((await runMeridian(["config", "check", config])).code, 0);
  });

  it("find mistakes of zone files, also through the configuration that names them", async (t) => {
    const folder = tempDir(t);
    const zone = join(folder, "a.zone");
    await writeFile(
      zone,
      `$ORIGIN a.test.
@ 60 IN SOA ns.a.test. h.a.test. 1 2 3 4 5
@ 60 IN NS ns.a.test.
ns 60 IN A 1.2.3
`,
    );
    const checked = await runMeridian(["zone", "check", zone]);
    assert.equal(checked.code, 1);
    assert.match(checked.stdout, /a\.zone:4:\d+: /);
    const config = join(folder, "cdn.yaml");
    await writeFile(
      config,
      `cdn: { domain: k.test, nameservers: [{ name: ns1.k.test, address: 127.0.0.1 }] }
pops: [{ name: syd, location: [1, 2], edges: [{ name: syd-1, address: 127.0.10.1 }] }]
zones: [{ file: a.zone }, { file: missing.zone }]
geoip: { city: missing.mmdb }
coverage: coverage.yaml
health: { check: { kind: https, ca: missing.pem } }
`,
    );
    await writeFile(join(folder, "coverage.yaml"), "192.0.2.0/24: fra\n");
    const { code, stdout } = await runMeridian(["config", "check", config]);
    assert.equal(code, 1);
    assert.match(stdout, /a\.zone:4:\d+: /);
    assert.match(stdout, /cdn\.yaml:3:29: zones\[1\]\.file: there is no file .*missing\.zone/);
    assert.match(stdout, /cdn\.yaml:4:10: geoip\.city: there is no file .*missing\.mmdb/);
    const ca = join(folder, "missing.pem");
    assert.ok(stdout.includes(`cdn.yaml:6:33: health.check.ca: there is no file ${ca}`), stdout);
    assert.match(stdout, /coverage\.yaml:1:15: no PoP is called "fra"; there are syd/);
  });

  for (const file of [
    "demo/demo.yaml",
    "examples/one-machine.yaml",
    "examples/three-regions.yaml",
  ]) {
    it(`have nothing against deploy/${file}`, async () => {
      const path = join(REPOSITORY, "deploy", file);
      const { code, stdout } = await runMeridian(["config", "check", path]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /no problems/);
    });
  }

  it("find aliases that lead nowhere: with the configuration for sure, else as far as they can", async (t) => {
    const folder = tempDir(t);
    const config = join(folder, "cdn.yaml");
    const zone = join(folder, "shop.zone");
    const zoneText = (...records: string[]) =>
      ["$ORIGIN shop.test.", "$TTL 60", "@ SOA ns1 h 1 2 3 4 5", "  NS ns1", "ns1 A 192.0.2.1"]
        .concat(records)
        .join("\n");
    await writeFile(
      config,
      `cdn: { domain: kingcdn.test, nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }] }
pops: [{ name: syd, location: [1, 2], edges: [{ name: syd-1, address: 127.0.10.1 }] }]
sites: [{ name: netcinema, origin: { urls: ["http://127.0.0.1:9"] } }]
zones: [{ file: shop.zone }]
`,
    );
    await writeFile(zone, zoneText("@ ALIAS netcinema.kingcdn.test.", "a ALIAS ns1", "b ALIAS a"));
    const right = await runMeridian(["zone", "check", zone, "--config", config]);
    assert.deepEqual([right.code, right.stdout], [0, `${zone}: no problems (4 names)`]);
    const alone = await runMeridian(["zone", "check", zone]);
    assert.equal(alone.code, 0);
    assert.match(alone.stdout, /:6:1: shop\.test\. is an ALIAS of netcinema\..*--config \(works\)/);

    await writeFile(zone, zoneText("", "@ ALIAS www.example.com.", "a ALIAS nobody.kingcdn.test."));
    for (const args of [
      ["zone", "check", zone, "--config", config],
      ["config", "check", config],
    ]) {
      const { code, stdout } = await runMeridian(args);
      assert.equal(code, 1, args.join(" "));
      const [error, warning] = stdout.split("\n");
      assert.match(error ?? "", /shop\.zone:7:1: .*www\.example\.com\., which is in no zone/);
      // The API may add the site.
      assert.match(
        warning ?? "",
        /shop\.zone:8:1: .*nobody\.kingcdn\.test.*no such name \(works\)/,
      );
    }
    await writeFile(zone, zoneText("@ ALIAS ns1", "@ A 192.0.2.2", "b ALIAS c", "b ALIAS a"));
    const wrong = await runMeridian(["zone", "check", zone]);
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.stdout,
      /:7:1: shop\.test\. is an ALIAS \(line 6\), so it has no A record here/,
    );
    assert.match(wrong.stdout, /:9:1: b\.shop\.test\. is an ALIAS already \(line 8\)/);
  });
});

describe("a role of a configuration without Redis", () => {
  for (const line of ["control", "router", "edge --name syd-1"]) {
    it(`${line} explains that embedded state is one process`, async () => {
      const config = join(REPOSITORY, "deploy", "demo", "demo.yaml");
      const { code, stderr } = await runMeridian([...line.split(" "), "--config", config]);
      assert.equal(code, 2);
      assert.match(stderr, /has no "redis:"/);
      assert.match(stderr, /meridian up --config/);
    });
  }

  it("an edge that the configuration does not have is named with those that it has", async () => {
    const config = join(REPOSITORY, "deploy", "demo", "demo.yaml");
    const { code, stderr } = await runMeridian(["edge", "--name", "x", "--config", config]);
    assert.equal(code, 2);
    assert.match(stderr, /no edge "x"[^]*syd-1, fra-1/);
  });
});

/** Keeps what a command line would print; gives it back. */
function muted(program: Command): () => string {
  let text = "";
  const write = (more: string) => {
    text += more;
  };
  for (const words of commandLines(program)) {
    commandOf(program, words).configureOutput({ writeOut: write, writeErr: write });
  }
  return () => text;
}

function helpOf(program: Command, words: readonly string[]): string {
  const said = muted(program);
  commandOf(program, words).outputHelp();
  return said();
}

function commandOf(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    const child = command.commands.find((candidate) => candidate.name() === word);
    assert.ok(child, `there is no command ${word}`);
    command = child;
  }
  return command;
}
