import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { dig } from "../../support/dig.ts";
import { freePort } from "../../support/free-port.ts";
import { REPOSITORY, runMeridian, startMeridian } from "../../support/process.ts";
import { suiteScope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";

const EXAMPLES = join(REPOSITORY, "deploy", "examples");

describe("the example of signed zones, from its keys to its answers", () => {
  const scope = suiteScope();
  let dir = "";
  let config = "";
  let port = 0;

  before(async () => {
    dir = tempDir(scope);
    config = join(dir, "signed.yaml");
    port = await freePort();
    const text = readFileSync(join(EXAMPLES, "signed.yaml"), "utf8")
      .replace("192.0.2.10:53", `127.0.0.1:${port}`)
      .replaceAll("192.0.2.10", "127.0.0.1")
      .replace("port: 80,", `port: ${await freePort()},`)
      .replace("127.0.0.1:9101", `127.0.0.1:${await freePort()}`);
    const admin = `, admin: "127.0.0.1:${await freePort()}" }`;
    const control = `control: { listen: "127.0.0.1:${await freePort()}"`;
    writeFileSync(
      config,
      `${text.replace(/(router: .*) \}/, `$1${admin}`)}${control}, admin: "127.0.0.1:${await freePort()}" }\n`,
    );
    copyFileSync(join(EXAMPLES, "shop.example.zone"), join(dir, "shop.example.zone"));
  });

  function keys(...args: string[]) {
    return runMeridian(["zone", "keys", ...args, "--config", config]);
  }

  it("is a configuration without problems", async () => {
    const { code, stdout } = await runMeridian(["config", "check", config]);
    assert.equal(code, 0, stdout);
  });

  it("does not start before there are keys, and says how to make them", async () => {
    const { code, stderr } = await runMeridian(["up", "--config", config]);
    assert.equal(code, 2);
    assert.match(stderr, /no such folder/);
  });

  it("makes the first keys once, and no others", async () => {
    for (const zone of ["cdn.example.net", "shop.example"]) {
      const { code, stdout } = await keys("generate", zone);
      assert.equal(code, 0, stdout);
      assert.match(stdout, new RegExp(`${zone}\\. IN DS \\d+ .*not before 20`));
    }
    assert.equal(readdirSync(join(dir, "keys")).length, 6, "KSK, ZSK and CSK, two files each");
    const again = await keys("generate", "shop.example");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /has keys already/);
  });

  it("lists them for people and for programs", async () => {
    const people = await keys("list");
    assert.match(people.stdout, /ksk +ecdsap256sha256 +published +DS to the parent at 20/);
    assert.match(people.stdout, /csk +ed25519 +published/);
    const { stdout } = await keys("list", "shop.example", "--json");
    const [report] = JSON.parse(stdout) as { zone: string; keys: { role: string; ds: string }[] }[];
    assert.equal(report?.zone, "shop.example");
    assert.equal(report?.keys[0]?.role, "csk");
    assert.match(report?.keys[0]?.ds ?? "", /^shop\.example\. IN DS \d+ 15 2 [0-9A-F]{64}$/);
  });

  it("refuses what would break a zone: exit code 1; what nobody can mean: exit code 2", async () => {
    const ds = await keys("ds", "cdn.example.net");
    assert.deepEqual([ds.code, ds.stdout], [1, ""]);
    assert.match(ds.stderr, /too early for a DS .*\nAsk again from 20/);
    const roll = await keys("roll", "cdn.example.net", "--role", "ksk");
    assert.equal(roll.code, 1);
    assert.match(roll.stderr, /waits for its DS/);
    const csk = await keys("roll", "shop.example", "--role", "zsk");
    assert.match(csk.stderr, /one key for everything/);
    const seen = await keys("ds-seen", "shop.example", "1");
    assert.match(seen.stderr, /has no key 1/);
    const other = await keys("list", "other.example");
    assert.equal(other.code, 2);
    assert.match(other.stderr, /does not sign other\.example\nIt signs cdn\.example\.net, shop/);
    assert.equal((await keys("roll", "shop.example")).code, 2, "--role is missing");
  });

  it("rolls a ZSK when it is told to", async () => {
    const { code, stdout } = await keys("roll", "cdn.example.net", "--role", "zsk");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /zsk +ecdsap256sha256 +published +signs records from 20/);
  });

  it("is answered with signatures of both zones", async () => {
    await startMeridian(scope, ["up", "--config", config]);
    const question = { server: "127.0.0.1", port, options: ["+dnssec"] };
    const answer = await dig({ ...question, name: "www.shop.example" });
    const signers = answer.answer
      .filter(({ type }) => type === "RRSIG")
      .map(({ data }) => data.split(" ")[7]);
    assert.deepEqual(signers, ["shop.example.", "cdn.example.net."], answer.text);
    const dnskey = await dig({ ...question, name: "cdn.example.net", type: "DNSKEY" });
    assert.equal(dnskey.answer.filter(({ type }) => type === "DNSKEY").length, 3);
  });
});
