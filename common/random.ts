import { randomBytes, randomInt } from "node:crypto";

/** Where randomness comes from, so that tests and simulations can own it. */
export interface Random {
  /** `count` unpredictable bytes. */
  bytes(count: number): Uint8Array;
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
}

/** The only reader of entropy in the product. */
export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  below: (limit) => randomInt(limit),
};
