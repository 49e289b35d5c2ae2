import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { RunningProcess } from "../../support/process.ts";
import type { CrowdReport } from "../fetch/crowd.ts";
import { patternBytes } from "../fetch/pattern.ts";
import { startOrigin, startTestEdge } from "../harness.ts";
import { SLICE, SMALL_SLICES } from "./origin.ts";

test("500 clients at a cold object in slices: one request, right bytes", {
  timeout: 100_000,
}, async (t) => {
  const body = patternBytes(64 * SLICE);
  const origin = await startOrigin(t, async (_request, response) => {
    const head = { "cache-control": "max-age=60", "content-length": body.length, etag: '"v1"' };
    response.writeHead(200, head);
    for (let at = 0; at < body.length; at += SLICE + 1_000) {
      response.write(body.subarray(at, at + SLICE + 1_000));
      await delay(10);
    }
    response.end();
  });
  const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
  const crowd = new RunningProcess({
    command: process.execPath,
    args: [
      join(import.meta.dirname, "..", "fetch", "crowd.ts"),
      String(edge.at.port),
      "/big",
      "500",
      String(body.length),
    ],
  });
  t.after(async () => {
    await crowd.stop();
  });
  await crowd.exited;
  const report = JSON.parse(crowd.stdout.at(-1) ?? "") as CrowdReport;
  assert.deepEqual(report.wrong, []);
  assert.equal(report.right, 500);
  assert.deepEqual(origin.seen, ["GET /big"]);
});
