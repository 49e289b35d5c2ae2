import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { nsecRrset, successor, typeBitmap } from "../../../router-dns/sign/denial.ts";
import { formatName } from "../../../router-dns/wire/name.ts";
import { keyOf } from "../dns-world.ts";

const APEX = keyOf("example.com");

function text(key: string): string {
  return formatName(Buffer.from(key, "latin1"));
}

/** Labels as strings from the root down: what RFC 4034 section 6.1 compares. */
function labels(key: string): string[] {
  const found: string[] = [];
  for (let at = 0; key.charCodeAt(at) > 0; at += 1 + key.charCodeAt(at)) {
    found.unshift(key.slice(at + 1, at + 1 + key.charCodeAt(at)).toLowerCase());
  }
  return found;
}

function isBefore(left: string, right: string): boolean {
  const [a, b] = [labels(left), labels(right)];
  const at = a.findIndex((label, i) => label !== b[i]);
  if (at < 0) return a.length < b.length;
  const other = b[at];
  return other !== undefined && (a[at] ?? "") < other;
}

describe("the successor of a name", () => {
  it("RFC 4471 s.3.1.2: is its first child, as long as there is room for one", () => {
    assert.equal(text(successor(keyOf("www.example.com"), APEX)), "\\000.www.example.com.");
    assert.equal(text(successor(APEX, APEX)), "\\000.example.com.");
  });

  /** A name of so many octets: a first label, three full ones, and one that fills the rest. */
  function longName(first: string, bytes: number, filling = "abcd"): string {
    const [a = "", b = "", c = "", d = ""] = filling;
    const rest = bytes - APEX.length - 1 - first.length - 3 * 64;
    const parts = [
      first,
      a.repeat(63),
      b.repeat(63),
      c.repeat(63),
      d.repeat(Math.max(0, rest - 1)),
    ];
    const own = parts.filter((part) => part !== "");
    return own.map((part) => String.fromCharCode(part.length) + part).join("") + APEX;
  }

  it("RFC 4471 s.3.1.2: of a name without room for a child is the next label", () => {
    const full = longName("x".repeat(20), 255);
    assert.equal(full.length, 255);
    assert.match(text(successor(full, APEX)), /^xxxxxxxxxxxxxxxxxxxy\.aaa/);
    const almost = longName("x".repeat(20), 254);
    assert.match(text(successor(almost, APEX)), /^x{20}\\000\.aaa/);
  });

  it("RFC 4034 s.6.1: steps over the upper-case letters, which are lower-case ones", () => {
    assert.match(text(successor(longName("xxx@", 255), APEX)), /^xxx\[\.aaa/);
  });

  it("leaves out octets that have none behind them, and ends at the apex", () => {
    assert.match(text(successor(longName("x\u00ff\u00ff", 255), APEX)), /^y\.aaa/);
    const last = longName("\u00ff".repeat(10), 255);
    assert.match(text(successor(last, APEX)), /^a{62}b\.bbb/, "the next name is one level up");
    const end = longName("\u00ff".repeat(49), 255, "\u00ff".repeat(4));
    assert.equal(successor(end, APEX), APEX);
  });

  it("comes behind the name, with nothing between them", () => {
    const octet = fc.integer({ min: 0, max: 255 }).filter((code) => code < 0x41 || code > 0x5a);
    const label = fc.array(octet, { minLength: 1, maxLength: 63 });
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 8 }), label, (parts, other) => {
        const name = (list: number[][]) =>
          list.map((l) => String.fromCharCode(l.length, ...l)).join("") + APEX;
        const key = name(parts);
        fc.pre(key.length <= 255);
        const next = successor(key, APEX);
        assert.ok(next.length <= 255);
        if (next !== APEX) assert.ok(isBefore(key, next), `${text(key)} -> ${text(next)}`);
        const third = name([other, ...parts.slice(1)]);
        if (third.length > 255 || third === key || third === next) return;
        assert.ok(!isBefore(key, third) || next === APEX || !isBefore(third, next), text(third));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("the type bit maps", () => {
  it("RFC 4034 s.4.3: A, MX, RRSIG, NSEC and TYPE1234 are the octets of the example", () => {
    const expected = `0006400100000003041b${"00".repeat(26)}20`;
    assert.equal(Buffer.from(typeBitmap([15, 1, 1234, 47, 46])).toString("hex"), expected);
  });

  it("RFC 9824 s.3: the NSEC record of a name has NSEC and RRSIG besides what it has", () => {
    const rrset = nsecRrset(keyOf("a.example.com"), APEX, [128], 60);
    const next = Buffer.from("01000161076578616d706c6503636f6d00", "hex");
    const bits = Buffer.from(`0011${"00".repeat(5)}03${"00".repeat(10)}80`, "hex");
    assert.equal(rrset.ttlSeconds, 60);
    assert.deepEqual(
      Buffer.from(rrset.rdatas[0]?.prefix ?? []).toString("hex"),
      Buffer.concat([next, bits]).toString("hex"),
    );
  });
});
