import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { REPOSITORY, runProcess } from "../../support/process.ts";

const RUN_MS_MAX = 115_000;

/** What broken, hostile and slow clients meet, and what a hit looks like. */
const FILES = [
  "test/edge/accept/listener.test.ts",
  "test/edge/pipeline.test.ts",
  "test/edge/protect/*.test.ts",
  "test/edge/ranges.test.ts",
  "test/edge/suite-gaps.test.ts",
  "test/edge/threats/*.test.ts",
];

test("node:http alone passes the tests that the fast lane passes elsewhere", async () => {
  const files = FILES.flatMap((pattern) => globSync(pattern, { cwd: REPOSITORY }));
  assert.ok(files.length > FILES.length);
  const { code, stdout } = await runProcess(
    {
      command: process.execPath,
      args: ["--test", "--test-reporter=tap", ...files],
      env: { MERIDIAN_TEST_LANE: "off" },
    },
    RUN_MS_MAX,
  );
  assert.equal(code, 0, stdout);
});
