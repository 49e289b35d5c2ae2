import { fail, ok, type Result } from "../../common/result.ts";
import { parseSizeBytes } from "../../common/units.ts";
import { readWritten } from "../command-line.ts";
import { BODY_BYTES_MAX } from "./content.ts";

export const USAGE = `Asks an edge for unique URLs at full speed, beside slow readers, and watches its memory.

npm run -s bench:soak -- [--seconds N] [--memory SIZE] [--connections N] [--slow N] [--body SIZE]

  --seconds N      how long, 600 unless told
  --memory SIZE    the budget that the edge is given, 256MiB unless told
  --connections N  clients that ask as fast as they are answered, 64 unless told
  --slow N         clients that read 16 KiB and then wait for half a second, 300 unless told
  --body SIZE      all bodies are so large; left out: 200 bytes to 8 MiB, some of them uncacheable
  --samples        prints a line per second on stderr

Every byte that clients get is compared with the origin's. The output is JSON, and then PASS or FAIL
(exit code 1): FAIL if the process is ever more than a tenth above its budget, or a byte is wrong.
`;

/** How much more than its budget a process may occupy. */
export const TOLERANCE = 1.1;

export interface Options {
  readonly seconds: number;
  readonly memoryBytes: number;
  readonly connections: number;
  readonly slowReaders: number;
  readonly bodyBytes: number | undefined;
  readonly samples: boolean;
}

/** Reads the command line (P). Undefined when only help is asked for. */
export function parseOptions(args: readonly string[]): Result<Options | undefined, string> {
  const written = readWritten(args, {
    texts: ["seconds", "memory", "connections", "slow", "body"],
    flags: ["samples"],
  });
  if (!written.ok) return written;
  if (written.value === undefined) return ok(undefined);
  const values = written.value;
  const memory = parseSizeBytes(String(values["memory"] ?? "256MiB"));
  if (!memory.ok) return fail(`--memory: ${memory.error}`);
  const body = values["body"] === undefined ? undefined : parseSizeBytes(String(values["body"]));
  if (body !== undefined && !body.ok) return fail(`--body: ${body.error}`);
  if (body !== undefined && body.value > BODY_BYTES_MAX) {
    return fail(`--body: at most ${BODY_BYTES_MAX} bytes`);
  }
  const numbers: number[] = [];
  for (const [name, standard] of [
    ["seconds", 600],
    ["connections", 64],
    ["slow", 300],
  ] as const) {
    const number = String(values[name] ?? standard);
    if (!/^\d{1,6}$/.test(number)) return fail(`--${name} needs a whole number`);
    numbers.push(Number(number));
  }
  const [seconds = 0, connections = 0, slowReaders = 0] = numbers;
  const bodyBytes = body?.value;
  const samples = values["samples"] === true;
  return ok({ seconds, memoryBytes: memory.value, connections, slowReaders, bodyBytes, samples });
}
