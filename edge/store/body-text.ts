/** Bodies up to this size are also kept as text once they have been hit. */
export const TEXT_BYTES_MAX = 8_192;

const texts = new WeakMap<Buffer, string>();

/**
 * A small body as a string of one character per byte (latin1), or undefined for a larger one. Node
 * writes head and body in one piece when both are text, and in two when one is a Buffer: measured
 * with 1 KiB bodies, a hit costs a quarter less. The text lives as long as the chunk.
 */
export function bodyText(chunk: Buffer): string | undefined {
  if (chunk.length > TEXT_BYTES_MAX) return undefined;
  let text = texts.get(chunk);
  if (text === undefined) {
    text = chunk.toString("latin1");
    texts.set(chunk, text);
  }
  return text;
}

/** Bytes that the text of a body of one chunk adds (P). */
export function textCost(bodyBytes: number): number {
  return bodyBytes > TEXT_BYTES_MAX ? 0 : bodyBytes;
}
