import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { exchangeRaw, parseResponseHead } from "../support/http.ts";
import { startOrigin, startRawOrigin, startTestEdge } from "./harness.ts";

const BODY = "0123456789";

suite("hits and misses", () => {
  test("a response with max-age is fetched once and then served with a true Age", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "content-type": "text/plain" });
      response.end(BODY);
    });
    const edge = await startTestEdge(t, { origins: [origin.url], clock });
    const miss = await edge.get("/a");
    clock.advance(7_000);
    const hit = await edge.get("/a");
    assert.deepEqual(origin.seen, ["GET /a"]);
    assert.equal(miss.field("cache-status"), "test-1; fwd=uri-miss; fwd-status=200; stored");
    assert.equal(miss.field("age"), undefined);
    assert.equal(hit.field("cache-status"), "test-1; hit; ttl=53");
    assert.equal(hit.field("age"), "7");
    assert.equal(hit.field("content-length"), "10");
    assert.equal(hit.field("via"), "1.1 test-1");
    assert.equal(hit.body.toString(), BODY);
  });

  test("bytes and Content-Encoding of a body go through unchanged", async (t) => {
    const zipped = gzipSync("x".repeat(50_000));
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "content-encoding": "gzip" });
      response.end(zipped);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const answer of [await edge.get("/z"), await edge.get("/z")]) {
      assert.deepEqual(answer.body, zipped);
      assert.equal(answer.field("content-encoding"), "gzip");
    }
    assert.equal(origin.seen.length, 1);
  });

  test("a chunked body is stored whole; trailers are dropped", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", trailer: "x-sum" });
      response.write("hello ");
      response.write("world");
      response.addTrailers({ "x-sum": "1" });
      response.end();
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const miss = await edge.get("/c");
    const hit = await edge.get("/c");
    assert.equal(miss.body.toString(), "hello world");
    assert.equal(miss.field("transfer-encoding"), "chunked");
    assert.equal(hit.body.toString(), "hello world");
    assert.equal(hit.field("content-length"), "11");
    assert.equal(hit.field("trailer"), undefined);
    assert.match(hit.field("cache-status") ?? "", /hit/);
  });

  test("RFC 9110 s.9.3.2: HEAD is answered from a stored GET, without a body", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" });
      response.end(BODY);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/h");
    const head = await edge.get("/h", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.field("content-length"), "10");
    assert.equal(head.body.length, 0);
    assert.deepEqual(origin.seen, ["GET /h"]);
  });

  test("RFC 9111 s.5.2.1.7: only-if-cached without anything stored is 504", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end());
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answer = await edge.get("/o", { headers: { "cache-control": "only-if-cached" } });
    assert.equal(answer.status, 504);
    assert.match(answer.body.toString(), /reason: only-if-cached/);
    assert.deepEqual(origin.seen, []);
  });

  test("a rule's cache: false bypasses, a rule's ttl replaces the origin's", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=1" });
      response.end(BODY);
    });
    const rules = [
      { match: "/private/*", cache: false },
      { match: "/long/*", cache: true, ttl: 60_000 },
    ];
    const clock = new FakeClock();
    const edge = await startTestEdge(t, { origins: [origin.url], site: { rules }, clock });
    await edge.get("/private/a");
    const again = await edge.get("/private/a");
    assert.equal(again.field("cache-status"), "test-1; fwd=bypass; fwd-status=200");
    await edge.get("/long/a");
    clock.advance(30_000);
    assert.match((await edge.get("/long/a")).field("cache-status") ?? "", /hit; ttl=30/);
    assert.deepEqual(origin.seen, ["GET /private/a", "GET /private/a", "GET /long/a"]);
  });
});

suite("RFC 9213: targeted cache control", () => {
  for (const [targeted, general, requests] of [
    ["max-age=60", "no-store", 1],
    ["no-store", "max-age=60", 2],
    ["max-age=oops;;", "max-age=60", 1],
  ] as const) {
    test(`CDN-Cache-Control: ${targeted} beside ${general}: ${requests} requests`, async (t) => {
      const origin = await startOrigin(t, (_request, response) => {
        response.writeHead(200, { "cache-control": general, "cdn-cache-control": targeted });
        response.end(BODY);
      });
      const edge = await startTestEdge(t, { origins: [origin.url] });
      await edge.get("/t");
      const second = await edge.get("/t");
      assert.equal(origin.seen.length, requests);
      // Another CDN may stand in front: it is passed on, and Cache-Control is left as it is.
      assert.equal(second.field("cdn-cache-control"), targeted);
      assert.equal(second.field("cache-control"), general);
    });
  }
});

