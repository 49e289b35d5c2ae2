/**
 * The octet at an offset that the caller has checked (P). The cast says so once, instead of a
 * default value at each place that no input could ever reach.
 */
export function octetAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

/** The 16-bit number in network order at an offset that the caller has checked (P). */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (octetAt(bytes, at) << 8) | octetAt(bytes, at + 1);
}
