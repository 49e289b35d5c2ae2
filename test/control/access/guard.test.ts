import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Caller, whyRefused } from "../../../control/access/guard.ts";

const POST: Caller = {
  method: "POST",
  host: "127.0.0.1:9090",
  origin: undefined,
  fetchSite: undefined,
};

describe("who may call the API", () => {
  const allowed: readonly [string, Partial<Caller>][] = [
    ["the command line", {}],
    ["our own page", { origin: "http://127.0.0.1:9090", fetchSite: "same-origin" }],
    ["localhost", { host: "localhost:9090", origin: "http://localhost:9090" }],
    ["an IPv6 address", { host: "[::1]:9090", origin: "http://[::1]:9090" }],
    ["another container, by its one-label name", { host: "control:9090" }],
    ["a link that somebody follows to the page", { method: "GET", fetchSite: "cross-site" }],
  ];
  for (const [who, caller] of allowed) {
    it(`lets in ${who}`, () => assert.equal(whyRefused({ ...POST, ...caller }), undefined));
  }

  const refused: readonly [string, Partial<Caller>, RegExp][] = [
    ["a name that points at us (DNS rebinding)", { host: "evil.example:9090" }, /evil\.example/],
    ["the same, when only reading", { method: "GET", host: "evil.example" }, /evil\.example/],
    ["another site's page", { origin: "http://evil.example" }, /evil\.example/],
    ["another port's page", { origin: "http://127.0.0.1:8000" }, /127\.0\.0\.1:8000/],
    ["a page without an origin", { origin: "null" }, /null/],
    ["a form of another site", { fetchSite: "cross-site" }, /another site/],
    ["a form of a sibling domain", { fetchSite: "same-site" }, /another site/],
    ["no Host", { host: undefined }, /Host/],
    ["a Host that is none", { host: "a/b" }, /Host/],
    ["a Host with somebody's name", { host: "a@127.0.0.1" }, /Host/],
  ];
  for (const [who, caller, reason] of refused) {
    it(`refuses ${who}`, () => assert.match(whyRefused({ ...POST, ...caller }) ?? "", reason));
  }
});
