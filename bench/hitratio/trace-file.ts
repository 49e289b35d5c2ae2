import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import type { Result } from "../../common/result.ts";
import { parseTrace, type Trace, type TraceFormat } from "./trace.ts";

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** Reads a trace from a file, compressed by gzip or not. */
export async function readTraceFile(
  file: string,
  format: TraceFormat,
): Promise<Result<Trace, string>> {
  let compressed: boolean;
  try {
    compressed = await isGzip(file);
  } catch (error) {
    return { ok: false, error: (error as Error).message };
  }
  const trace = await parseTrace(textOf(file, compressed), format);
  return trace.ok ? trace : { ok: false, error: `${file}: ${trace.error}` };
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(GZIP_MAGIC.length));
    return buffer.equals(GZIP_MAGIC);
  } finally {
    await handle.close();
  }
}

async function* textOf(file: string, compressed: boolean): AsyncGenerator<string> {
  const raw = createReadStream(file, { highWaterMark: 1 << 20 });
  if (!compressed) {
    raw.setEncoding("utf8");
    yield* raw as AsyncIterable<string>;
    return;
  }
  const plain = createGunzip({ chunkSize: 1 << 20 });
  raw.on("error", (error) => plain.destroy(error));
  raw.pipe(plain).setEncoding("utf8");
  yield* plain as AsyncIterable<string>;
}
