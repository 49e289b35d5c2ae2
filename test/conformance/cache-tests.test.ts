import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { REPOSITORY, RunningProcess } from "../support/process.ts";
import { tempDir } from "../support/temp-dir.ts";
import { expectedFailures } from "./expected-failures.ts";
import { type SuiteResults, suiteTests } from "./suite.ts";
import { judgeResults } from "./verdicts.ts";

/** The suite takes about 50 s, nearly all of it pauses in which responses become stale. */
const TIMEOUT_MS = 115_000;

/** A checkout of http-tests/cache-tests that is to be run too: docs/conformance.md says how. */
const CHECKOUT = process.env["CACHE_TESTS_DIR"];

const PAGE = readFileSync(join(REPOSITORY, "docs", "conformance.md"), "utf8");

suite("the public suite http-cache-tests", { concurrency: true }, () => {
  for (const profile of ["rfc", "safe"] as const) {
    test(
      `npm edition, profile ${profile}: exactly the expected tests fail, as the page says`,
      {
        timeout: TIMEOUT_MS,
      },
      (t) => runEdition(t, { edition: "npm", folder: undefined, profile }),
    );

    test(
      `npm edition, profile ${profile}, from disk with next to no memory: the same tests fail`,
      { timeout: TIMEOUT_MS },
      (t) => runEdition(t, { edition: "npm", folder: undefined, profile, disk: tempDir(t) }),
    );

    test(
      `npm edition, profile ${profile}, without the fast lane: the same tests fail`,
      { timeout: TIMEOUT_MS },
      (t) => runEdition(t, { edition: "npm", folder: undefined, profile, lane: "off" }),
    );

    const skip = CHECKOUT === undefined ? "CACHE_TESTS_DIR names no checkout" : false;
    test(
      `newest edition, profile ${profile}: exactly the expected tests fail, as the page says`,
      {
        skip,
        timeout: TIMEOUT_MS,
      },
      (t) => runEdition(t, { edition: "newest", folder: CHECKOUT, profile }),
    );
  }
});

interface Run {
  readonly edition: "npm" | "newest";
  readonly folder: string | undefined;
  readonly profile: "rfc" | "safe";
  readonly disk?: string;
  readonly lane?: "off";
}

async function runEdition(t: TestContext, run: Run): Promise<void> {
  const { edition, folder, profile, disk, lane } = run;
  const program = join(import.meta.dirname, "run-profile.ts");
  const child = new RunningProcess({
    command: process.execPath,
    args: [program, profile, ...(folder === undefined ? [] : [folder])],
    env: { MERIDIAN_SUITE_DISK: disk, MERIDIAN_TEST_LANE: lane },
  });
  t.after(async () => {
    await child.stop();
  });
  const exit = await child.exited;
  assert.equal(exit.code, 0, child.stderr.join("\n"));
  const results = JSON.parse(child.stdout.at(-1) ?? "") as SuiteResults;
  const tests = await suiteTests(folder);
  const { passed, total, failed } = judgeResults(tests, results);
  for (const kind of ["required", "optimal", "check"] as const) {
    t.diagnostic(`${kind}: ${passed[kind]} of ${total[kind]}`);
  }
  const reasons = JSON.stringify(Object.fromEntries(failed), undefined, 1);
  const expected = expectedFailures(tests, edition, profile).toSorted();
  assert.deepEqual([...failed.keys()].toSorted(), expected, reasons);
  const cells = (["required", "optimal"] as const).map(
    (kind) => `${passed[kind]} of ${total[kind]}`,
  );
  const row = `| ${edition} | \`${profile}\` | ${cells.join(" | ")} |`;
  assert.ok(PAGE.includes(row), `docs/conformance.md should have the row\n${row}`);
}
