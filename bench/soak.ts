import { formatBytes } from "../common/units.ts";
import { parseOptions, USAGE } from "./soak/options.ts";
import { soak } from "./soak/run.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (!options.ok) {
    process.stderr.write(`${options.error}\n\n${USAGE}`);
    return 2;
  }
  if (options.value === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { samples } = options.value;
  const report = await soak(options.value, (second, resident, requests) => {
    if (samples) process.stderr.write(`${second} s: ${formatBytes(resident)}, ${requests}/s\n`);
  });
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.stdout.write(`${report.passed ? "PASS" : "FAIL"}\n`);
  return report.passed ? 0 : 1;
}
