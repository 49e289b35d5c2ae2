import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { RunningProcess } from "../support/process.ts";

const notLinux = process.platform === "linux" ? false : "the C library of Linux is meant";

function anEdge(env: Readonly<Record<string, string | undefined>>): RunningProcess {
  return new RunningProcess({
    command: process.execPath,
    args: [
      "bin/meridian.mjs",
      "edge",
      "--listen=127.0.0.1:0",
      "--origin=http://127.0.0.1:9",
      "--memory=64MiB",
    ],
    env,
  });
}

const UNSET = {
  MALLOC_ARENA_MAX: undefined,
  MALLOC_MMAP_THRESHOLD_: undefined,
  MALLOC_TRIM_THRESHOLD_: undefined,
};

test("an edge runs with settings of the C library by which memory comes back", {
  skip: notLinux,
}, async (t) => {
  for (const [given, expected] of [
    [undefined, "32768"],
    ["999999", "999999"],
  ] as const) {
    const edge = anEdge({ ...UNSET, MALLOC_MMAP_THRESHOLD_: given });
    t.after(async () => {
      await edge.stop();
    });
    await edge.waitForEvent("ready");
    const environment = readFileSync(`/proc/${edge.pid}/environ`, "latin1").split("\0");
    assert.ok(environment.includes(`MALLOC_MMAP_THRESHOLD_=${expected}`), "what was set stays set");
    assert.ok(environment.includes("MALLOC_ARENA_MAX=1"));
    // The process that was started is the one that serves: signals reach it.
    assert.deepEqual(await edge.stop(), { code: 0, signal: null });
  }
});

test("a budget that the process alone exceeds is said to be too small", async (t) => {
  const edge = anEdge(UNSET);
  t.after(async () => {
    await edge.stop();
  });
  await edge.waitForEvent("memory-small");
});
