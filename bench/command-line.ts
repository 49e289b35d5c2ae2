import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../common/result.ts";

/** Options by name, as they were written; flags are true. */
export type Written = Partial<Record<string, string | boolean>>;

/** Which options a benchmark has. `--help` and `-h` are there by themselves. */
export interface Known {
  readonly texts: readonly string[];
  readonly flags?: readonly string[];
}

/** Reads a command line (P). Undefined when only help is asked for; errors say what is wrong. */
export function readWritten(
  args: readonly string[],
  { texts, flags = [] }: Known,
): Result<Written | undefined, string> {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
  };
  for (const name of texts) options[name] = { type: "string" };
  for (const name of flags) options[name] = { type: "boolean" };
  try {
    const { values } = parseArgs({ args: [...args], options });
    return ok(values["help"] === true ? undefined : (values as Written));
  } catch (error) {
    return fail((error as Error).message);
  }
}

/**
 * Runs a benchmark with its options, and gives the exit code: that of `run`, 0 where only help was
 * asked for, 2 where the command line is wrong.
 */
export async function runWith<T>(
  options: Result<T | undefined, string>,
  usage: string,
  run: (options: T) => number | Promise<number>,
): Promise<number> {
  if (!options.ok) {
    process.stderr.write(`${options.error}\n\n${usage}`);
    return 2;
  }
  if (options.value === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  return await run(options.value);
}
