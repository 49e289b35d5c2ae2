import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "node:test";
import { RunningProcess } from "../support/process.ts";
import { EXPECTED_FAILURES } from "./expected-failures.ts";
import { type SuiteResult, suiteTests } from "./suite.ts";
import { judgeResults } from "./verdicts.ts";

/** The suite takes about 50 s, nearly all of it pauses in which responses become stale. */
const TIMEOUT_MS = 115_000;

suite("the public suite http-cache-tests", { concurrency: true }, () => {
  for (const profile of ["rfc", "safe"] as const) {
    test(`profile ${profile}: exactly the expected tests fail`, {
      timeout: TIMEOUT_MS,
    }, async (t) => {
      const run = new RunningProcess({
        command: process.execPath,
        args: [join(import.meta.dirname, "run-profile.ts"), profile],
      });
      t.after(async () => {
        await run.stop();
      });
      const exit = await run.exited;
      assert.equal(exit.code, 0, run.stderr.join("\n"));
      const results = JSON.parse(run.stdout.at(-1) ?? "") as Record<string, SuiteResult>;
      const { passed, total, failed } = judgeResults(await suiteTests(), results);
      for (const kind of ["required", "optimal", "check"] as const) {
        t.diagnostic(`${kind}: ${passed[kind]} of ${total[kind]}`);
      }
      const expected = EXPECTED_FAILURES.filter((each) => (each.profile ?? profile) === profile);
      const names = expected.map(({ id }) => id).toSorted();
      const reasons = Object.fromEntries(failed);
      assert.deepEqual([...failed.keys()].toSorted(), names, JSON.stringify(reasons, undefined, 1));
    });
  }
});
