import assert from "node:assert/strict";
import { test } from "node:test";
import { SIPHASH_BYTES, sipHash24 } from "../../../router-dns/policy/siphash.ts";

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const MESSAGE = Uint8Array.from({ length: 64 }, (_, i) => i);

/** Of the authors' own vectors: hashes of 0, 1, 2 ... octets, lowest octet first. */
const VECTORS: readonly (readonly [length: number, hash: string])[] = [
  [0, "310e0edd47db6f72"],
  [1, "fd67dc93c539f874"],
  [2, "5a4fa9d909806c0d"],
  [3, "2d7efbd796666785"],
  [4, "b7877127e09427cf"],
  [5, "8da699cd64557618"],
  [6, "cee3fe586e46c9cb"],
  [7, "37d1018bf50002ab"],
  [8, "6224939a79f5f593"],
  [15, "e545be4961ca29a1"],
  [63, "724506eb4c328a95"],
];

for (const [length, hash] of VECTORS) {
  test(`SipHash-2-4 of ${length} octets`, () => {
    const out = new Uint8Array(SIPHASH_BYTES + 2).fill(0xee);
    sipHash24(KEY, MESSAGE, length, out, 1);
    assert.equal(Buffer.from(out).toString("hex"), `ee${hash}ee`);
  });
}
