import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { REPOSITORY } from "../../support/process.ts";

function simulate(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const script = join(REPOSITORY, "bench/sim-steering.ts");
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
}

suite("the simulator of steering as a program", () => {
  test("replays over the bundled database: JSON, a picture, progress aside", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "meridian-sim-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "s.yaml");
    writeFileSync(
      file,
      "hours: 1.5\npops:\n  - { name: fra, location: [50.1, 8.7], edges: 2, capacity: 10Gbps }\n" +
        "demand: { peak: 5Gbps }\n",
    );
    const svg = join(folder, "s.svg");
    const run = simulate("--scenario", file, "--networks", "2000", "--json", "--svg", svg);
    assert.equal(run.status, 0, run.stderr);
    const result = JSON.parse(run.stdout);
    assert.ok(result.prefixes > 100_000, `${result.prefixes} prefixes`);
    assert.equal(result.samples.length, 18);
    assert.ok(result.distance.medianKm > 1_000);
    assert.match(run.stderr, /67 %/);
    assert.match(readFileSync(svg, "utf8"), /^<svg /);
  });

  test("says where a scenario is wrong, and how it is used", () => {
    const missing = simulate("--scenario", "nowhere.yaml");
    assert.equal(missing.status, 2);
    assert.equal(missing.stderr, "nowhere.yaml:1:1: no such file\n");
    const bare = simulate();
    assert.equal(bare.status, 2);
    assert.match(bare.stderr, /^--scenario FILE is needed\n\n[^]*npm run -s sim:steering/);
    assert.equal(simulate("--help").status, 0);
  });
});
