import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import * as fc from "fast-check";
import { encodeInThreads } from "../../../edge/coding/encode.ts";
import { CODINGS, type Coding } from "../../../edge/http/accept-encoding.ts";

const DECODE = { zstd: zstdDecompressSync, br: brotliDecompressSync, gzip: gunzipSync } as const;

function encode(coding: Coding, chunks: readonly Buffer[], signal = new AbortController().signal) {
  const bodyBytes = chunks.reduce((sum, { length }) => sum + length, 0);
  return encodeInThreads({ coding, chunks, bodyBytes, signal });
}

for (const coding of CODINGS) {
  test(`${coding}: what was in pieces of any size comes back, and is shorter`, async () => {
    const words = fc.array(fc.constantFrom("edge ", "cache ", "zone "), {
      minLength: 40,
      maxLength: 4_000,
    });
    const property = fc.asyncProperty(words, fc.integer({ min: 1, max: 9 }), async (text, cuts) => {
      const body = Buffer.from(text.join(""));
      const step = Math.ceil(body.length / cuts);
      const chunks = Array.from({ length: cuts }, (_, i) =>
        body.subarray(i * step, (i + 1) * step),
      );
      const pieces = await encode(coding, chunks);
      assert.ok(pieces !== undefined);
      const encoded = Buffer.concat(pieces);
      assert.ok(encoded.length < body.length);
      assert.ok(DECODE[coding](encoded).equals(body));
    });
    await fc.assert(property, { numRuns: 30 });
  });

  test(`${coding}: nothing is given for what does not become shorter`, async () => {
    assert.equal(await encode(coding, [randomBytes(300_000)]), undefined);
    assert.equal(await encode(coding, [Buffer.from("x")]), undefined);
    assert.equal(await encode(coding, []), undefined);
  });

  test(`${coding}: stops when it is told to`, async () => {
    const stop = new AbortController();
    const chunks = Array.from({ length: 64 }, () => randomBytes(65_536));
    const encoding = encode(coding, chunks, stop.signal);
    stop.abort();
    await assert.rejects(encoding, { name: "AbortError" });
    await assert.rejects(encode(coding, chunks, AbortSignal.abort()), { name: "AbortError" });
  });
}
