import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from "node:zlib";
import { type CompressOptions, compressSchema } from "../../../common/config/compress.ts";
import type { Encode } from "../../../edge/coding/encode.ts";
import { encodeInThreads } from "../../../edge/coding/encode.ts";
import { WAIT_BYTES_MAX, WAIT_MS_MAX } from "../../../edge/coding/encoded-forms.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { type FetchedResponse, fetchAt } from "../../support/http.ts";
import type { Scope } from "../../support/scope.ts";
import { startOrigin, startTestEdge, type TestEdge, type TestOrigin } from "../harness.ts";

const PAGE = "<p>All happy families are alike.</p>\n".repeat(200);
const DECODE = { zstd: zstdDecompressSync, br: brotliDecompressSync, gzip: gunzipSync } as const;

type Coding = keyof typeof DECODE;

/** An edge whose clock stands still: a hit waits for its encoded form, however slow the machine. */
interface World {
  readonly origin: TestOrigin;
  readonly edge: TestEdge;
  readonly clock: FakeClock;
  readonly get: (
    path: string,
    accept: string,
    others?: Record<string, string>,
  ) => Promise<FetchedResponse>;
}

interface WorldOptions {
  readonly compress?: CompressOptions;
  readonly encode?: Encode;
  readonly site?: Parameters<typeof startTestEdge>[1]["site"];
}

async function startWorld(
  scope: Scope,
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  { compress = compressSchema.parse({}), encode = encodeInThreads, site = {} }: WorldOptions = {},
): Promise<World> {
  const clock = new FakeClock();
  const origin = await startOrigin(scope, handler);
  const origins = [origin.url];
  const edge = await startTestEdge(scope, { origins, clock, encode, site: { ...site, compress } });
  return {
    origin,
    edge,
    clock,
    get: (path, accept, others = {}) =>
      edge.get(path, { headers: { "accept-encoding": accept, ...others } }),
  };
}

const HTML = { "cache-control": "max-age=60", "content-type": "text/html" };

function page(headers: Record<string, string> = {}, body: string | Buffer = PAGE) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { ...HTML, etag: '"v1"', ...headers });
    response.end(body);
  };
}

function assertEncoded(answer: FetchedResponse, coding: Coding, body = PAGE): void {
  assert.equal(answer.status, 200);
  assert.equal(answer.field("content-encoding"), coding);
  assert.equal(answer.field("content-length"), String(answer.body.length));
  assert.equal(answer.field("vary"), "Accept-Encoding");
  assert.ok(answer.body.length < body.length / 2);
  assert.equal(DECODE[coding](answer.body).toString(), body);
}

function assertPlain(answer: FetchedResponse, body: string | Buffer = PAGE): void {
  assert.equal(answer.status, 200);
  assert.equal(answer.field("content-encoding"), undefined);
  assert.ok(answer.body.equals(Buffer.from(body)));
}

