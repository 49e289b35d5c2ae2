import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { LiveBody } from "../../../control/api/live-figures.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import type { StateStore } from "../../../state/store.ts";
import { eventually } from "../../support/eventually.ts";
import { findProgram } from "../../support/peers.ts";
import { REPOSITORY, runMeridian, runProcess, startProcess } from "../../support/process.ts";
import { startTestControl } from "../support.ts";

const RECORDER = "script";
const TTL_MS = 300_000;
const PROGRAM = join(REPOSITORY, "bin", "meridian.mjs");

function beat(store: StateStore, edge: string, requestsPerSecond: number): Promise<void> {
  const [pop = ""] = edge.split("-");
  return store.heartbeat(
    {
      edge,
      pop,
      at: 0,
      run: "1",
      version: 1,
      connections: 1,
      bitsPerSecond: 0,
      requestsPerSecond,
      storeBytes: 0,
      storeBytesMax: 1,
      objects: 0,
    },
    TTL_MS,
  );
}

async function start(t: TestContext) {
  const store = openEmbeddedState({ file: ":memory:" });
  t.after(() => store.close());
  const control = await startTestControl(t, store);
  await beat(store, "syd-1", 111);
  return { store, ...control };
}

/** `meridian top` on a terminal of 100 x 30, made by `script`. */
async function onTerminal(t: TestContext, base: string) {
  const top = `"${process.execPath}" "${PROGRAM}" top --interval 200ms --api ${base}`;
  const line = `tty; stty cols 100 rows 30; ${top}; echo "ended $?"; stty -a`;
  const recorder = findProgram(RECORDER);
  assert.ok(recorder !== undefined, `${RECORDER} is not installed`);
  const child = spawn(recorder, ["-qfec", line, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TERM: "xterm", NO_COLOR: undefined },
  });
  t.after(() => child.kill("SIGKILL"));
  let seen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
  });
  const ended = once(child, "close");
  return {
    press: (keys: string) => child.stdin.write(keys),
    ended,
    seen: () => seen,
    resize: async (columns: number) => {
      const device = /\/dev\/pts\/\d+/.exec(seen)?.[0] ?? "no device";
      await runProcess({ command: "stty", args: ["-F", device, "cols", String(columns)] });
    },
    untilSeen: (pattern: RegExp, from = 0) =>
      eventually(
        `the terminal shows ${String(pattern)}`,
        () => assert.ok(pattern.test(seen.slice(from)), seen.slice(-2_000)),
        { withinMs: 30_000 },
      ),
  };
}

describe("meridian top", () => {
  it("looks once, and prints all there is", async (t) => {
    const { base } = await start(t);
    const { code, stdout } = await runMeridian(["top", "--once", "--api", base]);
    assert.equal(code, 0);
    assert.match(stdout, /^syd-1 +unknown +- +111 /m);
    assert.match(
      stdout,
      /^netcinema +- +- +- +- +video\.netcinema\.test +http:\/\/192\.0\.2\.1:9000$/m,
    );
  });

  it("prints one JSON document, or one a line for as long as it is read", async (t) => {
    const { base, store } = await start(t);
    const once = await runMeridian(["top", "--once", "--json", "--api", base]);
    assert.equal((JSON.parse(once.stdout) as LiveBody).total.requestsPerSecond, 111);
    const child = startProcess(t, {
      command: process.execPath,
      args: [PROGRAM, "top", "--json", "--interval", "200ms", "--api", base],
    });
    const figure = (wanted: number) => (line: string) =>
      (JSON.parse(line) as LiveBody).total.requestsPerSecond === wanted || undefined;
    await child.waitForLine("stdout", figure(111));
    await beat(store, "syd-1", 222);
    await child.waitForLine("stdout", figure(222));
    assert.deepEqual(await child.stop(), { code: 0, signal: null });
  });

  it("ends when nobody reads any more, and fails when nobody answers", async (t) => {
    const { base, daemon } = await start(t);
    const shell = (line: string) => runProcess({ command: "sh", args: ["-c", line] });
    const top = `"${process.execPath}" "${PROGRAM}" top --interval 200ms --api ${base}`;
    const { code, stderr } = await shell(`${top} | head -n 1`);
    assert.deepEqual([code, stderr], [0, ""]);
    await daemon.stop(1_000);
    const failed = await runMeridian(["top", "--once", "--api", base]);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /cannot reach the control API/);
  });

  it("fills a terminal, follows its size, outlives the server, and gives it back", async (t) => {
    const { base, store, daemon } = await start(t);
    const terminal = await onTerminal(t, base);
    await terminal.untilSeen(/syd-1 +unknown +- +111 /);
    await beat(store, "syd-1", 333);
    await terminal.untilSeen(/syd-1 +unknown +- +333 /);

    const before = terminal.seen().length;
    await terminal.resize(30);
    await terminal.untilSeen(/EDGE +HEALTH +FOR +REQ\/S +T>/, before);

    await terminal.resize(100);
    await daemon.stop(1_000);
    await terminal.untilSeen(/What you see is old: cannot reach the control API/);
    terminal.press("q");
    await terminal.untilSeen(/ended 0/);
    await terminal.ended;
    const end = terminal.seen().slice(terminal.seen().lastIndexOf("\u001b[?1049l"));
    assert.match(end, / icanon /, "the terminal reads lines again");
    assert.ok(terminal.seen().includes("\u001b[?25h\u001b[?1049l"), "with its cursor");
  });
});
