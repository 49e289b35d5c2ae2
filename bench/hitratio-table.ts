import { compare } from "./hitratio/compare.ts";
import type { HitRatios } from "./hitratio/replay.ts";
import { SYNTHETIC_TRACES } from "./hitratio/synthetic.ts";

/*
 * How the eviction policy does on every synthetic trace, as a table in Markdown: object hit ratio /
 * byte hit ratio in per cent. Run: npx node bench/hitratio-table.ts
 */

const REQUESTS = 200_000;
const SEED = 1;
const SHARES = [0.01, 0.05, 0.1, 0.25];

const show = ({ hitRatio, byteHitRatio }: HitRatios): string =>
  `${(hitRatio * 100).toFixed(1)} / ${(byteHitRatio * 100).toFixed(1)}`;

process.stdout.write("| trace | capacity | LRU | S3-FIFO | policy | Belady |\n");
process.stdout.write("| --- | --- | --- | --- | --- | --- |\n");
for (const [name, generate] of Object.entries(SYNTHETIC_TRACES)) {
  const trace = generate(REQUESTS, SEED);
  for (const share of SHARES) {
    const { lru, s3fifo, policy, belady } = compare(trace, Math.floor(trace.uniqueBytes * share));
    const cells = [name, `${share * 100} %`, ...[lru, s3fifo, policy, belady].map(show)];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  }
}
