import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { REPOSITORY } from "../support/process.ts";

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const script = join(REPOSITORY, "bench/hitratio.ts");
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
}

suite("the hit ratio bench as a program", () => {
  test("prints the facts of the trace and the ratios of all policies as JSON", (t) => {
    const directory = mkdtempSync(join(tmpdir(), "meridian-hitratio-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, "trace");
    writeFileSync(file, "a 5\nb 5\na 5\nc 10\n");
    const { status, stdout, stderr } = bench(
      "--trace",
      file,
      "--format",
      "size",
      "--capacity",
      "50%",
    );
    assert.equal(stderr, "");
    assert.equal(status, 0);
    const ratios = { hitRatio: 0.25, byteHitRatio: 0.2 };
    assert.deepEqual(JSON.parse(stdout), {
      trace: { requests: 4, unique: 3, uniqueBytes: 20, capacity: 10 },
      lru: ratios,
      s3fifo: ratios,
      policy: { ...ratios, sideBytes: 21_504 },
      belady: ratios,
    });
  });

  test("says on one line what is wrong with a trace, and shows how it is used", () => {
    const missing = bench("--trace", "/does/not/exist", "--format", "id", "--capacity", "1");
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /^ENOENT.*\n$/);
    const wrong = bench("--trace", "t");
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /^--format is needed.*\n\nReplays a trace/);
    const help = bench("--help");
    assert.equal(help.status, 0);
    assert.match(help.stdout, /Examples:/);
  });
});
