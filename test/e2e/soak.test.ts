import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite, test } from "node:test";
import { bytesOf, contentOf, draw, pathOf } from "../../bench/soak/content.ts";
import { REPOSITORY } from "../support/process.ts";

const notLinux = process.platform === "linux" ? false : "reads resident memory from /proc";

function soak(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const script = join(REPOSITORY, "bench/soak.ts");
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8", env });
}

suite("the soak bench", () => {
  test("an edge stays within its budget while unique URLs and slow readers come", {
    skip: notLinux,
  }, (t) => {
    const load = ["--connections", "24", "--slow", "40", "--memory", "320MiB"];
    const { status, stdout, stderr } = soak("--seconds", "20", ...load);
    t.diagnostic(stdout);
    assert.equal(stderr, "");
    const report = JSON.parse(stdout.slice(0, stdout.lastIndexOf("}") + 1));
    assert.ok(report.residentBytesMax <= 320 * 2 ** 20 * 1.1, `${report.residentBytesMax}`);
    assert.equal(report.counts.wrong, 0);
    assert.ok(report.edge.edge_fills_total > 100, "the edge was under load");
    assert.match(stdout, /\nPASS\n$/);
    assert.equal(status, 0);
  });

  test("a process that is larger than its budget fails, and says so", { skip: notLinux }, () => {
    const { status, stdout } = soak("--seconds", "1", "--slow", "0", "--memory", "16MiB");
    assert.match(stdout, /\nFAIL\n$/);
    assert.equal(status, 1);
  });

  test("shows how it is used, and what is wrong with an option", () => {
    assert.match(soak("--help").stdout, /--slow N/);
    for (const wrong of ["--seconds", "--memory", "--body"]) {
      const { status, stderr } = soak(wrong, "many");
      assert.equal(status, 2);
      assert.match(stderr, new RegExp(`^${wrong}`));
    }
  });

  test("a URL says what its bytes are", () => {
    const content = draw(12_345, 0.1, 0.5);
    assert.deepEqual(contentOf(pathOf(content)), content);
    const whole = bytesOf(content, 0, content.bytes);
    assert.equal(whole.length, content.bytes);
    assert.deepEqual(bytesOf(content, 100, 50), whole.subarray(100, 150));
    assert.notDeepEqual(bytesOf({ ...content, number: 12_346 }, 0, 64), whole.subarray(0, 64));
    assert.equal(contentOf("/keep/999999999/1"), undefined);
  });
});
