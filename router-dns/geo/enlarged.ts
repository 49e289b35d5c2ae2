/** A longer array of the same kind that begins with the same numbers (P); the rest is 0. */
export function enlarged<T extends Uint8Array | Uint16Array | Uint32Array>(
  array: T,
  length: number,
): T {
  const Kind = array.constructor as new (length: number) => T;
  const longer = new Kind(length);
  longer.set(array);
  return longer;
}
