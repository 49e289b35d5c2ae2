import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Answer } from "../../origin/answer.ts";
import { preferredLanguage } from "../../origin/freshness-routes.ts";
import { answerAsk, ROUTES, routeFor } from "../../origin/routes.ts";
import { anAsk } from "./an-ask.ts";

function ask(target: string, facts: Parameters<typeof anAsk>[0] = {}): Answer {
  const [path = "", query = ""] = target.split("?", 2);
  return answerAsk(routeFor(path), anAsk({ path, query, ...facts }));
}

function textOf(answer: Answer): string {
  assert.equal(answer.body.kind, "text");
  return answer.body.kind === "text" ? answer.body.text : "";
}

const CACHE_CONTROL = [
  ["/fresh", "max-age=60"],
  ["/fresh?s=2", "max-age=2"],
  ["/s-maxage?s=30", "max-age=0, s-maxage=30"],
  ["/no-store", "no-store"],
  ["/private", "private, max-age=60"],
  ["/set-cookie", "max-age=60"],
  ["/vary", "max-age=60"],
  ["/swr?s=1&stale=9", "max-age=1, stale-while-revalidate=9"],
  ["/tagged", "max-age=300, stale-while-revalidate=60, stale-if-error=3600"],
  ["/sie?s=1&stale=9", "max-age=1, stale-if-error=9"],
  ["/etag", "max-age=0"],
  ["/etag?s=5", "max-age=5"],
  ["/time", "max-age=5"],
  ["/counter", "max-age=60"],
  ["/big.bin", "max-age=86400"],
  ["/6Y7B23V", "max-age=0, s-maxage=5"],
  ["/slow?ms=1&s=7", "max-age=7"],
  ["/echo", "no-store"],
] as const;

for (const [target, expected] of CACHE_CONTROL) {
  test(`${target} answers 200 with Cache-Control: ${expected}`, () => {
    const answer = ask(target);
    assert.equal(answer.status, 200);
    assert.equal(answer.fields["cache-control"], expected);
  });
}

test("every example of the index page has a route, and the page links them all", () => {
  const answer = ask("/");
  assert.equal(answer.body.kind, "bytes");
  const page = answer.body.kind === "bytes" ? Buffer.from(answer.body.bytes).toString() : "";
  for (const { path, examples } of ROUTES) {
    assert.ok(examples.length > 0, path);
    for (const example of examples) {
      assert.equal(example.split("?")[0], path);
      assert.ok(page.includes(`href="${example.replaceAll("&", "&amp;")}"`), example);
    }
  }
});

test("a parameter out of its limits is 400 and says which limits", () => {
  for (const target of ["/fresh?s=-1", "/fresh?s=soon", "/fresh?s=", "/fresh?s=1.5"]) {
    const answer = ask(target);
    assert.equal(answer.status, 400, target);
    assert.match(textOf(answer), /s must be a whole number from 0 to 31536000/);
  }
  assert.match(textOf(ask("/slow?ms=60001&n=0")), /ms must be .*; n must be /);
  assert.equal(ask("/fail?status=200").status, 400);
  assert.equal(ask("/redirect?status=304").status, 400);
});

test("a method that a route does not have is 405 with Allow", () => {
  const answer = ask("/fresh", { method: "DELETE" });
  assert.equal(answer.status, 405);
  assert.equal(answer.fields["allow"], "GET, HEAD");
  assert.equal(ask("/counter", { method: "POST" }).status, 200);
});

test("an unknown path is 404 and must not be kept", () => {
  const answer = ask("/nowhere");
  assert.equal(answer.status, 404);
  assert.equal(answer.fields["cache-control"], "no-store");
});

test("/expires gives a date s seconds after now", () => {
  const answer = ask("/expires?s=60", { now: Date.UTC(2026, 0, 1) });
  assert.equal(answer.fields["expires"], "Thu, 01 Jan 2026 00:01:00 GMT");
});

test("/counter shows how many writes there were", () => {
  assert.match(textOf(ask("/counter", { writes: 7 })), /stands at 7/);
});

test("/flaky works every other time, /sie once in five", () => {
  const statuses = (path: string) =>
    Array.from({ length: 6 }, (_, i) => ask(path, { turn: i + 1 }).status);
  assert.deepEqual(statuses("/flaky"), [200, 503, 200, 503, 200, 503]);
  assert.deepEqual(statuses("/sie"), [200, 503, 503, 503, 503, 200]);
});

test("/redirect has the status that was asked for and a Location", () => {
  const answer = ask("/redirect?status=301");
  assert.equal(answer.status, 301);
  assert.equal(answer.fields["location"], "/fresh?s=60");
});

test("/echo shows the request as it came", () => {
  const text = textOf(ask("/echo?a=1", { method: "PUT", fields: { via: "1.1 edge" } }));
  assert.match(text, /^PUT \/echo\?a=1\nvia: 1\.1 edge\n/);
});

const LANGUAGES = [
  ["", "en"],
  ["de", "de"],
  ["de-CH, en;q=0.5", "de"],
  ["en;q=0.5, ja", "ja"],
  ["xx, fr;q=0.1", "fr"],
  ["pt;q=0", "en"],
  ["constructor", "en"],
] as const;

for (const [value, expected] of LANGUAGES) {
  test(`RFC 9110 s.12.5.4: Accept-Language "${value}" chooses ${expected}`, () => {
    assert.equal(preferredLanguage(value), expected);
  });
}

const CODINGS = [
  ["gzip", true],
  ["br, gzip;q=0.5", true],
  ["*", true],
  ["gzip;q=0", false],
  ["gzip; q=0.0, br", false],
  ["br", false],
  ["", false],
] as const;

for (const [value, compressed] of CODINGS) {
  const outcome = compressed ? "gzip" : "as it is";
  test(`RFC 9110 s.12.5.3: Accept-Encoding "${value}" gives ${outcome}`, () => {
    const answer = ask("/vary?on=encoding", { fields: { "accept-encoding": value } });
    assert.equal(answer.fields["content-encoding"], compressed ? "gzip" : undefined);
    assert.equal(answer.fields["vary"], "Accept-Encoding");
    if (answer.body.kind === "bytes") {
      assert.match(gunzipSync(answer.body.bytes).toString(), /^Compressed for those/);
    }
  });
}

test("/slow is as long as was asked for, however odd the numbers", () => {
  for (const [n, bytes] of [
    [1, 1],
    [4, 3],
    [7, 1000],
    [200, 65_536],
  ]) {
    const answer = ask(`/slow?n=${n}&bytes=${bytes}&over=990`);
    assert.equal(answer.body.kind, "paced");
    if (answer.body.kind !== "paced") return;
    const text = answer.body.pieces.join("");
    assert.equal(text.indexOf("made by origin request"), bytes);
    assert.equal(answer.body.pieces.length, n);
  }
});

test("/last-modified answers 304 to its own date, and another version has another date", () => {
  const first = ask("/last-modified?v=1");
  const since = first.fields["last-modified"] ?? "";
  assert.equal(ask("/last-modified?v=1", { fields: { "if-modified-since": since } }).status, 304);
  assert.equal(ask("/last-modified?v=2", { fields: { "if-modified-since": since } }).status, 200);
});

test("/ranges is 100 lines of 10 bytes, whole and in parts", () => {
  const whole = textOf(ask("/ranges"));
  assert.equal(whole.length, 1000);
  const part = ask("/ranges", { fields: { range: "bytes=500-509" } });
  assert.equal(part.status, 206);
  assert.equal(textOf(part), "line 0050\n");
  assert.equal(textOf(part), whole.slice(500, 510));
});
