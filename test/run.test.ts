import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { installLine, missingPeers, PEERS, peersOf, searchPath } from "./support/peers.ts";
import { REPOSITORY, runProcess } from "./support/process.ts";
import { Report } from "./support/report.ts";
import { tempDir } from "./support/temp-dir.ts";

const RUN = join(REPOSITORY, "test", "run.ts");

/** A copy of the runner in a folder of its own, with one test file of the given text. */
function runnerWith(dir: string, name: string, text: string): string {
  mkdirSync(join(dir, "test", "support"), { recursive: true });
  const files = ["check-node.mjs", "run.ts"].concat(
    ["file-deadline", "import-graph", "install-peers", "peers", "process", "report", "scope"].map(
      (file) => `support/${file}.ts`,
    ),
  );
  for (const file of files) {
    writeFileSync(join(dir, "test", file), readFileSync(join(REPOSITORY, "test", file)));
  }
  writeFileSync(join(dir, "package.json"), readFileSync(join(REPOSITORY, "package.json")));
  writeFileSync(join(dir, "test", name), text);
  return join(dir, "test", "run.ts");
}

function runTests(run: string, args: readonly string[], ci?: "true") {
  return runProcess({ command: process.execPath, args: [run, ...args], env: { CI: ci } });
}

async function collect(events: AsyncIterable<TestEvent> | Iterable<TestEvent>) {
  const list: TestEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

async function* summaryOf(passed: number, failed: number): AsyncGenerator<TestEvent> {
  const counts = { tests: passed + failed, suites: 0, passed, failed };
  const rest = { cancelled: 0, skipped: 0, todo: 0, topLevel: passed + failed };
  yield {
    type: "test:diagnostic",
    data: { nesting: 0, message: `pass ${passed}`, level: "info" },
  };
  yield {
    type: "test:summary",
    data: { counts: { ...counts, ...rest }, success: failed === 0, duration_ms: 1 },
  } as unknown as TestEvent;
}

describe("npm test", () => {
  it("ends with the counts of node:test and exit code 0 when everything passes", async (t) => {
    const text = 'import { it } from "node:test"; it("one", () => {}); it("two", () => {});';
    const result = await runTests(runnerWith(tempDir(t), "a.test.ts", text), []);
    assert.equal(result.code, 0, result.stdout);
    assert.match(result.stdout, /tests 2\n.*suites 0\n.*pass 2\n.*fail 0\n/);
    assert.match(result.stdout, /duration_ms \d+\s*$/);
  });

  it("ends with exit code 1 when a test fails, and says which", async (t) => {
    const text = 'import { it } from "node:test"; it("breaks", () => { throw new Error("so"); });';
    const result = await runTests(runnerWith(tempDir(t), "a.test.ts", text), []);
    assert.equal(result.code, 1);
    assert.match(result.stdout, /fail 1/);
    assert.match(result.stdout, /✖ breaks/);
  });

  it("ends with exit code 1 when a file cannot be loaded", async (t) => {
    const run = runnerWith(tempDir(t), "a.test.ts", 'import "./missing.ts";');
    assert.equal((await runTests(run, [])).code, 1);
  });

  it("names the compose test that it leaves out, and why", async (t) => {
    const dir = tempDir(t);
    mkdirSync(join(dir, "test", "compose"), { recursive: true });
    const text = 'import { it } from "node:test"; it("composes", () => {});';
    const run = runnerWith(dir, "compose/c.test.ts", text);
    const usual = await runTests(run, []);
    assert.equal(usual.code, 0);
    assert.match(usual.stdout, /test\/compose\/c\.test\.ts.*# runs with CI=true, or by npm run/);
    assert.match(usual.stdout, /skipped 1/);
    const asked = await runTests(run, ["compose"]);
    assert.match(asked.stdout, /✔ composes/);
    assert.match(asked.stdout, /skipped 0/);
  });

  it("refuses a pattern that fits no file, with exit code 2", async () => {
    const result = await runTests(RUN, ["no-such-test"]);
    assert.equal(result.code, 2);
    assert.match(result.stderr, /no test file's path contains no-such-test/);
  });

  it("says which Node it needs when the one in use is too old", async (t) => {
    const dir = tempDir(t);
    runnerWith(dir, "a.test.ts", "");
    const manifest = JSON.stringify({ type: "module", engines: { node: ">=99" } });
    writeFileSync(join(dir, "package.json"), manifest);
    const result = await runProcess({
      command: process.execPath,
      args: [join(dir, "test", "check-node.mjs")],
    });
    assert.equal(result.code, 2);
    assert.match(result.stderr, /need Node 99 or newer; this is v\d+.*npm ci/s);
  });
});

describe("test report", () => {
  it("adds the summaries of several runs, and drops their own", async () => {
    const report = new Report();
    assert.deepEqual(await collect(report.add(summaryOf(3, 0))), []);
    assert.equal(report.success, true);
    assert.deepEqual(await collect(report.add(summaryOf(2, 1))), []);
    assert.equal(report.success, false);
    await collect(report.leaveOut({ file: "test/x.test.ts", reason: "needs dig" }));
    const lines = (await collect(report.summary())).map((event) =>
      event.type === "test:diagnostic" ? event.data.message : "",
    );
    assert.deepEqual(lines.slice(0, 7), [
      "tests 7",
      "suites 0",
      "pass 5",
      "fail 1",
      "cancelled 0",
      "skipped 1",
      "todo 0",
    ]);
  });
});

describe("peers", () => {
  it("finds what a test needs through the support files that it imports", (t) => {
    const test = join(tempDir(t), "test");
    mkdirSync(test);
    // Put together here, so that this file does not seem to need them.
    const [dig, curl] = "dig curl".split(" ").map((name) => JSON.stringify(name));
    writeFileSync(join(test, "asks.ts"), `export const asks = { command: ${dig} };`);
    writeFileSync(join(test, "a.test.ts"), `import { asks } from "./asks.ts"; run(${curl});`);
    writeFileSync(join(test, "b.test.ts"), "// dig and curl are only spoken of here");
    const names = (file: string) => peersOf(join(test, file)).map(({ binary }) => binary);
    assert.deepEqual(names("a.test.ts").join(" "), "dig curl");
    assert.deepEqual(names("b.test.ts"), []);
  });

  it("notices a missing program, and names each package once in the install line", () => {
    const absent = { binary: "no-such-program", debianPackage: "no-such", proves: "nothing" };
    const node = { binary: "sh", debianPackage: "dash", proves: "that it is found" };
    assert.deepEqual(missingPeers([absent, node]), [absent]);
    const prometheus = PEERS.filter(({ debianPackage }) => debianPackage === "prometheus");
    assert.equal(prometheus.length, 2);
    assert.equal(installLine(prometheus), "apt-get install --no-install-recommends prometheus");
  });

  it("looks where daemons are, even if PATH does not", () => {
    assert.equal(searchPath("/usr/bin"), "/usr/bin:/usr/local/sbin:/usr/sbin:/sbin");
    assert.equal(searchPath("/sbin:/usr/bin"), "/sbin:/usr/bin:/usr/local/sbin:/usr/sbin");
  });
});
