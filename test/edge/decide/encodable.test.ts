import assert from "node:assert/strict";
import { test } from "node:test";
import { type CompressOptions, compressSchema } from "../../../common/config/compress.ts";
import { compressionFor, forbidsTransform, notEligible } from "../../../edge/decide/encodable.ts";
import { lines } from "../build.ts";
import { aSite } from "../harness.ts";

const DEFAULTS = compressSchema.parse({});

function reasonFor(
  texts: readonly string[],
  others: { status?: number; bodyBytes?: number | undefined; sliceBytes?: number } = {},
  options: CompressOptions | undefined = DEFAULTS,
) {
  return notEligible(options, {
    status: 200,
    fields: lines(...texts),
    bodyBytes: 5_000,
    ...others,
  });
}

const HTML = "Content-Type: text/html; charset=utf-8";

test("what may be encoded: a whole 200 of a type on the list, neither small nor huge", () => {
  assert.equal(reasonFor([HTML]), undefined);
  assert.equal(reasonFor([HTML], { bodyBytes: undefined }), undefined, "may come to be");
  assert.equal(reasonFor([HTML], { bodyBytes: 1_024 }), undefined);
  assert.equal(reasonFor([HTML], { bodyBytes: 1_023 }), "too-small");
  assert.equal(reasonFor([HTML], { bodyBytes: 4 * 2 ** 20 }), undefined);
  assert.equal(reasonFor([HTML], { bodyBytes: 4 * 2 ** 20 + 1 }), "too-large");
  assert.equal(reasonFor([HTML], { sliceBytes: 1_000 }), "sliced");
  for (const status of [206, 203, 301, 404, 500]) {
    assert.equal(reasonFor([HTML], { status }), "status", `${status}`);
  }
});

test("a site that does not ask for it gets nothing encoded, nor do the paths of such a rule", () => {
  const fields = lines(HTML);
  assert.equal(notEligible(undefined, { status: 200, fields, bodyBytes: 5_000 }), "off");
  const plain = aSite({ origins: ["http://127.0.0.1:1"] });
  const site = { ...plain, compress: DEFAULTS };
  assert.equal(compressionFor(site, undefined), DEFAULTS);
  assert.equal(compressionFor(site, { match: "/*", cache: true }), DEFAULTS);
  assert.equal(compressionFor(site, { match: "/*", cache: true, compress: false }), undefined);
  assert.equal(compressionFor(plain, undefined), undefined);
  assert.equal(compressionFor(undefined, undefined), undefined);
});

test("RFC 9110 s.8.4: what is encoded already, or a part, is not encoded again", () => {
  for (const encoded of ["gzip", "br", "x-gzip", "deflate", "unheard-of", "gzip, br"]) {
    assert.equal(reasonFor([HTML, `Content-Encoding: ${encoded}`]), "encoded", encoded);
  }
  assert.equal(reasonFor([HTML, "Content-Range: bytes 0-4999/9000"]), "encoded");
  assert.equal(reasonFor([HTML, "Content-Encoding: identity"]), undefined);
});

for (const field of [
  "Cache-Control: max-age=60, no-transform",
  "Cache-Control: No-Transform",
  "Cache-Control: no-transform=1",
  "CDN-Cache-Control: no-transform",
  "Surrogate-Control: max-age=1, no-transform",
]) {
  test(`RFC 9111 s.5.2.2.6: ${field}`, () => {
    assert.equal(reasonFor([HTML, field]), "no-transform");
    assert.equal(forbidsTransform(lines(field)), true);
  });
}

test("RFC 9111 s.5.2.2.6: other directives and quoted strings do not forbid it", () => {
  for (const field of ["Cache-Control: no-transforms", 'Cache-Control: x="a, no-transform"']) {
    assert.equal(reasonFor([HTML, field]), undefined, field);
  }
});

const TYPES: readonly (readonly [type: string, fits: boolean])[] = [
  ["text/html", true],
  ["TEXT/HTML;charset=utf-8", true],
  ["text/anything", true],
  ["application/json", true],
  ["application/ld+json", true],
  ["application/atom+xml", true],
  ["image/svg+xml", true],
  ["application/wasm", true],
  ["font/ttf", true],
  ["application/vnd.apple.mpegurl", true],
  ["", false],
  ["text", false],
  ["nontext/html", false],
  ["application/jsonp", false],
  ["application/octet-stream", false],
  ["image/png", false],
  ["image/jpeg", false],
  ["video/mp4", false],
  ["font/woff2", false],
  ["application/zip", false],
  ["application/pdf", false],
];

for (const [type, fits] of TYPES) {
  test(`the default list ${fits ? "has" : "has not"} "${type}"`, () => {
    assert.equal(reasonFor([`Content-Type: ${type}`]), fits ? undefined : "type");
  });
}

test("no media type, or two of them: nobody knows what it is", () => {
  assert.equal(reasonFor([]), "type");
  assert.equal(reasonFor([HTML, HTML]), "type");
});

test("a wide pattern does not mean what is compressed already; a full name does", () => {
  const wide = compressSchema.parse({ types: ["image/*", "application/*", "video/MP4"] });
  const of = (type: string) => reasonFor([`Content-Type: ${type}`], {}, wide);
  for (const type of ["image/svg+xml", "image/bmp", "application/octet-stream", "video/mp4"]) {
    assert.equal(of(type), undefined, type);
  }
  for (const type of ["image/png", "image/webp", "application/gzip", "application/x-xz"]) {
    assert.equal(of(type), "type", type);
  }
});

test("what was found out for one list of options is not remembered for another", () => {
  const facts = { status: 200, fields: lines(HTML), bodyBytes: 5_000 };
  assert.equal(notEligible(DEFAULTS, facts), undefined);
  assert.equal(notEligible(DEFAULTS, facts), undefined, "the same when asked again");
  assert.equal(notEligible(compressSchema.parse({ min: "1MiB" }), facts), "too-small");
  assert.equal(notEligible(DEFAULTS, facts), undefined);
});
