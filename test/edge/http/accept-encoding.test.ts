import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  acceptedCodings,
  CODINGS,
  codingOf,
  codingWeight,
  withAcceptEncoding,
} from "../../../edge/http/accept-encoding.ts";
import { lines } from "../build.ts";

type Row = readonly [fields: readonly string[], ask: string, title: string];

const ASKED: readonly Row[] = [
  [[], "identity", "absent: what everybody can read"],
  [["Accept-Encoding:"], "identity", "empty: no coding is wanted"],
  [["Accept-Encoding: identity"], "identity", "identity alone"],
  [["Accept-Encoding: gzip, deflate, br, zstd"], "zstd, br, gzip", "one order, known codings only"],
  [["Accept-Encoding: GZIP"], "gzip", "case does not count"],
  [["Accept-Encoding: x-gzip"], "gzip", "s.8.4.1.3: x-gzip is gzip"],
  [["Accept-Encoding: gzip", "Accept-Encoding: br"], "br, gzip", "lines are combined"],
  [["Accept-Encoding: gzip;q=0.5, br;q=0.001"], "br, gzip", "any weight but 0 accepts"],
  [["Accept-Encoding: gzip ; q=0.5"], "gzip", "white space around the semicolon"],
  [["Accept-Encoding: gzip;Q=0"], "identity", "the name of a weight in any case"],
  [["Accept-Encoding: gzip;q=0, br"], "br", "a weight of 0 refuses"],
  [["Accept-Encoding: gzip;q=0.000"], "identity", "so does one with zeros"],
  [["Accept-Encoding: *"], "zstd, br, gzip", "everything"],
  [["Accept-Encoding: *;q=0.1, br;q=0"], "zstd, gzip", "everything that is not listed"],
  [["Accept-Encoding: gzip, *;q=0"], "gzip, identity;q=0", "nothing else, not even no coding"],
  [["Accept-Encoding: *;q=0"], "identity;q=0", "nothing at all"],
  [["Accept-Encoding: identity, *;q=0"], "identity", "identity is not part of * when listed"],
  [["Accept-Encoding: br, identity;q=0"], "br, identity;q=0", "identity refused"],
  [["Accept-Encoding: gzip;q=0.5, identity"], "identity", "identity liked better"],
  [["Accept-Encoding: gzip;q=0.5, br, identity;q=0.8"], "br", "better than one of them"],
  [["Accept-Encoding: gzip, identity"], "gzip", "liked as much: coded is shorter"],
  [["Accept-Encoding: deflate, compress, dcb"], "identity", "codings that the edge has not"],
  [["Accept-Encoding: gzip;q=1.5, br"], "br", "a weight beyond 1 is no weight"],
  [["Accept-Encoding: gzip;q=0.1234, br"], "br", "nor is one of four digits"],
  [["Accept-Encoding: gzip;q=, gzip"], "identity", "illegible once: refused"],
  [["Accept-Encoding: gzip;q=x, *"], "zstd, br", "also beside a star"],
  [["Accept-Encoding: gzip, identity;q=x"], "gzip", "illegible identity says nothing"],
  [["Accept-Encoding: gzip, *;q=-1"], "gzip", "nor does an illegible star"],
  [["Accept-Encoding: gzip, gzip;q=0"], "identity", "listed twice: the lower weight"],
  [["Accept-Encoding: gzip;level=9;q=0.7"], "gzip", "other parameters do not count"],
  [["Accept-Encoding: ,, br ,"], "br", "empty members do not count"],
];

for (const [fields, ask, title] of ASKED) {
  test(`RFC 9110 s.12.5.3: ${title}: ${JSON.stringify(fields)}`, () => {
    assert.equal(acceptedCodings(lines(...fields)).ask, ask);
    assert.equal(acceptedCodings(lines(...fields)).ask, ask, "the same when asked again");
  });
}

test("RFC 9110 s.12.4.2: weights are kept, and no coding comes last unless it is listed", () => {
  const accepted = acceptedCodings(lines("Accept-Encoding: gzip;q=0.5, br;q=0.75"));
  assert.deepEqual(accepted.weights, { zstd: 0, br: 0.75, gzip: 0.5 });
  assert.ok(accepted.identity > 0 && accepted.identity < 0.001);
  assert.equal(codingWeight(accepted, "br"), 0.75);
  assert.equal(codingWeight(accepted, "identity"), accepted.identity);
  assert.equal(codingWeight(accepted, "other"), 0);
});

