import type { FileProblem } from "../../common/file-problem.ts";
import { parsePrefix } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { PrefixColumns } from "./prefix-columns.ts";
import { PrefixScanner, wordsOfPrefix } from "./prefix-text.ts";

/** One measured way: position of the PoP, and its round trip in milliseconds. */
export interface Measured {
  readonly pop: number;
  readonly ms: number;
}

/** Round trips between client prefixes and PoPs. */
export interface LatencyTable {
  /** Values are 1 more than the position in `rows`. */
  readonly v4: PrefixColumns;
  readonly v6: PrefixColumns;
  /** What is measured for each prefix. */
  readonly rows: readonly (readonly Measured[])[];
}

/** The most measured ways of one file. */
const ENTRIES_MAX = 2_000_000;

/** Who has made one mistake a million times is told of so many. */
const PROBLEMS_MAX = 100;

/** A round trip that takes longer is a mistake, or a measurement of something else. */
const MS_MAX = 10_000;

/**
 * Reads a table of measured round trips (P): lines of `prefix,pop,milliseconds`, with a heading or
 * without, `#` before remarks; or JSON of `{"192.0.2.0/24": {"syd": 12.5, "fra": 280}}`.
 *
 * Every problem of a CSV file is reported with its place. Of two values for one way the later one
 * counts, so that a file may be appended to. `measured` and `told` are the same from elsewhere,
 * read before and after the file; what is wrong in them is left out, for nobody is at hand who
 * could mend it, and PoPs come and go.
 */
export function parseLatency(
  text: string,
  file: string,
  pops: readonly string[],
  { measured = "", told = "" }: { readonly measured?: string; readonly told?: string } = {},
): Result<LatencyTable, readonly FileProblem[]> {
  const reader = new LatencyReader(file, pops);
  reader.isForgiving = true;
  readText(measured, reader);
  reader.isForgiving = false;
  readText(text, reader);
  reader.isForgiving = true;
  readText(told, reader);
  reader.isForgiving = false;
  return reader.finish();
}

function readText(text: string, reader: LatencyReader): void {
  if (/^\s*\{/.test(text)) readJson(text, reader);
  else readLines(text, reader);
}

/** Where in a file something is, counted from 1. */
interface Position {
  readonly line: number;
  readonly column: number;
}

function readLines(text: string, reader: LatencyReader): void {
  let line = 0;
  for (let start = 0; start < text.length; ) {
    line += 1;
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const entry = text.slice(start, end).trimEnd();
    start = end + 1;
    if (entry === "" || entry.startsWith("#")) continue;
    const [prefix = "", pop = "", ms = "", ...more] = entry.split(",");
    if (prefix === "prefix" && line === 1) continue;
    const at = { line, column: 1 };
    if (more.length > 0 || ms.trim() === "") reader.report(at, "must be `prefix,pop,milliseconds`");
    else reader.add(prefix.trim(), pop.trim(), Number(ms), at);
  }
}

function readJson(text: string, reader: LatencyReader): void {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    return reader.report({ line: 1, column: 1 }, error instanceof Error ? error.message : "");
  }
  for (const [prefix, ways] of Object.entries(content as Record<string, unknown>)) {
    const at = { line: text.slice(0, text.indexOf(`"${prefix}"`)).split("\n").length, column: 1 };
    if (typeof ways !== "object" || ways === null) {
      reader.report(at, `${prefix}: must be PoPs with milliseconds, such as { "syd": 12.5 }`);
      continue;
    }
    for (const [pop, ms] of Object.entries(ways)) {
      reader.add(prefix, pop, typeof ms === "number" ? ms : Number.NaN, at);
    }
  }
}

/** Takes measured ways, checks them, and puts those of one prefix together. */
class LatencyReader {
  readonly #file: string;
  readonly #pops: readonly string[];
  readonly #positions: ReadonlyMap<string, number>;
  readonly #columns = { 4: new PrefixColumns(4), 6: new PrefixColumns(6) } as const;
  readonly #rows: Measured[][] = [];
  readonly #rowOf = new Map<string, Measured[]>();
  readonly #problems: FileProblem[] = [];
  readonly #scanner = new PrefixScanner();
  #count = 0;
  /** True: what is wrong is left out and not told of. */
  isForgiving = false;

  constructor(file: string, pops: readonly string[]) {
    this.#file = file;
    this.#pops = pops;
    this.#positions = new Map(pops.map((name, position) => [name, position]));
  }

  add(prefix: string, name: string, ms: number, at: Position): void {
    const pop = this.#positions.get(name);
    if (pop === undefined) {
      const names = this.#pops.join(", ");
      return this.report(at, `no PoP is called "${name}"; there are ${names}`);
    }
    if (!(ms >= 0 && ms <= MS_MAX)) {
      return this.report(at, `milliseconds must be a number from 0 to ${MS_MAX}`);
    }
    const row = this.#rowOf.get(prefix) ?? this.#newRow(prefix, at);
    if (row === undefined) return;
    this.#count += 1;
    const known = row.findIndex((each) => each.pop === pop);
    if (known < 0) row.push({ pop, ms });
    else row[known] = { pop, ms };
  }

  report({ line, column }: Position, message: string): void {
    if (this.isForgiving || this.#problems.length > PROBLEMS_MAX) return;
    const isLast = this.#problems.length === PROBLEMS_MAX;
    const told = isLast ? `there are more than ${PROBLEMS_MAX} problems` : message;
    this.#problems.push({ file: this.#file, line, column, message: told });
  }

  finish(): Result<LatencyTable, readonly FileProblem[]> {
    if (this.#count > ENTRIES_MAX) {
      this.report({ line: 1, column: 1 }, `more than ${ENTRIES_MAX} measured ways`);
    }
    const { 4: v4, 6: v6 } = this.#columns;
    return this.#problems.length > 0 ? fail(this.#problems) : ok({ v4, v6, rows: this.#rows });
  }

  #newRow(prefix: string, at: Position): Measured[] | undefined {
    const scanner = this.#scanner;
    if (scanner.read(prefix, 0) === prefix.length) {
      return this.#put(prefix, scanner.family, scanner.words, scanner.length);
    }
    const parsed = parsePrefix(prefix);
    if (!parsed.ok) {
      this.report(at, parsed.error);
      return undefined;
    }
    const family = parsed.value.bytes.length === 4 ? 4 : 6;
    return this.#put(prefix, family, wordsOfPrefix(parsed.value), parsed.value.length);
  }

  #put(prefix: string, family: 4 | 6, words: ArrayLike<number>, length: number): Measured[] {
    const row: Measured[] = [];
    this.#rowOf.set(prefix, row);
    this.#columns[family].add(words, length, this.#rows.push(row));
    return row;
  }
}
