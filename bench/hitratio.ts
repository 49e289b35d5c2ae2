import type { Result } from "../common/result.ts";
import { runWith } from "./command-line.ts";
import { compare } from "./hitratio/compare.ts";
import { capacityFor, type Options, parseOptions, type Source, USAGE } from "./hitratio/options.ts";
import { SYNTHETIC_TRACES } from "./hitratio/synthetic.ts";
import type { Trace } from "./hitratio/trace.ts";
import { readTraceFile } from "./hitratio/trace-file.ts";

process.exitCode = await runWith(parseOptions(process.argv.slice(2)), USAGE, main);

async function main(options: Options): Promise<number> {
  const trace = await load(options.source);
  if (!trace.ok) {
    process.stderr.write(`${trace.error}\n`);
    return 1;
  }
  const capacity = capacityFor(options.capacity, trace.value.uniqueBytes);
  process.stdout.write(`${JSON.stringify(compare(trace.value, capacity), undefined, 2)}\n`);
  return 0;
}

async function load(source: Source): Promise<Result<Trace, string>> {
  if (source.kind === "file") return await readTraceFile(source.file, source.format);
  const generate = SYNTHETIC_TRACES[source.name];
  if (generate === undefined) return { ok: false, error: `no synthetic trace ${source.name}` };
  return { ok: true, value: generate(source.requests, source.seed) };
}
