import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { classifyFailure } from "../../../edge/fetch/failure.ts";
import {
  type AnsweredAttempt,
  type FailedAttempt,
  isIdempotent,
  judgeRetry,
  mayFailOver,
} from "../../../edge/fetch/retry.ts";

const DIED_REUSED: FailedAttempt = {
  failure: { kind: "reset", detail: "" },
  reused: true,
  sent: true,
  answered: false,
  idempotent: true,
  streamsBody: false,
  retried: false,
  originsLeft: 0,
};

suite("RFC 9112 s.9.3.1: what is tried again", () => {
  const CASES: readonly (readonly [string, Partial<FailedAttempt>, string])[] = [
    ["died unanswered on a reused connection", {}, "retry-fresh"],
    ["the same, other addresses left", { originsLeft: 1 }, "retry-fresh"],
    ["died on a fresh connection", { reused: false }, "give-up"],
    ["died a second time", { retried: true }, "give-up"],
    ["part of an answer had come", { answered: true }, "give-up"],
    ["not idempotent", { idempotent: false }, "give-up"],
    ["its body is gone", { streamsBody: true }, "give-up"],
    [
      "no answer in time",
      { failure: { kind: "first-byte-timeout", detail: "" }, originsLeft: 1 },
      "give-up",
    ],
    ["nothing was sent", { sent: false, originsLeft: 1 }, "next-origin"],
    [
      "nothing was sent, not even of a POST",
      { sent: false, originsLeft: 1, idempotent: false, streamsBody: true },
      "next-origin",
    ],
    ["nothing was sent, nobody left", { sent: false }, "give-up"],
    [
      "we gave up",
      { failure: { kind: "aborted", detail: "" }, sent: false, originsLeft: 1 },
      "give-up",
    ],
  ];
  for (const [title, facts, verdict] of CASES) {
    test(`${title}: ${verdict}`, () => {
      assert.equal(judgeRetry({ ...DIED_REUSED, ...facts }), verdict);
    });
  }

  test("RFC 9110 s.9.2.2: methods that may be repeated", () => {
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
      assert.ok(isIdempotent(method));
    for (const method of ["POST", "PATCH", "M-SEARCH", "get"]) assert.ok(!isIdempotent(method));
  });
});

suite("names of failures", () => {
  const CASES = [
    ["ECONNREFUSED", false, false, "connect"],
    ["ENOTFOUND", false, false, "connect"],
    ["UND_ERR_CONNECT_TIMEOUT", false, false, "connect-timeout"],
    ["UND_ERR_HEADERS_TIMEOUT", true, false, "first-byte-timeout"],
    ["UND_ERR_BODY_TIMEOUT", true, true, "idle-timeout"],
    ["ECONNRESET", true, false, "reset"],
    ["ECONNRESET", true, true, "truncated"],
    ["UND_ERR_SOCKET", true, false, "reset"],
    ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", true, true, "truncated"],
    ["HPE_INVALID_CONSTANT", true, false, "protocol"],
    ["UND_ERR_HEADERS_OVERFLOW", true, false, "protocol"],
    ["UND_ERR_ABORTED", true, false, "aborted"],
  ] as const;
  for (const [code, sent, headSeen, kind] of CASES) {
    test(`${code}, ${sent ? "sent" : "not sent"}, ${headSeen ? "head" : "no head"}: ${kind}`, () => {
      const error = Object.assign(new Error("why"), { code });
      assert.equal(classifyFailure(error, { sent, headSeen }).kind, kind);
    });
  }
});

suite("RFC 9110 s.9.2.1: which answers send a request to the next address", () => {
  const DOWN: AnsweredAttempt = {
    method: "GET",
    status: 503,
    streamsBody: false,
    originsLeft: 1,
    failoverOn: [502, 503],
  };
  const CASES: readonly (readonly [string, Partial<AnsweredAttempt>, boolean])[] = [
    ["a status that the site names", {}, true],
    ["another status", { status: 500 }, false],
    ["no status is named", { failoverOn: [] }, false],
    ["nobody left", { originsLeft: 0 }, false],
    ["HEAD", { method: "HEAD" }, true],
    ["not safe, if idempotent", { method: "PUT" }, false],
    ["its body is gone", { method: "GET", streamsBody: true }, false],
  ];
  for (const [title, others, expected] of CASES) {
    test(`${title}: ${expected ? "yes" : "no"}`, () => {
      assert.equal(mayFailOver({ ...DOWN, ...others }), expected);
    });
  }
});
