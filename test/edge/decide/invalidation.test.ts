import assert from "node:assert/strict";
import { test } from "node:test";
import { invalidatedTargets, isSafeMethod } from "../../../edge/decide/invalidation.ts";
import { lines } from "../build.ts";

const TARGET = "http://www.example.com/a/b?c";

for (const method of ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "REPORT", "QUERY"]) {
  test(`RFC 9110 s.9.2.1: ${method} is safe and invalidates nothing`, () => {
    assert.equal(isSafeMethod(method), true);
    const exchange = { method, status: 200, targetUri: TARGET, fields: [] };
    assert.deepEqual(invalidatedTargets(exchange), []);
  });
}

for (const method of ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "PURGE", "FOO", "get"]) {
  test(`RFC 9111 s.4.4: ${method} may change things and invalidates its target`, () => {
    assert.equal(isSafeMethod(method), false);
    const exchange = { method, status: 200, targetUri: TARGET, fields: [] };
    assert.deepEqual(invalidatedTargets(exchange), [TARGET]);
  });
}

test("RFC 9111 s.4.4: every status of 2xx and 3xx invalidates, no other does", () => {
  for (let status = 100; status < 600; status += 1) {
    const targets = invalidatedTargets({ method: "PUT", status, targetUri: TARGET, fields: [] });
    assert.equal(targets.length, status >= 200 && status < 400 ? 1 : 0, String(status));
  }
});

for (const [texts, others] of [
  [["Location: /x"], ["http://www.example.com/x"]],
  [["Location: x"], ["http://www.example.com/a/x"]],
  [["Content-Location: http://WWW.example.com:80/x#part"], ["http://www.example.com/x"]],
  [
    ["Location: /x", "Content-Location: /y"],
    ["http://www.example.com/x", "http://www.example.com/y"],
  ],
  [["Location: /a/b?c"], []],
  [["Location: https://www.example.com/x"], []],
  [["Location: http://www.example.com:8080/x"], []],
  [["Location: http://other.example.com/x"], []],
  [["Location: http://[/"], []],
  [["Location: /x", "Location: /y"], []],
] as const) {
  test(`RFC 9111 s.4.4: ${texts.join(" | ")}`, () => {
    const exchange = { method: "POST", status: 201, targetUri: TARGET, fields: lines(...texts) };
    assert.deepEqual(invalidatedTargets(exchange), [TARGET, ...others]);
  });
}

test("RFC 9111 s.4.4: a target that is no URI invalidates nothing", () => {
  const exchange = { method: "POST", status: 200, targetUri: "*", fields: lines("Location: /x") };
  assert.deepEqual(invalidatedTargets(exchange), []);
});
