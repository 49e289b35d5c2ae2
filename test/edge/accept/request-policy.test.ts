import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { judgeRequest } from "../../../edge/accept/request-policy.ts";
import { lines } from "../build.ts";

const ACCEPTED = [
  ["a name", "/", ["Host: a.example"], "a.example", "/"],
  ["a port and upper case, as sent", "/x?y", ["Host: A.example:8080"], "A.example:8080", "/x?y"],
  ["an IPv4 address", "/", ["Host: 192.0.2.1"], "192.0.2.1", "/"],
  ["an IPv6 literal", "/", ["Host: [2001:db8::1]:80"], "[2001:db8::1]:80", "/"],
  ["absolute-form beats Host", "http://b.example/p", ["Host: a.example"], "b.example", "/p"],
  ["absolute-form without a path", "HTTP://b.example?q", ["Host: a.example"], "b.example", "/?q"],
  [
    "two slashes are a path",
    "//evil.example/",
    ["Host: a.example"],
    "a.example",
    "//evil.example/",
  ],
] as const;

const REJECTED = [
  ["no Host", "GET", "/", [], "bad-host"],
  ["two Hosts", "GET", "/", ["Host: a.example", "Host: b.example"], "bad-host"],
  ["an empty Host", "GET", "/", ["Host:"], "bad-host"],
  ["user information", "GET", "/", ["Host: user@a.example"], "bad-host"],
  ["a path in Host", "GET", "/", ["Host: a.example/x"], "bad-host"],
  ["white space in Host", "GET", "/", ["Host: a.example b"], "bad-host"],
  ["bad authority", "GET", "http://a@b/", ["Host: a.example"], "bad-host"],
  ["another scheme", "GET", "ftp://a.example/", ["Host: a.example"], "bad-request"],
  ["asterisk-form", "OPTIONS", "*", ["Host: a.example"], "bad-request"],
  ["no slash", "GET", "x", ["Host: a.example"], "bad-request"],
  ["a fragment", "GET", "/a#b", ["Host: a.example"], "bad-request"],
  ["a coding", "POST", "/", ["Host: a", "Transfer-Encoding: gzip, chunked"], "unknown-coding"],
  ["TRACE", "TRACE", "/", ["Host: a.example"], "method-not-allowed"],
  ["CONNECT", "CONNECT", "a.example:443", ["Host: a.example"], "method-not-allowed"],
  ["a long target", "GET", `/${"x".repeat(16_384)}`, ["Host: a.example"], "uri-too-long"],
] as const;

suite("RFC 9112 s.3.2: request policy", () => {
  for (const [title, target, fields, host, path] of ACCEPTED) {
    test(`accepted: ${title}`, () => {
      const verdict = judgeRequest({
        method: "GET",
        version: "1.1",
        target,
        fields: lines(...fields),
      });
      assert.deepEqual(verdict, { kind: "accept", host, target: path });
    });
  }
  for (const [title, method, target, fields, reason] of REJECTED) {
    test(`rejected: ${title}`, () => {
      const verdict = judgeRequest({ method, version: "1.1", target, fields: lines(...fields) });
      assert.deepEqual(verdict, { kind: "reject", reason });
    });
  }
});
