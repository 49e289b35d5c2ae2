import type { SuiteResult, SuiteTest } from "./suite.ts";

/** What is asserted: the tests that fail, and how many there are. */
export interface Verdicts {
  readonly passed: Readonly<Record<"required" | "optimal" | "check", number>>;
  readonly total: Readonly<Record<"required" | "optimal" | "check", number>>;
  /** Required and optimal tests that do not pass, by id, and why. */
  readonly failed: ReadonlyMap<string, string>;
}

/**
 * Counts as the suite itself does: a test passes if its own result is true and every test that it
 * depends on passes, whatever the kind of that one.
 */
export function judgeResults(
  tests: readonly SuiteTest[],
  results: Readonly<Record<string, SuiteResult>>,
): Verdicts {
  const byId = new Map(tests.map((test) => [test.id, test]));
  const whyNot = (id: string): string | undefined => {
    for (const needed of byId.get(id)?.depends_on ?? []) {
      if (whyNot(needed) !== undefined) return `depends on ${needed}`;
    }
    const result = results[id];
    if (result === undefined) return "did not run";
    return result === true ? undefined : result.join(": ");
  };
  const passed = { required: 0, optimal: 0, check: 0 };
  const total = { required: 0, optimal: 0, check: 0 };
  const failed = new Map<string, string>();
  for (const { id, kind = "required" } of tests) {
    const reason = whyNot(id);
    total[kind] += 1;
    if (reason === undefined) passed[kind] += 1;
    else if (kind !== "check") failed.set(id, reason);
  }
  return { passed, total, failed };
}