suite("Vary, cookies, Authorization", () => {
  test("RFC 9111 s.4.1: each variant is stored apart, and equal requests share one", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", vary: "Accept-Language" });
      response.end(request.headers["accept-language"]);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const ask = (language: string) => edge.get("/v", { headers: { "accept-language": language } });
    assert.equal((await ask("de")).body.toString(), "de");
    assert.equal((await ask("fr")).body.toString(), "fr");
    assert.equal((await ask("de")).body.toString(), "de");
    assert.match((await ask("fr")).field("cache-status") ?? "", /hit/);
    assert.equal(origin.seen.length, 2);
  });

  for (const [profile, requests] of [
    ["safe", 2],
    ["rfc", 1],
  ] as const) {
    test(`Set-Cookie in profile ${profile}: ${requests} requests to the origin`, async (t) => {
      const origin = await startOrigin(t, (_request, response) => {
        response.writeHead(200, { "cache-control": "max-age=60", "set-cookie": "id=1" });
        response.end(BODY);
      });
      const edge = await startTestEdge(t, { origins: [origin.url], profile });
      await edge.get("/s");
      const second = await edge.get("/s");
      assert.equal(origin.seen.length, requests);
      assert.equal(second.field("set-cookie"), "id=1");
    });
  }

  test("RFC 9111 s.3.5: an answer to Authorization is not shared unless it says so", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" });
      response.end(request.headers.authorization ?? "nobody");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const bob = await edge.get("/me", { headers: { authorization: "Basic Ym9i" } });
    const nobody = await edge.get("/me");
    assert.equal(bob.body.toString(), "Basic Ym9i");
    assert.equal(nobody.body.toString(), "nobody");
  });
});

suite("conditions and ranges", () => {
  test("RFC 9110 s.13: a stored response answers If-None-Match with 304", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", etag: '"v1"' });
      response.end(BODY);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    // On a miss the condition is not sent on: the whole response is wanted for the store.
    const miss = await edge.get("/e", { headers: { "if-none-match": '"v1"' } });
    const hit = await edge.get("/e", { headers: { "if-none-match": '"v1"' } });
    const other = await edge.get("/e", { headers: { "if-none-match": '"v0"' } });
    for (const answer of [miss, hit]) {
      assert.equal(answer.status, 304);
      assert.equal(answer.field("etag"), '"v1"');
      assert.equal(answer.field("content-length"), undefined);
    }
    assert.equal(other.body.toString(), BODY);
    assert.equal(origin.requests[0]?.headers["if-none-match"], undefined);
    assert.equal(origin.seen.length, 1);
  });

  const RANGES = [
    { range: "bytes=2-5", status: 206, body: "2345", field: "bytes 2-5/10" },
    { range: "bytes=7-", status: 206, body: "789", field: "bytes 7-9/10" },
    { range: "bytes=-2", status: 206, body: "89", field: "bytes 8-9/10" },
    { range: "bytes=0-99", status: 206, body: BODY, field: "bytes 0-9/10" },
    { range: "bytes=10-", status: 416, body: "", field: "bytes */10" },
    { range: "lines=1-2", status: 200, body: BODY, field: undefined },
  ];
  test("RFC 9110 s.14: single ranges are cut out of a stored response", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" });
      response.end(BODY);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/r");
    for (const { range, status, body, field } of RANGES) {
      const answer = await edge.get("/r", { headers: { range } });
      assert.equal(answer.status, status, range);
      assert.equal(answer.body.toString(), body, range);
      assert.equal(answer.field("content-range"), field, range);
    }
    assert.equal(origin.seen.length, 1);
  });

  test("a range near the start is cut out of a fill of the whole", async (t) => {
    const whole = Buffer.alloc(300_000, "abcdefghij");
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "content-length": whole.length });
      response.end(whole);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const part = await edge.get("/r", { headers: { range: "bytes=100000-200004" } });
    assert.equal(part.status, 206);
    assert.equal(part.field("content-range"), "bytes 100000-200004/300000");
    assert.deepEqual(part.body, whole.subarray(100_000, 200_005));
    const full = await eventually("the fill is stored", async () => {
      const answer = await edge.get("/r");
      assert.match(answer.field("cache-status") ?? "", /hit/);
      return answer;
    });
    assert.deepEqual(full.body, whole);
    assert.equal(origin.requests[0]?.headers.range, "bytes=0-1048575");
    assert.equal(origin.seen.length, 1);
  });

  test("a range far into what has no strong validator is served and not stored", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      const [, from, to] = /(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
      const length = Number(to) - Number(from) + 1;
      response.writeHead(206, {
        "cache-control": "max-age=60",
        "content-range": `bytes ${from}-${to}/9000000`,
        "content-length": length,
        etag: 'W/"v1"',
      });
      response.end(Buffer.alloc(length, "0123456789").fill("wxyz", 5_000_000 - Number(from)));
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const reason of ["uri-miss", "partial", "partial"]) {
      const part = await edge.get("/r", { headers: { range: "bytes=5000000-5000003" } });
      assert.equal(part.status, 206);
      assert.equal(part.field("content-range"), "bytes 5000000-5000003/9000000");
      assert.equal(part.body.toString(), "wxyz");
      assert.equal(part.field("cache-status"), `test-1; fwd=${reason}; fwd-status=206`);
    }
    const asked = origin.requests.map(({ headers }) => headers.range);
    const asItIs = "bytes=5000000-5000003";
    assert.deepEqual(asked, ["bytes=4194304-5242879", asItIs, asItIs]);
    assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 0);
  });
});

