import assert from "node:assert/strict";
import { test } from "node:test";
import {
  codedFields,
  formOfClient,
  presentAs,
  varyingFields,
} from "../../../edge/coding/coded-fields.ts";
import { aStored, lines } from "../build.ts";

const BR = { coding: "br", bodyBytes: 321 } as const;

test("RFC 9110 s.8.4: the fields of an encoded form", () => {
  const fields = lines(
    "Content-Type: text/html",
    "Content-Length: 5000",
    'ETag: "v1"',
    "Accept-Ranges: bytes",
    "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
    "Content-Digest: sha-256=:AAAA:",
    "Repr-Digest: sha-256=:AAAA:",
    "Digest: sha-256=AAAA",
    "Last-Modified: Mon, 23 Nov 2026 12:00:00 GMT",
    "Vary: Origin",
  );
  assert.deepEqual(
    codedFields(fields, BR),
    lines(
      "Content-Type: text/html",
      "Last-Modified: Mon, 23 Nov 2026 12:00:00 GMT",
      "Vary: Origin, Accept-Encoding",
      "Content-Encoding: br",
      "Content-Length: 321",
      'ETag: W/"v1~br"',
    ),
  );
});

test("RFC 9110 s.8.8.3: a weak tag stays weak; none, two or a malformed one give none", () => {
  const tagOf = (...texts: string[]) =>
    codedFields(lines(...texts), BR).find(([name]) => name === "etag")?.[1];
  assert.equal(tagOf('ETag: W/"v1"'), 'W/"v1~br"');
  assert.equal(tagOf('ETag: ""'), 'W/"~br"');
  assert.equal(tagOf(), undefined);
  assert.equal(tagOf("ETag: v1"), undefined);
  assert.equal(tagOf('ETag: "a"', 'ETag: "b"'), undefined);
});

for (const [texts, expected] of [
  [[], ["Vary: Accept-Encoding"]],
  [["Vary: Accept-Encoding"], ["Vary: Accept-Encoding"]],
  [["Vary: accept-encoding , Foo"], ["Vary: accept-encoding , Foo"]],
  [["Vary: Foo", "Vary: Bar"], ["Vary: Foo, Bar, Accept-Encoding"]],
  [["Vary: *"], ["Vary: *"]],
] as const) {
  test(`RFC 9110 s.12.5.5: ${JSON.stringify(texts)} becomes ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(varyingFields(lines(...texts)), lines(...expected));
  });
}

type Form = ReturnType<typeof formOfClient>;

const KNOWN: readonly (readonly [condition: string | undefined, etag: string, form: Form])[] = [
  [undefined, '"v1"', undefined],
  ['"v1"', '"v1"', "identity"],
  ['W/"v1"', '"v1"', "identity"],
  ['W/"v1~br"', '"v1"', "br"],
  ['"v0", W/"v1~gzip"', '"v1"', "gzip"],
  ['W/"v1~zstd"', 'W/"v1"', "zstd"],
  // Not the edge's own: its tags are weak, and of this version.
  ['"v1~br"', '"v1"', undefined],
  ['W/"v0~br"', '"v1"', undefined],
  ['W/"v1~deflate"', '"v1"', undefined],
  ['W/"v1-br"', '"v1"', undefined],
  // An origin whose own tag looks like one of ours.
  ['W/"v1~br"', '"v1~br"', "identity"],
  ["*", '"v1"', undefined],
  ['"v1"', "none", undefined],
];

for (const [condition, etag, form] of KNOWN) {
  test(`RFC 9110 s.13.1.2: If-None-Match: ${condition} against ${etag}: ${form}`, () => {
    const request = condition === undefined ? [] : lines(`If-None-Match: ${condition}`);
    assert.equal(formOfClient(request, lines(`ETag: ${etag}`)), form);
  });
}

test("a form is worked out once, and anew when its length is another one", () => {
  const stored = aStored(['ETag: "v1"', "Content-Length: 5000"], { bodyBytes: 5_000 });
  const coded = presentAs(stored, BR);
  assert.equal(presentAs(stored, BR), coded);
  assert.equal(coded.bodyBytes, 321);
  assert.notEqual(presentAs(stored, { coding: "gzip", bodyBytes: 321 }), coded);
  assert.equal(presentAs(stored, { coding: "br", bodyBytes: 320 }).bodyBytes, 320);
  const plain = presentAs(stored);
  assert.equal(presentAs(stored), plain);
  assert.deepEqual(plain.fields, [...stored.fields, ["vary", "Accept-Encoding"]]);
  assert.equal(plain.bodyBytes, 5_000);
});
