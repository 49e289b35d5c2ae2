import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { chooseForm } from "../../../edge/coding/choose.ts";
import { acceptedCodings, CODINGS, type Coding } from "../../../edge/http/accept-encoding.ts";
import { lines } from "../build.ts";

type Forms = Partial<Record<Coding, number>>;

function choose(
  fields: readonly string[],
  forms: Forms,
  others: { method?: string; codings?: readonly Coding[] } = {},
) {
  return chooseForm({
    method: "GET",
    requestFields: lines(...fields),
    codings: CODINGS,
    bytesOf: (coding) => forms[coding],
    ...others,
  });
}

const NOTHING = { serve: undefined, make: undefined };
const ALL = "Accept-Encoding: gzip, deflate, br, zstd";

test("RFC 9110 s.12.5.3: what is made is what the client likes best, then the site", () => {
  assert.deepEqual(choose([ALL], {}), { serve: undefined, make: "zstd" });
  assert.deepEqual(choose([ALL], {}, { codings: ["br", "zstd"] }), {
    serve: undefined,
    make: "br",
  });
  assert.deepEqual(choose(["Accept-Encoding: gzip, br;q=0.9"], {}), {
    serve: undefined,
    make: "gzip",
  });
  assert.deepEqual(choose(["Accept-Encoding: br"], {}, { codings: ["zstd", "gzip"] }), NOTHING);
  for (const none of [
    "Accept-Encoding:",
    "Accept-Encoding: identity",
    "Accept-Encoding: deflate",
  ]) {
    assert.deepEqual(choose([none], { br: 10 }), NOTHING, none);
  }
  assert.deepEqual(choose([], { br: 10 }), NOTHING, "who says nothing is given nothing encoded");
});

test("what is made is served while something better is made", () => {
  assert.deepEqual(choose([ALL], { gzip: 100 }), { serve: "gzip", make: "zstd" });
  assert.deepEqual(choose([ALL], { gzip: 100, zstd: 90 }), { serve: "zstd", make: undefined });
  assert.deepEqual(choose([ALL], { br: 80, zstd: 90 }), { serve: "br", make: undefined });
  const weighted = "Accept-Encoding: br;q=0.5, zstd;q=0.6";
  assert.deepEqual(choose([weighted], { br: 80, zstd: 90 }), { serve: "zstd", make: undefined });
});

test("what would not be shorter is not tried again, and never served", () => {
  assert.deepEqual(choose([ALL], { zstd: 0 }), NOTHING);
  assert.deepEqual(choose([ALL], { zstd: 0, gzip: 100 }), { serve: "gzip", make: undefined });
  assert.deepEqual(choose(["Accept-Encoding: gzip"], { zstd: 0 }), {
    serve: undefined,
    make: "gzip",
  });
});

test("RFC 9110 s.13.1.1, s.14.2: exact bytes are asked of the form that is not encoded", () => {
  assert.deepEqual(choose([ALL, "Range: bytes=0-9"], { zstd: 90 }), NOTHING);
  assert.deepEqual(choose([ALL, 'If-Match: "v1"'], { zstd: 90 }), NOTHING);
  const head = choose([ALL, "Range: bytes=0-9"], { zstd: 90 }, { method: "HEAD" });
  assert.equal(head.serve, "zstd", "RFC 9110 s.14.2: Range means nothing to HEAD");
});

test("RFC 9111 s.5.2.1.6: a client may forbid it", () => {
  assert.deepEqual(choose([ALL, "Cache-Control: no-transform"], { zstd: 90 }), NOTHING);
});

test("as a naive search says, for any weights and forms", () => {
  const weight = fc.constantFrom("0", "0.2", "0.5", "1");
  const bytes = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });
  const forms = fc.record({ zstd: bytes, br: bytes, gzip: bytes });
  const order = fc.shuffledSubarray([...CODINGS], { minLength: 1 });
  const weights = fc.record({ zstd: weight, br: weight, gzip: weight, identity: weight });
  fc.assert(
    fc.property(weights, forms, order, (q, sizes, codings) => {
      const list = Object.entries(q).map(([name, text]) => `${name};q=${text}`);
      const field = `Accept-Encoding: ${list.join(", ")}`;
      const { serve, make } = choose([field], sizes as Forms, { codings });
      const { wanted } = acceptedCodings(lines(field));
      const usable = codings.filter((coding) => wanted.includes(coding));
      const made = usable.filter((coding) => (sizes[coding] ?? 0) > 0);
      const rank = (coding: Coding) => Number(q[coding]) * 1_000 - (sizes[coding] ?? 0);
      const best = made.map(rank).toSorted((a, b) => b - a)[0];
      assert.equal(serve === undefined ? undefined : rank(serve), best);
      assert.ok(serve === undefined || made.includes(serve));
      const liked = usable.toSorted((a, b) => Number(q[b]) - Number(q[a]))[0];
      const isTried = liked !== undefined && sizes[liked] !== undefined;
      assert.equal(make, isTried ? undefined : liked);
    }),
    { numRuns: 2_000 },
  );
});