suite("encodings made at the edge", () => {
  test("the first answer streams as it is, the next ones are encoded, each coding once", async (t) => {
    const { get, origin, edge } = await startWorld(t, page());
    const miss = await get("/a", "gzip, br, zstd");
    assertPlain(miss);
    assert.equal(miss.field("vary"), "Accept-Encoding");
    assert.equal(miss.field("etag"), '"v1"');
    assertEncoded(await get("/a", "gzip, br, zstd"), "zstd");
    for (let i = 0; i < 3; i += 1) {
      assertEncoded(await get("/a", "gzip;q=0.5, br;q=0.5, zstd"), "zstd");
      assertEncoded(await get("/a", "br;q=0.8, gzip;q=0.7"), "br");
      assertEncoded(await get("/a", "gzip"), "gzip");
      assertPlain(await get("/a", "identity"));
      assertPlain(await get("/a", "deflate"));
    }
    const hit = await get("/a", "br");
    assert.equal(hit.field("etag"), 'W/"v1~br"');
    assert.match(hit.field("cache-status") ?? "", /^test-1; hit; ttl=/);
    assert.equal(origin.seen.length, 1);
    for (const coding of ["zstd", "br", "gzip"]) {
      const jobs = await edge.metric(
        `meridian_edge_encode_jobs_total{coding="${coding}",result="encoded"`,
      );
      assert.equal(jobs, 1, coding);
    }
    assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 4);
  });

  test("HEAD says what GET would", async (t) => {
    const { get, edge } = await startWorld(t, page());
    await get("/a", "br");
    const body = await get("/a", "br");
    const head = await edge.get("/a", { method: "HEAD", headers: { "accept-encoding": "br" } });
    const own = (answer: FetchedResponse) =>
      ["content-encoding", "content-length", "etag", "vary"].map((name) => answer.field(name));
    assert.deepEqual(own(head), own(body));
    assert.equal(head.body.length, 0);
  });

  test("the bytes that clients are spared are counted", async (t) => {
    const { get, edge } = await startWorld(t, page());
    await get("/a", "br");
    const { body } = await get("/a", "br");
    await get("/a", "br");
    await get("/a", "br", { "if-none-match": 'W/"v1~br"' });
    const saved = await edge.metric('meridian_edge_encoded_saved_bytes_total{coding="br"');
    assert.equal(saved, 2 * (PAGE.length - body.length));
  });

  test("a thousand clients on a form that is not made yet: one job, and all get it", async (t) => {
    let jobs = 0;
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const slow: Encode = async (task) => {
      jobs += 1;
      await mayEnd;
      return encodeInThreads(task);
    };
    const { get } = await startWorld(t, page(), { encode: slow });
    await get("/a", "br");
    const before = Array.from({ length: 1_000 }, () => get("/a", "br"));
    await eventually("the job has begun", () => assert.equal(jobs, 1));
    end();
    for (const answer of await Promise.all(before)) assertEncoded(answer, "br");
    assert.equal(jobs, 1);
  });
});

