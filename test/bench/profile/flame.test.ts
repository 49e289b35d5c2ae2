import assert from "node:assert/strict";
import { test } from "node:test";
import { type CpuProfile, flameGraph, hottest } from "../../../bench/profile/flame.ts";

const frame = (functionName: string) => ({ functionName, url: "", lineNumber: 0 });

const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 3] },
    { id: 2, callFrame: frame("(idle)") },
    { id: 3, callFrame: frame("serve"), children: [4, 5] },
    { id: 4, callFrame: frame("read<head>") },
    { id: 5, callFrame: frame("write") },
  ],
  samples: [2, 3, 4, 5, 5],
  timeDeltas: [1_000, 100, 300, 200, 400],
};

test("a flame graph shows shares of the work, without what is idle", () => {
  const svg = flameGraph(PROFILE, "a & b");
  assert.match(svg, /a &amp; b, 0\.00 s of work/);
  assert.match(svg, /<title>serve: 100\.0 %, 10\.0 % of its own<\/title>/);
  assert.match(svg, /<title>write: 60\.0 %, 60\.0 % of its own<\/title>/);
  assert.match(svg, /read&lt;head&gt;: 30\.0 %/);
  assert.doesNotMatch(svg, /idle/);
  assert.deepEqual(hottest(PROFILE, 2), [" 60.0 %  write", " 30.0 %  read<head>"]);
});
