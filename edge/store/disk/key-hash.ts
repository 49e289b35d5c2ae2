import { hash } from "node:crypto";

/** 64 bits that stand for a key in tables and notes. Records carry the key itself. */
export interface KeyHash {
  readonly hi: number;
  readonly lo: number;
}

/** Which variant of a key: 24 bits of what it was selected by. */
export type VariantHash = number;

/**
 * The hash of a primary key (P). Clients choose keys: with a hash for which they could find
 * collisions by hand, they could push each other's objects off the disk.
 */
export function hashOfKey(key: string): KeyHash {
  const digest = hash("sha256", key, "buffer");
  return { hi: digest.readUInt32LE(0), lo: digest.readUInt32LE(4) };
}

/** The hash of the request fields that selected a variant (P); 0 if there are none. */
export function hashOfVariant(varyOn: readonly (readonly [string, string])[]): VariantHash {
  if (varyOn.length === 0) return 0;
  return hash("sha256", JSON.stringify(varyOn), "buffer").readUIntLE(0, 3);
}
