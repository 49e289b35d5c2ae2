import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Answer } from "./answer.ts";
import { bigFileBytes } from "./big-file.ts";

/** Bytes of the generated file that are made at once. */
const GENERATED_PIECE_BYTES = 64 * 1024;

/**
 * Writes an answer to a client, with backpressure and pauses. Resolves when all is sent, the client
 * has left or `signal` fires; a client that leaves is no error.
 */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  signal: AbortSignal,
): Promise<void> {
  const { body, status, fields } = answer;
  switch (body.kind) {
    case "none":
      response.writeHead(status, status === 304 ? fields : { ...fields, "content-length": 0 });
      response.end();
      return;
    case "text":
    case "bytes": {
      const bytes = body.kind === "text" ? Buffer.from(body.text) : body.bytes;
      response.writeHead(status, { ...fields, "content-length": bytes.length });
      response.end(bytes);
      return;
    }
    case "generated":
      response.writeHead(status, { ...fields, "content-length": body.last - body.first + 1 });
      return pour(response, generated(body.first, body.last), signal);
    case "paced": {
      const length = body.pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
      if (!(await pause(body.headDelayMs, signal))) return;
      response.writeHead(
        status,
        body.declareLength ? { ...fields, "content-length": length } : fields,
      );
      // The head goes out now, not with the first piece.
      response.flushHeaders();
      return pour(response, paced(body.pieces, body.gapMs, signal), signal);
    }
    case "cut":
      response.writeHead(status, { ...fields, "content-length": body.declaredBytes });
      response.write(body.text, () => response.destroy());
      return;
    case "hang":
      await pause(body.limitMs, signal);
      response.destroy();
      return;
  }
}

async function pour(
  response: ServerResponse,
  pieces: Iterable<Uint8Array> | AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  if (response.req.method === "HEAD") {
    response.end();
    return;
  }
  try {
    await pipeline(Readable.from(pieces), response, { signal });
  } catch {
    // The client left or the origin stops: pipeline has closed the connection already.
  }
}

function* generated(first: number, last: number): Generator<Uint8Array> {
  for (let at = first; at <= last; at += GENERATED_PIECE_BYTES) {
    yield bigFileBytes(at, Math.min(at + GENERATED_PIECE_BYTES - 1, last));
  }
}

async function* paced(
  pieces: readonly string[],
  gapMs: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0 && !(await pause(gapMs, signal))) return;
    yield piece;
  }
}

/** Waits; false when `signal` fired first. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await wait(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
