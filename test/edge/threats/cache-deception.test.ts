import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { siteSchema } from "../../../common/config/site.ts";
import { ruleFor } from "../../../edge/key/rule.ts";

const SITE = siteSchema.parse({
  name: "shop",
  origin: { urls: ["http://127.0.0.1:9000"] },
  rules: [
    { match: "/static/*", ttl: "1d" },
    { match: "/*.css", ttl: "1d" },
    { match: "/account/*", cache: false },
    { match: "/live/*", ttl: "2s" },
  ],
});
const [STATIC, , ACCOUNT, LIVE] = SITE.rules;

function ruleOf(target: string) {
  return ruleFor(SITE, { method: "GET", host: "shop.example", target, fields: [] });
}

suite("threat: a private page under the rule of something public", () => {
  for (const path of [
    "/%61ccount/me",
    "//account/me",
    "/./account/me",
    "/x/../account/me",
    "/static/..%2faccount/me",
    "/static/..%5Caccount/me",
    "/static/%2e%2e/account/me",
    "/static\\..\\..\\account\\me",
    "/account;v=1/me",
    "/account/me;x.css",
    "/account%2fme;x.css",
    "/account%252fme%253fx.css",
    "/account%2f%00x.css",
  ]) {
    test(`${path} is not stored, as the origin may take it for /account/me`, () => {
      assert.equal(ruleOf(path), ACCOUNT);
    });
  }

  for (const path of ["/static/..%2fcart", "/cart;x.css", "/static/../live/x"]) {
    test(`${path} gets no lifetime from a rule`, () => {
      assert.equal(ruleOf(path), undefined);
    });
  }

  for (const [path, rule] of [
    ["/static/a%20b.png", STATIC],
    ["/static//a", STATIC],
    ["/static/a;v=1", STATIC],
    ["/static/x/../a?b=/../account/me", STATIC],
    ["/live/", LIVE],
    ["/live/%c3%bc/", LIVE],
  ] as const) {
    test(`${path} stays what it is either way`, () => {
      assert.equal(ruleOf(path), rule);
    });
  }
});
