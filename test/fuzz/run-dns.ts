import { setImmediate as nextTurn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { runLanes } from "./lanes.ts";
import { fuzzSeed, Seeded } from "./seeded.ts";

// Asks both lanes of the router the same, for as many packets as are wanted, and ends with the
// first that is answered differently: npm run -s fuzz:dns -- --packets 20000000
const { values } = parseArgs({ options: { packets: { type: "string", default: "1000000" } } });
const wanted = Number(values.packets);
const PACKETS_PER_RUN = 200_000;

const seed = fuzzSeed();
const random = new Seeded(seed);
const started = performance.now();
let packets = 0;
let inPlace = 0;
let problem: string | undefined;
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
while (packets < wanted && problem === undefined && !stop.signal.aborted) {
  const run = runLanes(Math.min(PACKETS_PER_RUN, wanted - packets), random, seed);
  packets += run.packets;
  inPlace += run.inPlace;
  problem = run.problem;
  // A run takes long: here signals are heard.
  await nextTurn();
  if (process.stdout.isTTY) process.stdout.write(`\r${packets} packets`);
}
const seconds = ((performance.now() - started) / 1_000).toFixed(1);
const share = ((100 * inPlace) / Math.max(1, packets)).toFixed(1);
process.stdout.write(
  `\nFUZZ_SEED=${seed}: ${packets} packets in ${seconds} s, ${share} % answered in place, ` +
    `${problem === undefined ? "all the same" : "and one that differs"}\n`,
);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
