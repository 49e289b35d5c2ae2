import assert from "node:assert/strict";
import { test } from "node:test";
import { runProcess } from "../support/process.ts";

/** Some seconds when nothing else runs; the limit is for machines on which much else does. */
const RUN_MS_MAX = 115_000;

/** Unit tests alone: a line that only an end-to-end test runs is one whose cases nobody listed. */
const FOLDERS = ["decide", "http"];

test("the unit tests of the pure folders run all their lines and branches", async () => {
  const child = {
    command: process.execPath,
    args: [
      "--test",
      "--test-reporter=tap",
      "--experimental-test-coverage",
      ...FOLDERS.map((folder) => `--test-coverage-include=edge/${folder}/**`),
      "--test-coverage-lines=100",
      "--test-coverage-branches=100",
      "--test-coverage-functions=100",
      ...FOLDERS.map((folder) => `test/edge/${folder}/*.test.ts`),
      "test/edge/key/variant.test.ts",
    ],
  };
  const { code, stdout } = await runProcess(child, RUN_MS_MAX);
  const report = stdout.slice(Math.max(0, stdout.indexOf("start of coverage report") - 2));
  assert.match(report, /all files +\| +100\.00 \| +100\.00 \| +100\.00/, report);
  assert.equal(code, 0, report);
});
