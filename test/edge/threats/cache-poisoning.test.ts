import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { exchangeRaw, parseResponseHead } from "../../support/http.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

/** An origin that shows what it was asked, and lets everybody store it. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("cache-control", "max-age=60");
  if (request.url?.startsWith("/vary") === true) response.setHeader("vary", "origin");
  request.setEncoding("latin1");
  let body = "";
  request.on("data", (text: string) => {
    body += text;
  });
  const { url, headers } = request;
  request.on("end", () => response.end(JSON.stringify({ url, headers, body })));
}

interface Echo {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function parsed(body: Buffer): Echo {
  return JSON.parse(body.toString()) as Echo;
}

/** Lines of a request without its end. */
function get(target: string, host: string, ...more: readonly string[]): string {
  const lines = [`GET ${target} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...more];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

suite("threat: what one client sends is served to others", () => {
  test("the answer to a GET with a body is not stored", async (t) => {
    const origin = await startOrigin(t, echo);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const fat of [
      `${get("/fat", "shop.example", "Content-Length: 4")}evil`,
      `${get("/fat", "shop.example", "Transfer-Encoding: chunked")}4\r\nevil\r\n0\r\n\r\n`,
    ]) {
      const bytes = await exchangeRaw(edge.at, fat);
      assert.match(bytes.toString(), /"body":"evil"/);
    }
    const next = await edge.get("/fat");
    assert.equal(next.field("cache-status"), "test-1; fwd=uri-miss; fwd-status=200; stored");
    assert.equal(parsed(next.body).body, "");
  });

  test("no field makes the origin believe that another address was asked for", async (t) => {
    const origin = await startOrigin(t, echo);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answer = await edge.get("/", {
      headers: {
        "X-Forwarded-Host": "evil.example",
        X_Forwarded_Host: "evil.example",
        "X-Forwarded-Port": "6666",
        "X-Forwarded-Proto": "evil",
        X_Forwarded_Proto: "evil",
        "X-Forwarded-Prefix": "/evil",
        "X-Original-URL": "/evil",
        "X-Rewrite-Url": "/evil",
        "X-HTTP-Method-Override": "evil",
        Content_Length: "666",
        Forwarded: 'for=192.0.2.9;Host=evil.example;proto="evil;x"',
        "X-Kept": "yes",
      },
    });
    const { headers } = parsed(answer.body);
    assert.doesNotMatch(JSON.stringify(headers), /evil|666/);
    assert.equal(headers.host, "shop.example");
    assert.equal(headers["x-forwarded-proto"], "http");
    assert.match(
      headers.forwarded ?? "",
      /^for=192\.0\.2\.9, for=127\.0\.0\.1;host=shop\.example;/,
    );
    assert.equal(headers["x-kept"], "yes");
  });

  test("a POST may say which method it stands for: its answer is nobody else's", async (t) => {
    const origin = await startOrigin(t, echo);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const headers = { "x-http-method-override": "PATCH" };
    const answer = await edge.get("/", { method: "POST", headers, body: "x" });
    assert.equal(parsed(answer.body).headers["x-http-method-override"], "PATCH");
  });

  test("spellings that share a key are one request to the origin", async (t) => {
    const origin = await startOrigin(t, echo);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const first = await exchangeRaw(edge.at, get("/%70age?%7ea=%c3", "SHOP.Example.:80"));
    const { headers, url } = parsed(parseResponseHead(first).rest);
    assert.equal(headers.host, "shop.example");
    assert.equal(url, "/page?~a=%C3");
    assert.match((await edge.get("/page?~a=%C3")).field("cache-status") ?? "", /; hit;/);
  });

  test("RFC 9110 s.7.6.1: a field that Connection lists chooses no variant", async (t) => {
    const origin = await startOrigin(t, echo);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const fields = ["Origin: https://victim.example", "Connection: origin"];
    await exchangeRaw(edge.at, get("/vary", "shop.example", ...fields));
    const victim = await edge.get("/vary", { headers: { Origin: "https://victim.example" } });
    assert.equal(parsed(victim.body).headers.origin, "https://victim.example");
  });
});
