import assert from "node:assert/strict";
import { test } from "node:test";
import { combinedField } from "../../../edge/http/fields.ts";
import {
  type OriginRequest,
  originRequestFields,
} from "../../../edge/serve/origin-request-fields.ts";
import { lines } from "../build.ts";

function fieldsFor(texts: readonly string[], others: Partial<OriginRequest> = {}) {
  const answer = originRequestFields({
    method: "GET",
    requestFields: lines(...texts),
    edge: "syd-1",
    clientAddress: "192.0.2.7",
    scheme: "http",
    clientHost: "www.example.com",
    originHost: "origin.example.com",
    purpose: { kind: "pass" },
    ...others,
  });
  assert.ok(answer.kind === "send");
  return answer.fields;
}

test("RFC 9110 s.7.6: what a plain request becomes", () => {
  assert.deepEqual(
    fieldsFor([
      "Host: www.example.com",
      "Accept: a",
      "Connection: x",
      "X: 1",
      "Expect: 100-continue",
    ]),
    lines(
      "Host: origin.example.com",
      "Accept: a",
      "Via: 1.1 syd-1",
      "CDN-Loop: syd-1",
      "X-Forwarded-For: 192.0.2.7",
      "X-Forwarded-Proto: http",
      "Forwarded: for=192.0.2.7;host=www.example.com;proto=http;by=_syd-1",
    ),
  );
});

test("RFC 7239 s.4: members are appended behind those of earlier hops", () => {
  const fields = fieldsFor([
    "Via: 1.0 a",
    "CDN-Loop: other; x=1",
    "X-Forwarded-For: 203.0.113.1",
    "X-Forwarded-For: 203.0.113.2",
    "X-Forwarded-Proto: https",
    "Forwarded: for=203.0.113.1",
  ]);
  assert.equal(combinedField(fields, "via"), "1.0 a, 1.1 syd-1");
  assert.equal(combinedField(fields, "cdn-loop"), "other; x=1, syd-1");
  assert.equal(combinedField(fields, "x-forwarded-for"), "203.0.113.1, 203.0.113.2, 192.0.2.7");
  assert.equal(combinedField(fields, "x-forwarded-proto"), "http");
  assert.match(combinedField(fields, "forwarded") ?? "", /^for=203\.0\.113\.1, for=192\.0\.2\.7;/);
});

test("RFC 7239 s.6: IPv6 addresses and ports are quoted, quotes escaped", () => {
  const fields = fieldsFor([], {
    clientAddress: "2001:db8::7",
    clientHost: 'www.example.com:8080"\\',
    scheme: "https",
  });
  assert.equal(combinedField(fields, "x-forwarded-for"), "2001:db8::7");
  assert.equal(
    combinedField(fields, "forwarded"),
    'for="[2001:db8::7]";host="www.example.com:8080\\"\\\\";proto=https;by=_syd-1',
  );
});

for (const [value, loops] of [
  ["syd-1", true],
  ["other, SYD-1; v=2", true],
  ["syd-10", false],
  ["other", false],
  ["x;y=syd-1", false],
] as const) {
  test(`RFC 8586 s.2: CDN-Loop: ${value} ${loops ? "is" : "is not"} a loop`, () => {
    const answer = originRequestFields({
      method: "GET",
      requestFields: lines(`CDN-Loop: ${value}`, "Connection: CDN-Loop"),
      edge: "syd-1",
      clientAddress: "192.0.2.7",
      scheme: "http",
      clientHost: "a",
      originHost: "a",
      purpose: { kind: "pass" },
    });
    assert.equal(answer.kind, loops ? "loop" : "send");
  });
}

const CONDITIONS = [
  'If-Match: "a"',
  'If-None-Match: "a"',
  "If-Modified-Since: x",
  "If-Unmodified-Since: x",
  "If-Range: x",
  "Range: bytes=0-1",
];

test("RFC 9111 s.4.3.1: a fill has the store's conditions in place of the client's", () => {
  const conditions = lines('If-None-Match: "stored"');
  const fill = fieldsFor([...CONDITIONS, "Accept: a"], { purpose: { kind: "fill", conditions } });
  assert.deepEqual(fill.slice(1, 3), lines("Accept: a", 'If-None-Match: "stored"'));
  assert.equal(fill.length, 8);
});

test("RFC 9110 s.13.1: what is passed on keeps the client's conditions and range", () => {
  assert.deepEqual(fieldsFor(CONDITIONS).slice(1, 7), lines(...CONDITIONS));
});

test("RFC 9111 s.3.5: Authorization and Cookie go to the origin", () => {
  const texts = ["Authorization: a", "Cookie: b", "Content-Length: 3"];
  const fields = fieldsFor([...texts, "Connection: authorization, cookie, content-length"]);
  assert.deepEqual(fields.slice(1, 4), lines(...texts));
});