suite("conditions and ranges", () => {
  test("RFC 9110 s.13.1.2: a client is told that the form it has is current, whichever it is", async (t) => {
    const { get, origin } = await startWorld(t, page());
    await get("/a", "br");
    await get("/a", "br");
    for (const tag of ['W/"v1~br"', 'W/"v1~gzip"', '"v1"', 'W/"v1"', '"v0", W/"v1~zstd"']) {
      const answer = await get("/a", "br", { "if-none-match": tag });
      assert.equal(answer.status, 304, tag);
      assert.ok(tag.includes(answer.field("etag") ?? "none"), `${tag}: ${answer.field("etag")}`);
      assert.equal(answer.field("vary"), "Accept-Encoding");
      assert.equal(answer.field("content-encoding"), undefined);
      assert.equal(answer.field("content-length"), undefined);
    }
    assertEncoded(await get("/a", "br", { "if-none-match": 'W/"v0~br", W/"v1"-br' }), "br");
    assert.equal((await get("/a", "br", { "if-none-match": "*" })).status, 304);
    assert.equal(origin.seen.length, 1);
  });

  test("RFC 9110 s.13.1.2: also on the way in, when it is fetched again", async (t) => {
    const { get, origin } = await startWorld(t, page());
    const answer = await get("/a", "gzip", { "if-none-match": 'W/"v1~br"' });
    assert.equal(answer.status, 304);
    assert.equal(answer.field("etag"), 'W/"v1~br"');
    assertEncoded(await get("/a", "gzip"), "gzip");
    assert.equal(origin.seen.length, 1);
  });

  test("RFC 9110 s.13.1.3: dates hold for every form", async (t) => {
    const modified = "Thu, 01 Jan 2026 00:00:00 GMT";
    const { get } = await startWorld(t, page({ "last-modified": modified }));
    await get("/a", "br");
    await get("/a", "br");
    const since = { "if-modified-since": modified };
    assert.equal((await get("/a", "br", since)).status, 304);
    const before = { "if-modified-since": "Wed, 31 Dec 2025 00:00:00 GMT" };
    assertEncoded(await get("/a", "br", before), "br");
  });

  test("RFC 9110 s.13.1.1, s.13.1.5, s.14.2: exact bytes are those of the form that is not encoded", async (t) => {
    const { get } = await startWorld(t, page());
    await get("/a", "br");
    await get("/a", "br");
    const range = { range: "bytes=10-19" };
    const part = await get("/a", "br", range);
    assert.equal(part.status, 206);
    assert.equal(part.field("etag"), '"v1"');
    assert.equal(part.field("content-range"), `bytes 10-19/${PAGE.length}`);
    assert.equal(part.body.toString(), PAGE.slice(10, 20));
    const current = await get("/a", "br", { ...range, "if-range": '"v1"' });
    assert.equal(current.status, 206);
    // Weak tags never match strongly: whoever has a piece of an encoded form gets the whole anew.
    for (const tag of ['W/"v1~br"', '"v1~br"', 'W/"v1"']) {
      assertPlain(await get("/a", "br", { ...range, "if-range": tag }));
    }
    assertPlain(await get("/a", "br", { "if-match": '"v1"' }));
    assertPlain(await get("/a", "br", { "if-match": "*" }));
    for (const tag of ['W/"v1~br"', '"v1~br"', '"v0"']) {
      assert.equal((await get("/a", "br", { "if-match": tag })).status, 412, tag);
    }
    const encoded = await get("/a", "br");
    assert.equal(encoded.field("accept-ranges"), undefined, "ranges of it are not offered");
  });

  test("a 304 from the origin keeps the encoded forms", async (t) => {
    const { get, origin, clock, edge } = await startWorld(t, (request, response) => {
      if (request.headers["if-none-match"] === '"v1"') {
        response.writeHead(304, { ...HTML, etag: '"v1"', "x-seen": "again" }).end();
      } else page()(request, response);
    });
    await get("/a", "br");
    const before = await get("/a", "br");
    clock.advance(61_000);
    const confirmed = await get("/a", "br");
    assertEncoded(confirmed, "br");
    assert.match(confirmed.field("cache-status") ?? "", /fwd=stale; fwd-status=304/);
    assert.ok(confirmed.body.equals(before.body));
    assert.equal((await get("/a", "br")).field("x-seen"), "again", "with the new fields");
    assert.equal(origin.seen.length, 2);
    const jobs = 'meridian_edge_encode_jobs_total{coding="br",result="encoded"';
    assert.equal(await edge.metric(jobs), 1);
  });

  test("another version at the origin: the old form is never served again", async (t) => {
    let version = 1;
    const { get, clock } = await startWorld(t, (request, response) =>
      page({ etag: `"v${version}"` }, PAGE.replaceAll("happy", `happy-${version}`))(
        request,
        response,
      ),
    );
    await get("/a", "br");
    await get("/a", "br");
    version = 2;
    clock.advance(61_000);
    const second = PAGE.replaceAll("happy", "happy-2");
    assertPlain(await get("/a", "br", { "if-none-match": 'W/"v1~br"' }), second);
    assertEncoded(await get("/a", "br"), "br", second);
    assert.equal((await get("/a", "br")).field("etag"), 'W/"v2~br"');
  });

  test("a purge removes every form", async (t) => {
    const { get, origin, edge } = await startWorld(t, page({ "surrogate-key": "pages" }));
    await get("/a", "br");
    for (const headers of [{}, { "surrogate-key": "pages" }] as const) {
      const asked = origin.seen.length;
      assertEncoded(await get("/a", "br"), "br");
      await edge.get("/a", { method: "PURGE", headers });
      assertPlain(await get("/a", "br"));
      assert.equal(origin.seen.length, asked + 1);
    }
  });
});