interface Member {
  readonly name: string;
  /** In thousandths. */
  readonly weight: number;
}

const anyMember = fc.record({
  name: fc.constantFrom("gzip", "x-gzip", "br", "zstd", "identity", "*", "deflate", "gzipped"),
  weight: fc.constantFrom(0, 1, 250, 500, 1000),
});

/** RFC 9110 section 12.5.3, word by word: the numbered rules, over what was meant. */
function oracle(members: readonly Member[], coding: string): number | undefined {
  const same = (name: string) => name === coding || (coding === "gzip" && name === "x-gzip");
  const own = members.filter(({ name }) => same(name)).map(({ weight }) => weight);
  if (own.length > 0) return Math.min(...own);
  const star = members.filter(({ name }) => name === "*").map(({ weight }) => weight);
  if (star.length > 0) return Math.min(...star);
  return coding === "identity" ? undefined : 0;
}

function spelled({ name, weight }: Member, index: number): string {
  const text = index % 2 === 0 ? name : name.toUpperCase();
  if (weight === 1000) return index % 3 === 0 ? `${text};q=1.000` : text;
  return `${text} ; q=0.${String(weight).padStart(3, "0")}`;
}

test("RFC 9110 s.12.5.3: as a naive reading of the section says, for any list", () => {
  fc.assert(
    fc.property(fc.array(anyMember, { maxLength: 8 }), (members) => {
      const field = lines(`Accept-Encoding: ${members.map(spelled).join(" , ")}`);
      const { weights, identity, wanted, ask } = acceptedCodings(field);
      for (const coding of CODINGS) {
        assert.equal(weights[coding] * 1000, oracle(members, coding), coding);
        const isWanted = weights[coding] > 0 && weights[coding] >= identity;
        assert.equal(wanted.includes(coding), isWanted);
      }
      const plain = oracle(members, "identity");
      if (plain === undefined) assert.ok(identity > 0 && identity < 0.001);
      else assert.equal(identity * 1000, plain);
      // What the origin is asked means the same when it is read again, by the next tier.
      assert.equal(acceptedCodings(lines(`Accept-Encoding: ${ask}`)).ask, ask);
    }),
    { numRuns: 2_000 },
  );
});

test("a thousand spellings come to no more than sixteen", () => {
  const asks = new Set<string>();
  fc.assert(
    fc.property(fc.array(anyMember, { maxLength: 8 }), fc.string(), (members, junk) => {
      const texts = [...members.map(spelled), junk.replaceAll(/[^ -~]/g, "")];
      asks.add(acceptedCodings(lines(`Accept-Encoding: ${texts.join(",")}`)).ask);
    }),
    { numRuns: 5_000 },
  );
  assert.ok(asks.size > 3 && asks.size <= 16, [...asks].join(" | "));
});

for (const [texts, expected] of [
  [[], "identity"],
  [["Content-Encoding: gzip"], "gzip"],
  [["Content-Encoding: X-GZip"], "gzip"],
  [["Content-Encoding: br"], "br"],
  [["Content-Encoding: zstd"], "zstd"],
  [["Content-Encoding: identity"], "identity"],
  [["Content-Encoding:"], "identity"],
  [["Content-Encoding: deflate"], "other"],
  [["Content-Encoding: gzip, br"], "other"],
  [["Content-Encoding: gzip", "Content-Encoding: gzip"], "other"],
  [["Content-Encoding: identity, br"], "br"],
] as const) {
  test(`RFC 9110 s.8.4: ${JSON.stringify(texts)} is ${expected}`, () => {
    const fields = lines(...texts);
    assert.equal(codingOf(fields), expected);
    assert.equal(codingOf(fields), expected, "the same when asked again");
  });
}

test("one Accept-Encoding stands in place of all", () => {
  const fields = lines("Accept-Encoding: a", "Host: x", "Accept-Encoding: b");
  assert.deepEqual(withAcceptEncoding(fields, "br"), lines("Host: x", "Accept-Encoding: br"));
});
