import type { Result } from "../../common/result.ts";

export type TraceFormat = "size" | "id";

/** Far above any trace that fits into memory in this form (16 bytes a request). */
const REQUESTS_MAX = 2 ** 28;

const LINE_CHARACTERS_MAX = 4_096;

/** Requests in order: which object, and of how many bytes. Objects are numbered as they appear. */
export interface Trace {
  readonly requests: number;
  readonly objects: Uint32Array;
  readonly bytes: Float64Array;
  /** The identifier of each object. */
  readonly names: readonly string[];
  /** Bytes of all objects together, each at its last size. */
  readonly uniqueBytes: number;
}

/** Collects requests, from lines of text or from a generator. */
export class TraceBuilder {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #lastBytes: number[] = [];
  #objects = new Uint32Array(1_024);
  #bytes = new Float64Array(1_024);
  #requests = 0;

  get requests(): number {
    return this.#requests;
  }

  add(name: string, bytes: number): void {
    let object = this.#numbers.get(name);
    if (object === undefined) {
      object = this.#names.length;
      this.#numbers.set(name, object);
      this.#names.push(name);
    }
    this.#lastBytes[object] = bytes;
    if (this.#requests === this.#objects.length) this.#double();
    this.#objects[this.#requests] = object;
    this.#bytes[this.#requests] = bytes;
    this.#requests += 1;
  }

  /** Takes one line, without its end. Gives what is wrong with it, if anything is. */
  addLine(line: string, format: TraceFormat): string | undefined {
    if (this.#requests === REQUESTS_MAX) return `more than ${REQUESTS_MAX} requests`;
    const [name = "", size, ...rest] = line.split(" ");
    const expected = format === "size" ? "`id size`" : "`id`";
    const wrong = `expected ${expected}, found ${JSON.stringify(line.slice(0, 80))}`;
    if (name === "" || rest.length > 0 || (size === undefined) !== (format === "id")) return wrong;
    if (size !== undefined && !/^\d{1,15}$/.test(size)) {
      return `${wrong}: the size is a number of bytes`;
    }
    this.add(name, size === undefined ? 1 : Number(size));
    return undefined;
  }

  build(): Trace {
    return {
      requests: this.#requests,
      objects: this.#objects.subarray(0, this.#requests),
      bytes: this.#bytes.subarray(0, this.#requests),
      names: this.#names,
      uniqueBytes: this.#lastBytes.reduce((sum, bytes) => sum + bytes, 0),
    };
  }

  #double(): void {
    const [objects, bytes] = [this.#objects, this.#bytes];
    this.#objects = new Uint32Array(objects.length * 2);
    this.#objects.set(objects);
    this.#bytes = new Float64Array(bytes.length * 2);
    this.#bytes.set(bytes);
  }
}

/** Reads a trace from pieces of text, whose borders may lie anywhere. Problems name the line. */
export async function parseTrace(
  pieces: AsyncIterable<string>,
  format: TraceFormat,
): Promise<Result<Trace, string>> {
  const builder = new TraceBuilder();
  const take = (line: string): string | undefined =>
    builder.addLine(line.endsWith("\r") ? line.slice(0, -1) : line, format);
  let rest = "";
  try {
    for await (const piece of pieces) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const problem = take(line);
        if (problem !== undefined) return failure(builder, problem);
      }
      if (rest.length > LINE_CHARACTERS_MAX) {
        return failure(builder, `longer than ${LINE_CHARACTERS_MAX} characters`);
      }
    }
  } catch (error) {
    return failure(builder, `cannot be read: ${(error as Error).message}`);
  }
  const problem = rest === "" ? undefined : take(rest);
  if (problem !== undefined) return failure(builder, problem);
  if (builder.requests === 0) return { ok: false, error: "line 1: there is no request" };
  return { ok: true, value: builder.build() };
}

function failure(builder: TraceBuilder, problem: string): Result<Trace, string> {
  return { ok: false, error: `line ${builder.requests + 1}: ${problem}` };
}
