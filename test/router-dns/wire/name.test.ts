import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  countLabels,
  formatName,
  isAbsoluteText,
  isAtOrBelow,
  nameKey,
  parentKey,
  parentName,
  parseName,
  ROOT,
} from "../../../router-dns/wire/name.ts";
import { keyOf } from "../dns-world.ts";

const LABEL = "a".repeat(63);

const READ: readonly (readonly [title: string, text: string, hex: string])[] = [
  ["RFC 1035 s.3.1: labels with their lengths", "www.test", "03777777047465737400"],
  ["RFC 1035 s.5.1: a final dot says that nothing follows", "test.", "047465737400"],
  ["RFC 1035 s.3.1: the root", ".", "00"],
  ["RFC 1035 s.5.1: @ is the origin", "@", "00"],
  ["RFC 4343 s.4.1: case is kept", "TesT.", "045465735400"],
  ["RFC 1035 s.5.1: an escaped dot is part of the label", "a\\.b.", "03612e6200"],
  ["RFC 1035 s.5.1: an escape of three digits is an octet", "\\000\\255.", "0200ff00"],
  ["RFC 1035 s.5.1: an escaped backslash before the final dot", "a\\\\.", "02615c00"],
];

const REFUSED: readonly (readonly [title: string, text: string, message: RegExp])[] = [
  ["nothing", "", /missing/],
  ["an empty label", "a..b", /empty label/],
  ["a dot before everything", ".a", /empty label/],
  ["RFC 1035 s.2.3.4: a label of 64 octets", `${LABEL}a.`, /more than 63/],
  ["RFC 1035 s.2.3.4: a name of 257 octets", `${LABEL}.${LABEL}.${LABEL}.${LABEL}.`, /257 octets/],
  ["an escape without character", "a\\", /escape/],
  ["an escape above 255", "a\\256", /escape/],
  ["an escape of two digits", "a\\12", /escape/],
  ["an escape of a letter beyond ASCII", "a\\ü", /escape/],
  ["RFC 5890 s.2.3.2.1: letters beyond ASCII", "bücher.test", /xn--/],
  ["a space", "a b", /cannot have/],
];

describe("names as text", () => {
  it("reads a name alike with and without an escape, up to every limit", () => {
    const origin = Buffer.from("\u0001x\u0004test\u0000");
    for (const count of [1, 2, 62, 63, 64]) {
      for (const labels of [1, 2, 3, 4, 5]) {
        for (const end of ["", ".", "..", ".b"]) {
          const text = Array.from({ length: labels }, () => "a".repeat(count)).join(".") + end;
          const plain = parseName(text, origin);
          const escaped = parseName(`\\097${text.slice(1)}`, origin);
          assert.equal(plain.ok, escaped.ok, text);
          if (plain.ok && escaped.ok) assert.deepEqual(plain.value, escaped.value, text);
        }
      }
    }
  });

  for (const [title, text, hex] of READ) {
    it(`${title}: ${text}`, () => {
      const name = parseName(text);
      assert.ok(name.ok);
      assert.equal(Buffer.from(name.value).toString("hex"), hex);
    });
  }

  for (const [title, text, message] of REFUSED) {
    it(`refuses ${title}`, () => {
      const name = parseName(text);
      assert.match(name.ok ? "it was accepted" : name.error, message);
    });
  }

  it("RFC 1035 s.5.1: a relative name gets the origin behind it", () => {
    const origin = parseName("kingcdn.test.");
    assert.ok(origin.ok);
    for (const [text, expected] of [
      ["www", "www.kingcdn.test."],
      ["www.", "www."],
      ["@", "kingcdn.test."],
    ] as const) {
      const name = parseName(text, origin.value);
      assert.ok(name.ok);
      assert.equal(formatName(name.value), expected);
    }
    assert.ok(!parseName(`${LABEL}.${LABEL}.${LABEL}.${LABEL.slice(0, 50)}`, origin.value).ok);
  });

  it("RFC 1035 s.5.1: every octet survives writing and reading", () => {
    for (let octet = 0; octet < 256; octet += 1) {
      const name = Uint8Array.of(2, octet, 0x61, 0);
      const again = parseName(formatName(name));
      assert.ok(again.ok, formatName(name));
      assert.deepEqual(again.value, name);
    }
    assert.equal(formatName(ROOT), ".");
    assert.equal(formatName(Uint8Array.of(3, 0x61, 0x20, 0x2e, 0)), "a\\032\\..");
  });

  it("RFC 1035 s.5.1: only an unescaped dot at the end makes a name absolute", () => {
    for (const text of ["a.", ".", "a\\\\."]) assert.ok(isAbsoluteText(text), text);
    for (const text of ["a", "a\\.", "@"]) assert.ok(!isAbsoluteText(text), text);
  });
});

describe("names as keys", () => {
  it("RFC 4343 s.3: only A to Z are folded", () => {
    assert.equal(keyOf("WWW.Test"), keyOf("www.tEST"));
    const around = Uint8Array.of(6, 0x40, 0x41, 0x5a, 0x5b, 0xc4, 0xe4, 0);
    const folded = [6, 0x40, 0x61, 0x7a, 0x5b, 0xc4, 0xe4, 0];
    assert.deepEqual([...Buffer.from(nameKey(around), "latin1")], folded);
  });

  it("RFC 1034 s.3.1: the parent is what is left without the first label", () => {
    assert.equal(parentKey(keyOf("www.test")), keyOf("test"));
    assert.equal(parentKey(keyOf("test")), keyOf("."));
    assert.equal(parentKey(keyOf(".")), undefined);
    assert.deepEqual(parentName(Uint8Array.of(1, 0x61, 0)), ROOT);
    assert.equal(parentName(ROOT), undefined);
  });

  it("RFC 1034 s.3.1: labels are counted without the root", () => {
    assert.equal(countLabels(keyOf("a.b.c")), 3);
    assert.equal(countLabels(keyOf(".")), 0);
  });

  it("RFC 1034 s.3.1: below is by whole labels", () => {
    const cases = [
      ["www.test", "test", true],
      ["test", "test", true],
      ["test", ".", true],
      [".", ".", true],
      ["xtest", "test", false],
      ["www.test", "www", false],
      ["test", "www.test", false],
    ] as const;
    for (const [name, ancestor, expected] of cases) {
      assert.equal(isAtOrBelow(keyOf(name), keyOf(ancestor)), expected, `${name} ${ancestor}`);
    }
  });
});
