import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Scope } from "../../support/scope.ts";
import { startOrigin, type TestOrigin } from "../harness.ts";

/** A large file at an origin, whose bytes are worked out as they are sent. */
export interface FileOrigin extends TestOrigin {
  /** Bytes of bodies that have been handed to sockets. */
  readonly sentBytes: number;
  /** Values of Range, in the order of the requests; undefined where there was none. */
  readonly ranges: (string | undefined)[];
  /** Another version of the file from now on. */
  change(version: string, bytes?: number): void;
}

/** How the file is served. */
export interface FileOptions {
  readonly bytes: number;
  /** Left out: the version as a strong ETag. */
  readonly validator?: (version: string) => Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole is sent whatever range is asked for. */
  readonly ignoresRange?: boolean;
  /** Waits before each piece of a body. */
  readonly pace?: (offset: number) => Promise<void> | undefined;
  /** Sees a request first; true when it has answered it. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const PIECE_BYTES = 65_536;

/** Slices as small as they may be, and the site that has them. */
export const SLICE = 65_536;
export const SMALL_SLICES = { slices: { enabled: true, size: SLICE } };

/** A prime number of bytes, so that blocks and slices never begin at the same place. */
const BLOCK = 251;

/** Blocks that begin with each of the 256 bytes and go up from there. */
const BLOCKS = Array.from({ length: 256 }, (_, from) => {
  return Buffer.from(Uint8Array.from({ length: BLOCK }, (_, i) => from + i));
});

/** The bytes from `first` to before `end` of a version of the file: no two places look alike. */
export function fileBytes(version: string, first: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, end - first));
  const salt = Buffer.from(version).reduce((sum, byte) => sum * 31 + byte, 7);
  let at = 0;
  while (at < bytes.length) {
    const block = Math.floor((first + at) / BLOCK);
    const kind = ((Math.imul(block, 2_654_435_761) + salt * 97) >>> 11) & 0xff;
    at += BLOCKS[kind]?.copy(bytes, at, first + at - block * BLOCK) ?? bytes.length;
  }
  return bytes;
}

/** Fails with the place of the first difference: a diff of millions of bytes helps nobody. */
export function assertSame(actual: Buffer, expected: Buffer): void {
  if (actual.equals(expected)) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert.fail(`${actual.length} bytes for ${expected.length}; they differ from ${at} on`);
}

/** Starts an origin that serves one file at every path, with ranges, `If-Range` and conditions. */
export async function startFileOrigin(scope: Scope, options: FileOptions): Promise<FileOrigin> {
  let version = "v1";
  let { bytes } = options;
  let sentBytes = 0;
  const ranges: (string | undefined)[] = [];
  const validator = options.validator ?? ((tag) => ({ etag: `"${tag}"` }));
  const origin = await startOrigin(scope, (request, response) => {
    ranges.push(request.headers.range);
    if (options.before?.(request, response) === true) return;
    const known = { "cache-control": "max-age=60", ...options.headers, ...validator(version) };
    if (isNotModified(request, known)) {
      response.writeHead(304, known).end();
      return;
    }
    const range = options.ignoresRange === true ? undefined : rangeOf(request, bytes, known);
    if (range === "unsatisfiable") {
      response.writeHead(416, { "content-range": `bytes */${bytes}` }).end();
      return;
    }
    const { first, end } = range ?? { first: 0, end: bytes };
    response.writeHead(range === undefined ? 200 : 206, {
      ...known,
      "content-length": end - first,
      ...(range === undefined ? {} : { "content-range": `bytes ${first}-${end - 1}/${bytes}` }),
    });
    void send(response, version, first, end);
  });

  async function send(response: ServerResponse, tag: string, first: number, end: number) {
    for (let offset = first; offset < end && !response.destroyed; offset += PIECE_BYTES) {
      await options.pace?.(offset);
      const piece = fileBytes(tag, offset, Math.min(end, offset + PIECE_BYTES));
      sentBytes += piece.length;
      if (!response.write(piece)) await drained(response);
    }
    response.end();
  }

  return {
    ...origin,
    ranges,
    get sentBytes() {
      return sentBytes;
    },
    change(next, length = bytes) {
      version = next;
      bytes = length;
    },
  };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

function isNotModified({ headers }: IncomingMessage, known: Readonly<Record<string, string>>) {
  const tag = headers["if-none-match"];
  if (tag !== undefined) return tag === known["etag"];
  const since = headers["if-modified-since"];
  return since !== undefined && since === known["last-modified"];
}

function rangeOf(
  { headers }: IncomingMessage,
  bytes: number,
  known: Readonly<Record<string, string>>,
): { readonly first: number; readonly end: number } | "unsatisfiable" | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "") ?? [];
  if (from === undefined || to === undefined) return undefined;
  const condition = headers["if-range"];
  const holds = condition === known["etag"] || condition === known["last-modified"];
  if (condition !== undefined && !holds) return undefined;
  if (from === "") return { first: Math.max(0, bytes - Number(to)), end: bytes };
  const first = Number(from);
  if (first >= bytes) return "unsatisfiable";
  return { first, end: Math.min(bytes, to === "" ? bytes : Number(to) + 1) };
}