suite("unsafe methods", () => {
  test("RFC 9111 s.4.4: a successful POST goes through and invalidates", async (t) => {
    let version = 1;
    const origin = await startOrigin(t, (request, response) => {
      if (request.method === "POST") {
        request.setEncoding("utf8");
        request.on("data", (text: string) => {
          version = Number(text);
        });
        request.on("end", () => response.writeHead(204, { location: "/list" }).end());
        return;
      }
      response.writeHead(200, { "cache-control": "max-age=60" });
      response.end(`v${version}`);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/item");
    await edge.get("/list");
    const posted = await edge.get("/item", { method: "POST", body: "2" });
    assert.equal(posted.status, 204);
    assert.equal(posted.field("cache-status"), "test-1; fwd=method; fwd-status=204");
    assert.equal((await edge.get("/item")).body.toString(), "v2");
    assert.equal((await edge.get("/list")).body.toString(), "v2");
  });

  test("a POST that fails invalidates nothing", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      response.writeHead(request.method === "POST" ? 403 : 200, { "cache-control": "max-age=60" });
      response.end();
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/item");
    await edge.get("/item", { method: "POST", body: "x" });
    assert.match((await edge.get("/item")).field("cache-status") ?? "", /hit/);
  });
});

suite("field hygiene", () => {
  test("RFC 9110 s.7.6.1: hop-by-hop fields stop here, both ways and in the store", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, {
        "cache-control": "max-age=60",
        connection: "x-private, keep-alive",
        "x-private": "1",
        "keep-alive": "timeout=3",
        "proxy-authenticate": "Basic",
        "surrogate-key": "a b",
        "x-public": "2",
      });
      response.end(BODY);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const headers = {
      connection: "x-hop",
      "x-hop": "1",
      te: "trailers",
      "proxy-authorization": "Basic eA==",
      "x-end": "2",
    };
    for (const answer of [await edge.get("/f", { headers }), await edge.get("/f", { headers })]) {
      for (const name of ["x-private", "proxy-authenticate", "surrogate-key"]) {
        assert.equal(answer.field(name), undefined, name);
      }
      assert.equal(answer.field("x-public"), "2");
    }
    const seen = origin.requests[0]?.headers ?? {};
    for (const name of ["x-hop", "te", "proxy-authorization"]) assert.equal(seen[name], undefined);
    assert.equal(seen["x-end"], "2");
    assert.equal(seen.host, "shop.example");
    assert.equal(seen["x-forwarded-for"], "127.0.0.1");
    assert.equal(seen["cdn-loop"], "test-1");
  });

  test("RFC 8586: a request that has been here before is 508", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end());
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answer = await edge.get("/l", { headers: { "cdn-loop": "other, test-1" } });
    assert.equal(answer.status, 508);
    assert.deepEqual(origin.seen, []);
  });

  test("RFC 9110 s.15.2: 1xx go to the client that leads, and are never stored", async (t) => {
    const origin = await startRawOrigin(t, (socket) => {
      socket.once("data", () => {
        socket.write(
          "HTTP/1.1 103 Early Hints\r\nlink: </s.css>; rel=preload\r\nx-early: 1\r\n\r\n",
        );
        socket.write("HTTP/1.1 102 Processing\r\n\r\n");
        socket.write("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const ask = "GET /i HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n";
    const miss = (await exchangeRaw(edge.at, ask)).toString();
    assert.match(
      miss,
      /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/s\.css>; rel=preload\r\nx-early: 1\r\n/,
    );
    assert.match(miss, /\r\n\r\nHTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    const hit = parseResponseHead(await exchangeRaw(edge.at, ask));
    assert.equal(hit.status, 200);
    assert.equal(
      hit.fields.some(([name]) => name === "link" || name === "x-early"),
      false,
    );
  });
});
