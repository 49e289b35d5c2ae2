import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatPrefix, type IpPrefix, maskIp, parsePrefix } from "../../../common/ip.ts";
import { PrefixScanner, wordsOfPrefix } from "../../../router-dns/geo/prefix-text.ts";

const prefix: fc.Arbitrary<IpPrefix> = fc
  .tuple(fc.constantFrom(4, 16), fc.array(fc.constantFrom(0, 0, 0, 1, 0x20, 0xff)), fc.nat(128))
  .map(([size, some, wanted]) => {
    const length = wanted % (size * 8 + 1);
    const bytes = Uint8Array.from({ length: size }, (_, i) => some[i] ?? 0);
    return { bytes: maskIp(bytes, length), length };
  });

function agrees(text: string): boolean {
  const scanner = new PrefixScanner();
  const padded = `x${text}`;
  const end = scanner.read(padded, 1);
  const parsed = parsePrefix(text);
  if (end !== padded.length) return false;
  assert.ok(parsed.ok, `${text} was read, and is no prefix`);
  assert.equal(scanner.family, parsed.value.bytes.length === 4 ? 4 : 6, text);
  assert.equal(scanner.length, parsed.value.length, text);
  const words = [...scanner.words.subarray(0, scanner.family === 4 ? 1 : 4)];
  assert.deepEqual(words, wordsOfPrefix(parsed.value), text);
  return true;
}

test("every plain prefix is read, to the same words", () => {
  let read = 0;
  fc.assert(
    fc.property(prefix, (each) => {
      if (agrees(formatPrefix(each))) read += 1;
      // Only what begins with `::` is left to the other parser.
      else assert.match(formatPrefix(each), /^::|^0:/);
    }),
    { numRuns: 500 },
  );
  assert.ok(read > 300, `only ${read} were read`);
});

test("whatever else there is, it is never read as what it is not", () => {
  const characters = fc.constantFrom(..."0123456789abcf:./".split(""), "::", "1.2.3.4", "/24");
  fc.assert(
    fc.property(fc.array(characters, { maxLength: 14 }), (parts) => {
      agrees(parts.join(""));
    }),
    { numRuns: 5_000 },
  );
  for (const text of [
    "1.2.3.4/24",
    "01.2.3.0/24",
    "1.2.3/24",
    "1::2::/64",
    "1:2:3:4:5:6:7:8:9/64",
  ]) {
    assert.equal(agrees(text), false, text);
  }
  assert.equal(agrees("2001:db8:1:2:3:4:5:6/128"), true);
});