suite("what is not encoded", () => {
  const LEFT_ALONE: readonly (readonly [string, Record<string, string>])[] = [
    ["RFC 9111 s.5.2.2.6: no-transform", { "cache-control": "max-age=60, no-transform" }],
    ["another media type", { "content-type": "image/png" }],
    ["no media type", { "content-type": "" }],
  ];
  for (const [title, headers] of LEFT_ALONE) {
    test(`${title}: passes as it is, without a Vary`, async (t) => {
      const { get, edge } = await startWorld(t, page(headers));
      for (let i = 0; i < 3; i += 1) {
        const answer = await get("/a", "br, gzip");
        assertPlain(answer);
        assert.equal(answer.field("vary"), undefined);
        assert.equal(answer.field("etag"), '"v1"');
      }
      assert.equal(await edge.metric("meridian_edge_encode_jobs_total"), 0);
    });
  }

  test("small bodies, and those beyond the site's size", async (t) => {
    const compress = compressSchema.parse({ min: "2KiB", max: "4KiB" });
    const sizes = { "/small": 2_047, "/fits": 2_048, "/most": 4_096, "/large": 4_097 };
    const { get } = await startWorld(
      t,
      (request, response) => {
        const length = sizes[request.url as keyof typeof sizes];
        page({ "content-length": String(length) }, "x".repeat(length))(request, response);
      },
      { compress },
    );
    for (const [path, length] of Object.entries(sizes)) {
      await get(path, "br");
      const answer = await get(path, "br");
      const isEncoded = path === "/fits" || path === "/most";
      assert.equal(answer.field("content-encoding"), isEncoded ? "br" : undefined, path);
      assert.equal(answer.field("vary"), isEncoded ? "Accept-Encoding" : undefined, path);
      if (!isEncoded) assert.equal(answer.body.length, length);
    }
  });

  test("what the origin has encoded is neither encoded again nor mislabelled", async (t) => {
    const packed = gzipSync(PAGE);
    const { get, origin } = await startWorld(t, (request, response) => {
      const accepts = String(request.headers["accept-encoding"]).includes("gzip");
      const coded = { "content-encoding": "gzip", etag: '"z"' };
      page({ vary: "Accept-Encoding", ...(accepts ? coded : {}) }, accepts ? packed : PAGE)(
        request,
        response,
      );
    });
    for (let i = 0; i < 2; i += 1) {
      const answer = await get("/a", "gzip, br, zstd");
      assert.equal(answer.field("content-encoding"), "gzip");
      assert.equal(answer.field("etag"), '"z"');
      assert.ok(answer.body.equals(packed));
    }
    // Who takes no gzip: the origin's other form, of which the edge makes what the client takes.
    assertPlain(await get("/a", "br"));
    assertEncoded(await get("/a", "br"), "br");
    assert.equal((await get("/a", "gzip, br;q=0.5")).field("content-encoding"), "gzip");
    assert.equal((await get("/a", "gzip;q=0.5, br")).body.length, packed.length);
    assertPlain(await get("/a", "identity"));
    const asked = origin.requests.map(({ headers }) => headers["accept-encoding"]);
    assert.deepEqual(asked, ["zstd, br, gzip", "br"]);
  });

  test("what would not be shorter is tried once", async (t) => {
    let jobs = 0;
    const inVain: Encode = async () => {
      jobs += 1;
      return undefined;
    };
    const { get, edge } = await startWorld(t, page(), { encode: inVain });
    for (let i = 0; i < 5; i += 1) assertPlain(await get("/a", "br"));
    assert.equal(jobs, 1);
    const counted = 'meridian_edge_encode_jobs_total{coding="br",result="not_smaller"';
    assert.equal(await edge.metric(counted), 1);
  });

  test("what is not stored: private pages are never encoded here (BREACH)", async (t) => {
    const { get, edge } = await startWorld(t, page({ "cache-control": "private, max-age=60" }));
    for (let i = 0; i < 3; i += 1) {
      const answer = await get("/a", "br");
      assertPlain(answer);
      assert.equal(answer.field("vary"), undefined);
    }
    assert.equal(await edge.metric("meridian_edge_encode_jobs_total"), 0);
  });

  test("the paths of a rule with compress: false", async (t) => {
    const rules = [{ match: "/raw/*", cache: true, compress: false as const }];
    const { get } = await startWorld(t, page(), { site: { rules } });
    for (const [path, coding] of [
      ["/raw/a", undefined],
      ["/a", "gzip"],
    ] as const) {
      await get(path, "gzip");
      assert.equal((await get(path, "gzip")).field("content-encoding"), coding);
    }
  });

  test("a site that asks for nothing", async (t) => {
    const origin = await startOrigin(t, page());
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (let i = 0; i < 3; i += 1) {
      const answer = await edge.get("/a", { headers: { "accept-encoding": "br" } });
      assertPlain(answer);
      assert.equal(answer.field("vary"), undefined);
    }
  });
});

