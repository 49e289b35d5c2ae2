import { Readable, type Transform } from "node:stream";
import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib";
import type { Coding } from "../http/accept-encoding.ts";

/** A body to encode. */
export interface EncodingTask {
  readonly coding: Coding;
  readonly chunks: readonly Buffer[];
  readonly bodyBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Encodes a body. Undefined when the result would not be shorter. Rejects when the encoder fails,
 * or the signal says to stop.
 */
export type Encode = (task: EncodingTask) => Promise<Buffer[] | undefined>;

/**
 * How hard each coding is tried. Where more effort begins to cost a multiple for one more per cent,
 * measured with `npx node bench/coding.ts`.
 */
export const LEVELS: Readonly<Record<Coding, number>> = { zstd: 9, br: 5, gzip: 6 };

/** Encoded bytes come in pieces of this size: each is one more way to another thread and back. */
const PIECE_BYTES = 65_536;

/** Encodes in the threads that Node keeps for such work; the event loop only hands pieces on. */
export const encodeInThreads: Encode = async ({ coding, chunks, bodyBytes, signal }) => {
  const encoder = createEncoder(coding, bodyBytes);
  const pieces: Buffer[] = [];
  let bytes = 0;
  const source = Readable.from(chunks, { objectMode: false, signal });
  source.once("error", (error) => encoder.destroy(error));
  // Leaving the loop early destroys the encoder.
  for await (const piece of source.pipe(encoder) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes >= bodyBytes) return undefined;
    pieces.push(piece);
  }
  return pieces;
};

/** RFC 9659: a decoder of `zstd` must only be able to keep 8 MiB; these levels take 4 at most. */
function createEncoder(coding: Coding, bodyBytes: number): Transform {
  switch (coding) {
    case "zstd":
      return createZstdCompress({
        chunkSize: PIECE_BYTES,
        pledgedSrcSize: bodyBytes,
        params: { [constants.ZSTD_c_compressionLevel]: LEVELS.zstd },
      });
    case "br":
      return createBrotliCompress({
        chunkSize: PIECE_BYTES,
        params: {
          [constants.BROTLI_PARAM_QUALITY]: LEVELS.br,
          [constants.BROTLI_PARAM_SIZE_HINT]: bodyBytes,
        },
      });
    case "gzip":
      return createGzip({ chunkSize: PIECE_BYTES, level: LEVELS.gzip });
  }
}
