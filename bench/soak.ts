import { formatBytes } from "../common/units.ts";
import { runWith } from "./command-line.ts";
import { type Options, parseOptions, USAGE } from "./soak/options.ts";
import { soak } from "./soak/run.ts";

process.exitCode = await runWith(parseOptions(process.argv.slice(2)), USAGE, main);

async function main(options: Options): Promise<number> {
  const { samples } = options;
  const report = await soak(options, (second, resident, requests) => {
    if (samples) process.stderr.write(`${second} s: ${formatBytes(resident)}, ${requests}/s\n`);
  });
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.stdout.write(`${report.passed ? "PASS" : "FAIL"}\n`);
  return report.passed ? 0 : 1;
}