suite("an encoder that is slow or broken", () => {
  test("that fails: every request is answered, and it is not tried again", async (t) => {
    let jobs = 0;
    const broken: Encode = async () => {
      jobs += 1;
      throw new Error("no memory");
    };
    const { get, edge } = await startWorld(t, page(), { encode: broken });
    await get("/a", "br");
    for (const answer of await Promise.all(Array.from({ length: 20 }, () => get("/a", "br")))) {
      assertPlain(answer);
    }
    assert.equal(jobs, 1);
    assert.equal(
      await edge.metric('meridian_edge_encode_jobs_total{coding="br",result="failed"'),
      1,
    );
  });

  test("that takes long: who waits is answered in time, who comes later does not wait", async (t) => {
    let jobs = 0;
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const slow: Encode = async (task) => {
      jobs += 1;
      await mayEnd;
      return encodeInThreads(task);
    };
    const { get, clock } = await startWorld(t, page(), { encode: slow });
    await get("/a", "br");
    const waiting = get("/a", "br");
    await eventually("it waits", () => assert.equal(clock.pendingTimers >= 2 && jobs, 1));
    clock.advance(WAIT_MS_MAX);
    assertPlain(await waiting);
    assertPlain(await get("/a", "br"));
    end();
    await eventually("the form is there", async () => assertEncoded(await get("/a", "br"), "br"));
    assert.equal(jobs, 1);
  });

  test("that has others to see to first: nobody waits behind them", async (t) => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const slow: Encode = async (task) => {
      await mayEnd;
      return encodeInThreads(task);
    };
    const { get, clock } = await startWorld(t, page(), { encode: slow });
    for (const path of ["/1", "/2", "/3"]) await get(path, "br");
    const first = [get("/1", "br"), get("/2", "br")];
    const timers = clock.pendingTimers;
    await eventually("two wait", () => assert.ok(clock.pendingTimers >= timers + 4));
    assertPlain(await get("/3", "br"));
    end();
    for (const answer of await Promise.all(first)) assertEncoded(answer, "br");
  });

  test("large bodies are not waited for", async (t) => {
    const body = "It was the best of times, it was the worst of times. ".repeat(20_000);
    assert.ok(body.length > WAIT_BYTES_MAX);
    const { get } = await startWorld(t, page({}, body));
    await get("/a", "br");
    assertPlain(await get("/a", "br"), body);
    await eventually("the form is there", async () => {
      assertEncoded(await get("/a", "br"), "br", body);
    });
  });

  test("a client that leaves while it waits leaves nothing behind", async (t) => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const slow: Encode = async (task) => {
      begin();
      await mayEnd;
      return encodeInThreads(task);
    };
    const { get, edge } = await startWorld(t, page(), { encode: slow });
    await get("/a", "br");
    const leave = new AbortController();
    const left = edge.get("/a", { headers: { "accept-encoding": "br" }, signal: leave.signal });
    await begun;
    leave.abort();
    await assert.rejects(left);
    await eventually("the edge knows", async () => {
      assert.equal(await edge.metric("meridian_edge_connections"), 0);
    });
    end();
    await eventually("the form is there", async () => assertEncoded(await get("/a", "br"), "br"));
    const answered = 'meridian_edge_requests_total{site="shop",cache="hit"';
    assert.equal(await edge.metric(answered), 1);
  });
});

suite("explain", () => {
  test("tells the forms of what is stored, and why something has none", async (t) => {
    const { get, edge } = await startWorld(t, (request, response) =>
      page(request.url === "/png" ? { "content-type": "image/png" } : {})(request, response),
    );
    const explain = async (path: string, accept: string) => {
      const url = encodeURIComponent(`http://shop.example${path}`);
      const header = encodeURIComponent(`Accept-Encoding: ${accept}`);
      const query = `http://admin/explain?url=${url}&header=${header}`;
      const { body } = await fetchAt(query, { at: edge.admin });
      const { stored } = JSON.parse(body.toString()) as { stored: { encoding: unknown }[] };
      return stored[0]?.encoding;
    };
    for (const path of ["/a", "/png"]) await get(path, "br");
    assert.deepEqual(await explain("/a", "br"), { eligible: true, forms: {}, make: "br" });
    const { body } = await get("/a", "br");
    const forms = { br: body.length };
    assert.deepEqual(await explain("/a", "br"), { eligible: true, forms, serve: "br" });
    assert.deepEqual(await explain("/a", "identity"), { eligible: true, forms });
    assert.deepEqual(await explain("/png", "br"), { eligible: false, reason: "type" });
  });
});
