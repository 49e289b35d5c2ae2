import type { TestEvent } from "node:test/reporters";

type Summary = Extract<TestEvent, { type: "test:summary" }>["data"];

/** What node:test counts; its published types leave `failed` out. */
type Counts = Summary["counts"] & { failed: number };

/** The counts of node:test in the order and the words of its own summary. */
const SUMMARY_LINES: readonly (readonly [line: string, count: keyof Counts])[] = [
  ["tests", "tests"],
  ["suites", "suites"],
  ["pass", "passed"],
  ["fail", "failed"],
  ["cancelled", "cancelled"],
  ["skipped", "skipped"],
  ["todo", "todo"],
];

const SUMMARY_DIAGNOSTIC = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** A test file that is not run, and why not. */
export interface LeftOut {
  readonly file: string;
  readonly reason: string;
}

/**
 * Joins several runs of node:test to one report, which ends with one summary in the words of
 * node:test. Files that were left out are in it as skipped tests with their reason.
 */
export class Report {
  readonly #counts: Counts = {
    tests: 0,
    suites: 0,
    passed: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0,
    todo: 0,
    topLevel: 0,
  };
  readonly #startedAt = performance.now();
  #success = true;

  /** True while nothing has failed. */
  get success(): boolean {
    return this.#success;
  }

  /** The events of one run, without its summary, which is added to that of the report. */
  async *add(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
    for await (const event of events) {
      if (event.type === "test:summary") {
        if (event.data.file === undefined) this.#count(event.data);
      } else if (event.type !== "test:diagnostic" || !isSummary(event.data)) {
        yield event;
      }
    }
  }

  /** Events that say that a file was left out. */
  *leaveOut({ file, reason }: LeftOut): Generator<TestEvent> {
    this.#counts.tests += 1;
    this.#counts.skipped += 1;
    const place = { name: file, nesting: 0, file, line: 1, column: 1, testId: 0, parentId: 0 };
    const details = { duration_ms: 0, type: "test" as const };
    yield { type: "test:start", data: place } as TestEvent;
    yield {
      type: "test:pass",
      data: { ...place, testNumber: this.#counts.tests, details, skip: reason },
    } as TestEvent;
  }

  /** The summary, for the end. */
  *summary(): Generator<TestEvent> {
    for (const [line, count] of SUMMARY_LINES) yield diagnostic(`${line} ${this.#counts[count]}`);
    yield diagnostic(`duration_ms ${Math.round(performance.now() - this.#startedAt)}`);
  }

  #count({ counts, success }: Summary): void {
    this.#success &&= success;
    for (const name of Object.keys(this.#counts) as (keyof Counts)[]) {
      this.#counts[name] += (counts as Counts)[name];
    }
  }
}

function isSummary(data: { readonly nesting: number; readonly message: string }): boolean {
  return data.nesting === 0 && SUMMARY_DIAGNOSTIC.test(data.message);
}

function diagnostic(message: string): TestEvent {
  return { type: "test:diagnostic", data: { nesting: 0, message, level: "info" } };
}
