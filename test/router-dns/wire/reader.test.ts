import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Reader } from "../../../router-dns/wire/reader.ts";

describe("Reader", () => {
  it("RFC 1035 s.2.3.2: reads in network order", () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3));
    assert.equal(reader.uint16(), 0x0102);
    assert.equal(reader.remaining, 1);
    assert.equal(reader.uint8(), 3);
    assert.equal(reader.failed, false);
  });

  it("gives 0 past the end and stays failed", () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3), 1, 3);
    reader.skip(1);
    assert.equal(reader.uint16(), 0);
    assert.equal(reader.failed, true);
    assert.equal(reader.uint8(), 0, "although one octet is left");
  });

  it("never reads beyond the octets, whatever end is asked for", () => {
    const reader = new Reader(Uint8Array.of(1), 0, 100);
    assert.equal(reader.remaining, 1);
  });

  const NAMES: readonly (readonly [
    title: string,
    bytes: readonly number[],
    end: number | "fails",
  ])[] = [
    ["the root", [0], 1],
    ["labels", [1, 97, 2, 98, 99, 0], 6],
    ["a pointer, which is not followed", [1, 97, 0xc0, 0], 4],
    ["a pointer at itself", [0xc0, 0], 2],
    ["labels without an end", [1, 97], "fails"],
    ["a label that is cut off", [5, 97], "fails"],
    ["half a pointer", [0xc0], "fails"],
    ["a reserved label type (RFC 6891 s.5)", [0x41, 0, 0], "fails"],
    ["255 octets", [...Array.from({ length: 127 }, () => [1, 97]).flat(), 0], 255],
    ["256 octets", [...Array.from({ length: 126 }, () => [1, 97]).flat(), 2, 97, 97, 0], "fails"],
  ];
  for (const [title, bytes, end] of NAMES) {
    it(`RFC 1035 s.4.1.4: steps over a name: ${title}`, () => {
      const reader = new Reader(Uint8Array.from(bytes));
      reader.skipName();
      assert.equal(reader.failed ? "fails" : reader.position, end);
    });
  }
});
