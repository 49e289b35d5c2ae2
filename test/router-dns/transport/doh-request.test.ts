import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DohHead, judgeDoh } from "../../../router-dns/transport/doh-request.ts";

const PATH = "/dns-query";
/** The example of RFC 8484 section 4.1.1: `www.example.com` A. */
const EXAMPLE = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";

function judge(head: Partial<DohHead>): string {
  const verdict = judgeDoh({ method: "GET", target: PATH, contentType: undefined, ...head }, PATH);
  if (verdict.kind === "refused") return String(verdict.status);
  return verdict.kind === "message" ? `message of ${verdict.message.length}` : verdict.kind;
}

describe("RFC 8484 s.4.1: requests", () => {
  const type = "application/dns-message";
  const cases: readonly (readonly [what: string, head: Partial<DohHead>, verdict: string])[] = [
    ["the example of the RFC", { target: `${PATH}?dns=${EXAMPLE}` }, "message of 33"],
    ["HEAD is as GET", { method: "HEAD", target: `${PATH}?dns=${EXAMPLE}` }, "message of 33"],
    ["other parameters beside it", { target: `${PATH}?a=b&dns=${EXAMPLE}` }, "message of 33"],
    ["GET without a message", { target: PATH }, "400"],
    ["GET with an empty one", { target: `${PATH}?dns=` }, "400"],
    ["GET with two of them", { target: `${PATH}?dns=${EXAMPLE}&dns=${EXAMPLE}` }, "400"],
    ["padding", { target: `${PATH}?dns=AAAA=` }, "400"],
    ["base64 that is not base64url", { target: `${PATH}?dns=AA+A` }, "400"],
    ["a character too many", { target: `${PATH}?dns=AAAAA` }, "400"],
    ["more than a message can be", { target: `${PATH}?dns=${"A".repeat(87_384)}` }, "414"],
    ["POST", { method: "POST", contentType: type }, "read-body"],
    ["POST with a parameter", { method: "POST", contentType: `${type}; x=y` }, "read-body"],
    ["POST in capitals", { method: "POST", contentType: type.toUpperCase() }, "read-body"],
    ["POST of another type", { method: "POST", contentType: "application/dns-json" }, "415"],
    ["POST of no type", { method: "POST" }, "415"],
    ["another method", { method: "PUT", contentType: type }, "405"],
    ["another path", { target: `/?dns=${EXAMPLE}` }, "404"],
    ["a path below it", { target: `${PATH}/x?dns=${EXAMPLE}` }, "404"],
  ];
  for (const [what, head, verdict] of cases) {
    it(`${what}: ${verdict}`, () => assert.equal(judge(head), verdict));
  }
});
