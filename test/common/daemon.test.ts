import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type LogEvent, type RunningProcess, startProcess } from "../support/process.ts";
import type { Scope } from "../support/scope.ts";

async function start(scope: Scope, manner: string): Promise<RunningProcess> {
  const child = startProcess(scope, {
    command: process.execPath,
    args: [join(import.meta.dirname, "daemon-child.ts"), "2500", manner],
  });
  await child.waitForEvent("ready");
  return child;
}

/** Events as `name daemon`, in order. */
function story(child: RunningProcess): string[] {
  return events(child).map(({ event, daemon }) =>
    typeof daemon === "string" ? `${event} ${daemon}` : event,
  );
}

function events(child: RunningProcess): LogEvent[] {
  return child.stderr.map((line) => JSON.parse(line) as LogEvent);
}

describe("a process of daemons", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`stops them in order on ${signal}, tells them the deadline, and ends with 0`, async (t) => {
      const child = await start(t, "at-once");
      child.signal(signal);
      assert.deepEqual(await child.exited, { code: 0, signal: null });
      assert.deepEqual(story(child).slice(1), [
        "stopping",
        "asked-to-stop first",
        "asked-to-stop second",
        "stopped",
      ]);
      assert.equal(
        events(child).find(({ event }) => event === "asked-to-stop")?.["withinMs"],
        2500,
      );
    });
  }

  it("finishes stopping when the signal comes again", async (t) => {
    const child = await start(t, "slowly");
    child.signal("SIGTERM");
    await child.waitForEvent("asked-to-stop");
    child.signal("SIGTERM");
    child.signal("SIGINT");
    assert.deepEqual(await child.exited, { code: 0, signal: null });
    assert.equal(events(child).at(-1)?.event, "stopped");
  });

  it("reloads every daemon on SIGHUP, and goes on when one cannot", async (t) => {
    const child = await start(t, "at-once");
    child.signal("SIGHUP");
    const failed = await child.waitForEvent("reload-failed");
    assert.equal(failed["daemon"], "first");
    const reloaded = events(child).filter(({ event }) => event === "asked-to-reload");
    assert.deepEqual(
      reloaded.map(({ daemon }) => daemon),
      ["first", "second"],
    );
    assert.equal(child.isRunning, true);
  });

  it("stops the others when one cannot stop, and says which failed", async (t) => {
    const child = await start(t, "badly");
    child.signal("SIGTERM");
    const exit = await child.exited;
    assert.equal(exit.code, 0);
    const seen = story(child);
    assert.ok(seen.includes("stop-failed first"), seen.join("\n"));
    assert.ok(seen.includes("asked-to-stop second"), seen.join("\n"));
  });
});
