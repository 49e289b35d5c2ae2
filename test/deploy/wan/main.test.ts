import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY, runProcess, startProcess } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";

const MAIN = join(REPOSITORY, "deploy/wan/main.ts");

test("starts from a plan, says where it listens, and ends with exit code 0 on SIGTERM", async (t) => {
  const file = join(tempDir(t), "wan.yaml");
  writeFileSync(
    file,
    `regions: { a: { title: A, networks: [127.0.0.0/8] } }
roundTripMs: {}
vantages: [{ region: a, listen: "127.0.0.1:0" }]`,
  );
  const child = startProcess(t, { command: process.execPath, args: [MAIN, file] });
  const ready = await child.waitForEvent("ready");
  const { "vantage-a": vantage } = ready["addresses"] as Record<string, { port: number }>;
  assert.equal((await fetch(`http://127.0.0.1:${vantage?.port}/`)).status, 200);
  assert.deepEqual(await child.stop(), { code: 0, signal: null });
});

test("a plan that is missing or wrong ends with exit code 2 and says why", async (t) => {
  const none = await runProcess({ command: process.execPath, args: [MAIN] });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /usage/);
  const gone = await runProcess({ command: process.execPath, args: [MAIN, "/nowhere.yaml"] });
  assert.equal(gone.code, 2);
  assert.match(gone.stderr, /\/nowhere\.yaml: .*no such file/);
  const file = join(tempDir(t), "wan.yaml");
  writeFileSync(file, "regions: {}\n");
  const wrong = await runProcess({ command: process.execPath, args: [MAIN, file] });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /wan\.yaml: roundTripMs: /);
});
