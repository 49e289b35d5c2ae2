import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killRounds } from "../test/edge/disk/kill-rounds.ts";

/*
 * Kills an edge with a disk under load, a thousand times or as often as the first argument says:
 * no byte that it serves may be wrong, and 99 of 100 objects that were a second old must be there
 * again. Prints what came of it as JSON; exit code 1 if that is not enough. Run:
 * npx node bench/disk-kill.ts [rounds] [folder]
 */
const rounds = Number(process.argv[2] ?? 1_000);
const folder = process.argv[3] ?? mkdtempSync(join(tmpdir(), "meridian-kill-"));
const stops: (() => void | Promise<void>)[] = [];
const result = await killRounds(
  { after: (stop) => void stops.push(stop) },
  { folder, rounds, withinMs: Infinity, requests: 200, urls: 2_000, random: Math.random },
);
for (const stop of stops) await stop();
if (process.argv[3] === undefined) rmSync(folder, { recursive: true });
const { startMs, wrong, ...counts } = result;
const sorted = startMs.toSorted((a, b) => a - b);
const share = result.survived / Math.max(1, result.old);
const median = Math.round(sorted[sorted.length >> 1] ?? 0);
const summary = { ...counts, wrong: wrong.length, survivedShare: share, startMsMedian: median };
process.stdout.write(`${JSON.stringify({ ...summary, first: wrong[0] }, undefined, 2)}\n`);
process.exitCode = wrong.length === 0 && share >= 0.99 ? 0 : 1;
