/** Bodies are kept in slabs of at most this size once they are repacked. */
const SLAB_BYTES = 65_536;

/** Repacking starts when pieces are smaller than this on average: overhead would outweigh them. */
const PIECE_BYTES_MIN = 8_192;

/**
 * Gives a complete body the form in which it is kept (P). Small pieces are copied together, and
 * pieces that pin a much larger slab are copied out of it; large ones stay where they are.
 */
export function packChunks(chunks: readonly Buffer[], bodyBytes: number): readonly Buffer[] {
  if (bodyBytes === 0) return [];
  if (bodyBytes <= SLAB_BYTES || bodyBytes / chunks.length < PIECE_BYTES_MIN) {
    return repack(chunks, bodyBytes);
  }
  return chunks.map((chunk) => (pinsTooMuch(chunk) ? ownCopy(chunk) : chunk));
}

/** A copy in memory of its own, so that it pins nothing else. */
export function ownCopy(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}

/** True if keeping the piece keeps alive more than twice its bytes. */
export function pinsTooMuch(chunk: Buffer): boolean {
  return chunk.buffer.byteLength > 2 * chunk.length;
}

function repack(chunks: readonly Buffer[], bodyBytes: number): Buffer[] {
  const packed: Buffer[] = [];
  let slab = Buffer.alloc(0);
  let used = 0;
  let left = bodyBytes;
  for (const chunk of chunks) {
    let from = 0;
    while (from < chunk.length) {
      if (used === slab.length) {
        slab = Buffer.allocUnsafeSlow(Math.min(SLAB_BYTES, left));
        packed.push(slab);
        used = 0;
      }
      const copied = chunk.copy(slab, used, from);
      used += copied;
      from += copied;
      left -= copied;
    }
  }
  return packed;
}
