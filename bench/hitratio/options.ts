import type { Result } from "../../common/result.ts";
import { readWritten } from "../command-line.ts";
import { SYNTHETIC_TRACES } from "./synthetic.ts";
import type { TraceFormat } from "./trace.ts";

export const USAGE = `Replays a trace through the edge's eviction policy and prints hit ratios as JSON.

npm run -s bench:hitratio -- --trace FILE --format size|id --capacity N[%]
npm run -s bench:hitratio -- --synthetic NAME [--requests N] [--seed N] --capacity N[%]

  --trace FILE      one request a line, in order; plain or gzip
  --format size     lines are \`id size\`, size in bytes
  --format id       lines are \`id\`; every object counts as one
  --capacity N      what the cache holds: bytes (size) or objects (id)
  --capacity N%     that share of the bytes (size) or objects (id) that the trace names
  --synthetic NAME  a generated trace instead of a file: ${Object.keys(SYNTHETIC_TRACES).join(", ")}
  --requests N      its length, 200000 unless told
  --seed N          its random seed, 1 unless told

The output has the facts of the trace, and for each policy the share of requests (hitRatio) and of
bytes (byteHitRatio) that were hits: lru; s3fifo (as published, by bytes, 10 % small queue); policy
(what edge/store runs; sideBytes is what it remembers beside the objects); belady (knows the future).

Examples:
  npm run -s bench:hitratio -- --trace cdn.trace.gz --format size --capacity 10%
  npm run -s bench:hitratio -- --trace web.trace --format id --capacity 5000
  npm run -s bench:hitratio -- --synthetic scan --capacity 5% | jq .policy
`;

const REQUESTS_DEFAULT = 200_000;
const REQUESTS_MAX = 100_000_000;

export type Source =
  | { readonly kind: "file"; readonly file: string; readonly format: TraceFormat }
  | {
      readonly kind: "synthetic";
      readonly name: string;
      readonly requests: number;
      readonly seed: number;
    };

export type Capacity = { readonly amount: number } | { readonly percent: number };

export interface Options {
  readonly source: Source;
  readonly capacity: Capacity;
}

/** Reads the command line (P). Undefined when only help is asked for; errors say what to write. */
export function parseOptions(args: readonly string[]): Result<Options | undefined, string> {
  const written = readWritten(args, {
    texts: ["trace", "format", "capacity", "synthetic", "requests", "seed"],
  });
  if (!written.ok) return written;
  if (written.value === undefined) return { ok: true, value: undefined };
  const values = written.value;
  const source = parseSource(values);
  if (!source.ok) return source;
  const capacity = parseCapacity(String(values["capacity"] ?? ""));
  if (capacity === undefined) {
    return { ok: false, error: "--capacity needs a whole number above 0, or a share such as 5%" };
  }
  return { ok: true, value: { source: source.value, capacity } };
}

/** What a capacity means for a trace whose objects have so many bytes (P). At least 1. */
export function capacityFor(capacity: Capacity, uniqueBytes: number): number {
  if ("amount" in capacity) return capacity.amount;
  return Math.max(1, Math.floor((uniqueBytes * capacity.percent) / 100));
}

function parseSource(values: Partial<Record<string, string | boolean>>): Result<Source, string> {
  const { trace, format, synthetic } = values;
  if ((trace === undefined) === (synthetic === undefined)) {
    return { ok: false, error: "either --trace FILE or --synthetic NAME is needed" };
  }
  if (typeof trace === "string") {
    if (format !== "size" && format !== "id") {
      return { ok: false, error: "--format is needed: size (`id size`) or id" };
    }
    return { ok: true, value: { kind: "file", file: trace, format } };
  }
  const name = String(synthetic);
  if (!Object.hasOwn(SYNTHETIC_TRACES, name)) {
    const names = Object.keys(SYNTHETIC_TRACES).join(", ");
    return { ok: false, error: `there is no synthetic trace ${name}; there are ${names}` };
  }
  const requests = wholeNumber(String(values["requests"] ?? REQUESTS_DEFAULT));
  const seed = wholeNumber(String(values["seed"] ?? 1));
  if (requests === undefined || requests > REQUESTS_MAX) {
    return { ok: false, error: `--requests needs a whole number from 1 to ${REQUESTS_MAX}` };
  }
  if (seed === undefined) return { ok: false, error: "--seed needs a whole number above 0" };
  return { ok: true, value: { kind: "synthetic", name, requests, seed } };
}

function parseCapacity(text: string): Capacity | undefined {
  if (!text.endsWith("%")) {
    const amount = wholeNumber(text);
    return amount === undefined ? undefined : { amount };
  }
  const percent = Number(text.slice(0, -1));
  return /^\d+(\.\d+)?%$/.test(text) && percent > 0 ? { percent } : undefined;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}
