import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClientResponse, clientResponseFields } from "../../../edge/serve/response-fields.ts";
import { lines } from "../build.ts";

function aResponse(texts: readonly string[], others: Partial<ClientResponse> = {}): ClientResponse {
  return {
    fields: lines(...texts),
    edge: "syd-1",
    status: 200,
    cacheStatus: { kind: "hit", ttlSeconds: 9 },
    ageSeconds: 3,
    ...others,
  };
}

test("RFC 9111 s.5.1: what comes out of the store has one Age, and its Date stays", () => {
  const response = aResponse(["Age: 1", "Age: 7", "Date: x", "A: 1", "A: 2"]);
  const expected = lines(
    "Date: x",
    "A: 1",
    "A: 2",
    "Age: 3",
    "Via: 1.1 syd-1",
    "Cache-Status: syd-1; hit; ttl=9",
  );
  assert.deepEqual(clientResponseFields(response), expected);
  assert.deepEqual(clientResponseFields(response), expected, "the same when sent again");
  assert.deepEqual(clientResponseFields({ ...response, ageSeconds: 0 }).at(-3), ["age", "0"]);
});

test("RFC 9111 s.5.1: what is passed on keeps the Age of upstream", () => {
  const sent = clientResponseFields(aResponse(["Age: 7"], { ageSeconds: undefined }));
  assert.deepEqual(
    sent.filter(([name]) => name === "age"),
    lines("Age: 7"),
  );
});

test("RFC 9211 s.2, RFC 9110 s.7.6.3: this edge comes after the caches behind it", () => {
  const upstream = ["Cache-Status: shield; hit", "Via: 1.1 a", "Via: 1.0 b", 'Cache-Status: "x"'];
  assert.deepEqual(
    clientResponseFields(aResponse(upstream, { ageSeconds: undefined })),
    lines("Via: 1.1 a, 1.0 b, 1.1 syd-1", 'Cache-Status: shield; hit, "x", syd-1; hit; ttl=9'),
  );
});

test("instructions between tiers stop here, CDN-Cache-Control goes on (RFC 9213 s.2)", () => {
  const sent = clientResponseFields(
    aResponse([
      "Surrogate-Key: a b",
      "Cache-Tag: a,b",
      "Surrogate-Control: max-age=1",
      "Meridian-Cache-Control: max-age=1",
      "CDN-Cache-Control: max-age=1",
      "Cache-Control: max-age=1",
    ]),
  );
  assert.deepEqual(
    sent.slice(0, -3),
    lines("CDN-Cache-Control: max-age=1", "Cache-Control: max-age=1"),
  );
});

test("RFC 9110 s.7.6.1: hop-by-hop fields do not reach the client", () => {
  const sent = clientResponseFields(
    aResponse(["Connection: a, close", "a: 1", "Transfer-Encoding: chunked", "TE: x", "b: 2"]),
  );
  assert.deepEqual(sent.slice(0, -3), lines("b: 2"));
});

test("RFC 9110 s.15.4.5: a 304 says nothing about a body, but has its ETag", () => {
  const texts = [
    "ETag: x",
    "Content-Type: a/b",
    "Content-Length: 5",
    "Content-Encoding: br",
    "Vary: A",
  ];
  const response = aResponse(texts);
  assert.deepEqual(
    clientResponseFields({ ...response, status: 304 }).slice(0, -3),
    lines("ETag: x", "Vary: A"),
  );
  assert.deepEqual(clientResponseFields(response).slice(0, -3), lines(...texts));
});
