import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runMeridian } from "../../support/process.ts";
import { suiteScope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PLACES = { syd: "-33.87, 151.21", fra: "50.11, 8.68", iad: "39.04, -77.49" };

/** The parts of what is printed that are looked at. */
interface Family {
  readonly clients: number;
  readonly medianKm: number;
  readonly p95Km: number;
  readonly pops: readonly { readonly pop: string; readonly share: number }[];
  readonly reasons: Readonly<Record<string, number>>;
  readonly moved: number;
  readonly flows: readonly { readonly from: string; readonly to: string; readonly share: number }[];
}

describe("meridian map", () => {
  const scope = suiteScope();
  const dir = tempDir(scope);

  function config(pops: readonly (keyof typeof PLACES)[], coverage?: string): string {
    const file = join(dir, `${pops.join("-")}-${coverage === undefined ? "" : "c"}.yaml`);
    const lines = pops.map(
      (name, i) =>
        `  - { name: ${name}, location: [${PLACES[name]}], edges: [{ name: ${name}-1, address: 192.0.2.${i + 1} }] }`,
    );
    const covered = coverage === undefined ? "" : "coverage: coverage.yaml\n";
    if (coverage !== undefined) writeFileSync(join(dir, "coverage.yaml"), coverage);
    const cdn =
      "cdn: { domain: kingcdn.test, nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }] }";
    writeFileSync(file, `${cdn}\n${covered}pops:\n${lines.join("\n")}\n`);
    return file;
  }

  async function json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await runMeridian(["map", ...args, "--json"]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as T;
  }

  it("says how large the map is", async () => {
    const told = await json<{ prefixes: { v4: number; v6: number }; rankings: number }>(
      "build",
      "--config",
      config(["syd", "fra"]),
    );
    assert.ok(told.prefixes.v4 > 1_000 && told.prefixes.v6 > 1_000);
    // Sydney first, Frankfurt first, and those of whom nobody knows where they are.
    assert.equal(told.rankings, 3);
  });

  it("shows where a client is led, and why", async () => {
    const file = config(["syd", "fra"], "129.94.0.0/16: fra\n");
    const ask = (client: string) => ["show", "--config", file, "--client", client] as const;
    const near = await json<{ reason: string; ranking: { pop: string; km: number }[] }>(
      ...ask("1.128.0.0/16"),
    );
    assert.equal(near.reason, "closest");
    assert.equal(near.ranking[0]?.pop, "syd");
    assert.ok((near.ranking[0]?.km ?? 1e9) < 4_000);
    const covered = await json<{ reason: string; prefix: string }>(...ask("129.94.0.7"));
    assert.deepEqual([covered.reason, covered.prefix], ["coverage", "129.94.0.0/16"]);
    const { stdout } = await runMeridian(["map", ...ask("129.94.0.7")]);
    assert.match(stdout, /^129\.94\.0\.0\/16 \(.*\): coverage\n/);
    assert.match(stdout, /^ {2}1 +fra +\d+ km$/m);
  });

  it("takes measured round trips from a file beside the configuration", async () => {
    const file = config(["syd", "fra"]);
    writeFileSync(join(dir, "latency.csv"), "1.128.0.0/24,syd,120\n1.128.0.0/24,fra,80\n");
    const measured = join(dir, "measured.yaml");
    const latency = "latency: { file: latency.csv, margin: 30ms }\n";
    writeFileSync(measured, `${latency}${readFileSync(file, "utf8")}`);
    const told = await json<{ reason: string; ranking: { pop: string }[] }>(
      "show",
      "--config",
      measured,
      "--client",
      "1.128.0.7",
    );
    assert.equal(told.reason, "latency");
    assert.equal(told.ranking[0]?.pop, "fra");
    const checked = await runMeridian(["config", "check", measured]);
    assert.equal(checked.code, 0, checked.stdout);
    writeFileSync(join(dir, "latency.csv"), "1.128.0.0/24,lax,120\n");
    const wrong = await runMeridian(["config", "check", measured]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stdout, /latency\.csv:1:1: no PoP is called "lax"/);
  });

  it("measures shares and distances", async () => {
    const stats = await json<{ IPv4: Family; IPv6: Family }>(
      "stats",
      "--config",
      config(["syd", "fra", "iad"]),
    );
    for (const { pops, medianKm, p95Km, clients, reasons } of [stats.IPv4, stats.IPv6]) {
      const shares = pops.map(({ share }) => share);
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
      assert.deepEqual(
        shares,
        shares.toSorted((a, b) => b - a),
      );
      assert.ok(medianKm > 0 && p95Km > medianKm && clients > 1e6);
      assert.deepEqual(Object.keys(reasons), ["closest"]);
    }
    // A country is one point in the bundled database: that of the United States is near Ohio.
    assert.equal(stats.IPv4.pops[0]?.pop, "iad");
  });

  it("tells which clients a change moves, and that none does nothing", async () => {
    const [two, three] = [config(["syd", "fra"]), config(["syd", "fra", "iad"])];
    const grown = await json<{ IPv4: Family }>("diff", "--before", two, "--config", three);
    assert.ok(grown.IPv4.moved > 0.2 && grown.IPv4.moved < 0.8, String(grown.IPv4.moved));
    assert.deepEqual([...new Set(grown.IPv4.flows.map(({ to }) => to))], ["iad"]);
    const same = await json<{ IPv4: Family }>("diff", "--before", two, "--config", two);
    assert.deepEqual([same.IPv4.moved, same.IPv4.flows], [0, []]);
  });

  it("refuses what it cannot use, with what is wrong", async () => {
    const file = config(["syd"], "129.94.0.0/16: lax\n");
    const built = await runMeridian(["map", "build", "--config", file]);
    assert.equal(built.code, 1);
    assert.match(built.stderr, /coverage\.yaml:1:16: no PoP is called "lax"/);
    const shown = await runMeridian(["map", "show", "--config", config(["syd"]), "--client", "x"]);
    assert.equal(shown.code, 2);
  });
});
