import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SocketAddress } from "../../../common/address.ts";
import { fuzzCount, fuzzSeed, Seeded } from "../../fuzz/seeded.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { fetchAt } from "../../support/http.ts";
import type { Scope } from "../../support/scope.ts";
import { startOrigin, startTestEdge, type TestEdge } from "../harness.ts";

/** An answer that leaves its connection open is over when nothing has come for so long. */
const SILENCE_MS = 400;

const LAST = "GET /small HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

const STORED = ["/small", "/empty", "/medium", "/large", "/tagged", "/not-found", "/vary"] as const;

/** The same content at the origins of both edges. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split("?")[0] ?? "";
  const fresh = { "cache-control": "max-age=600", date: "Thu, 01 Jan 2026 00:00:00 GMT" };
  const modified = { "last-modified": "Wed, 31 Dec 2025 00:00:00 GMT" };
  const send = (status: number, fields: Record<string, string>, bytes: number) => {
    response.writeHead(status, { "content-length": bytes, ...fields });
    response.end(Buffer.alloc(bytes, "0123456789"));
  };
  switch (path) {
    case "/small":
      return send(200, { ...fresh, ...modified, etag: '"s"', "x-a": "1" }, 1_024);
    case "/empty":
      return send(200, { ...fresh, "x-empty": "yes" }, 0);
    case "/medium":
      return send(200, { ...fresh, etag: 'W/"m"' }, 20_000);
    case "/large":
      return send(200, { ...fresh, ...modified, etag: '"l"' }, 300_000);
    case "/tagged":
      return send(200, { ...fresh, etag: '"t"', "surrogate-key": "a b", age: "5" }, 10);
    case "/not-found":
      return send(404, { ...fresh }, 20);
    case "/vary":
      return send(200, { ...fresh, vary: "Accept-Language" }, 30);
    default:
      return send(200, { ...fresh, "cache-control": "no-store" }, 40);
  }
}

/** Other ways to ask for the first of them. */
const OTHERWISE = ["/small?a=b", "/%73mall"] as const;

interface Lanes {
  readonly fast: TestEdge;
  readonly slow: TestEdge;
}

async function startLanes(scope: Scope): Promise<Lanes> {
  const clock = new FakeClock();
  const start = async (fastLane: boolean): Promise<TestEdge> => {
    const origin = await startOrigin(scope, answer);
    const edge = await startTestEdge(scope, { origins: [origin.url], fastLane, clock });
    // All that can be stored is: otherwise one request would find what another has just brought.
    for (const path of [...STORED, ...OTHERWISE]) await edge.get(path);
    return edge;
  };
  const lanes = { fast: await start(true), slow: await start(false) };
  clock.advance(7_000);
  return lanes;
}

/** Sends pieces one after the other and gives what comes until the end, or until silence. */
function exchange(at: SocketAddress, pieces: readonly string[], ends: boolean): Promise<string> {
  return new Promise((resolve) => {
    let seen = "";
    const socket = connect({ host: at.host, port: at.port, noDelay: true });
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on("data", (chunk) => {
      seen += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.once("close", () => resolve(seen));
    void (async () => {
      for (const piece of pieces) {
        socket.write(piece, "latin1");
        await nextTurn();
      }
      if (ends) socket.end();
    })();
  });
}

/** What may differ: the time of an answer, and what is drawn for it. */
function comparable(bytes: string): string {
  return bytes
    .replaceAll(/^Date: .*$/gm, "Date: now")
    .replaceAll(/^request: .*$/gm, "request: id")
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "boundary");
}

async function assertSame(lanes: Lanes, pieces: readonly string[], ends = false): Promise<void> {
  const both = [lanes.fast, lanes.slow].map(({ at }) => exchange(at, pieces, ends));
  const [left = "", right = ""] = await Promise.all(both);
  assert.equal(comparable(left), comparable(right), JSON.stringify(pieces));
}

const CONDITIONS = [
  "",
  "",
  'If-None-Match: "s"\r\n',
  'If-None-Match: W/"m", "l"\r\n',
  "If-None-Match: *\r\n",
  'If-Match: "s"\r\n',
  "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
  "If-Unmodified-Since: Thu, 01 Jan 2015 00:00:00 GMT\r\n",
  "Range: bytes=0-9\r\n",
  "Range: bytes=-5\r\n",
  "Range: bytes=1000-\r\n",
  "Range: bytes=0-1,5-9\r\n",
  "Range: bytes=900000-\r\n",
  'Range: bytes=5-\r\nIf-Range: "s"\r\n',
  'Range: bytes=5-\r\nIf-Range: "x"\r\n',
  "Range: lines=1\r\n",
  "Cache-Control: no-cache, only-if-cached\r\n",
  "Accept-Encoding: gzip, br\r\n",
  "Connection: keep-alive\r\n",
  "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\n",
  "Cookie: a=b\r\nAuthorization: Basic eA==\r\n",
  "X-Long: 0123456789012345678901234567890123456789\r\n",
] as const;

/** A request whose answer does not depend on those that are on their way beside it. */
function aRequest(random: Seeded): string {
  const method = random.pick(["GET", "GET", "GET", "HEAD"]);
  const path = random.pick([...STORED, ...OTHERWISE, "/healthz", "//small"]);
  const host = random.pick(["shop.example", "shop.example", "SHOP.example:80", "other.example"]);
  const fresh = random.below(4) === 0 ? `/unstored/${random.below(2 ** 30)}` : path;
  return `${method} ${fresh} HTTP/1.1\r\nHost: ${host}\r\n${random.pick(CONDITIONS)}\r\n`;
}

const ODD = [
  "\0",
  "\n",
  "\r",
  "\t",
  " ",
  ":",
  "\x80",
  "\xe9",
  "/",
  "?",
  "#",
  "%",
  "\r\n",
  "1.0",
] as const;

function mutated(text: string, random: Seeded): string {
  const at = random.below(text.length);
  switch (random.below(4)) {
    case 0:
      return text.slice(0, at) + random.pick(ODD) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random.below(3));
    case 2:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    default:
      return text.replace("\r\n", `\r\n${random.pick(UNUSUAL)}\r\n`);
  }
}

const UNUSUAL = [
  "Content-Length: 0",
  "Content-Length: 3",
  "Transfer-Encoding: chunked",
  "Expect: 100-continue",
  "Connection: Upgrade\r\nUpgrade: h2c",
  "TE: trailers",
  "Host: another.example",
  " folded",
  "X : y",
] as const;

function split(text: string, random: Seeded): string[] {
  const at = random.below(text.length);
  return random.below(2) === 0 ? [text] : [text.slice(0, at), text.slice(at)];
}

suite("the fast lane and node:http", () => {
  test("give the same bytes to plain requests, one by one and pipelined", async (t) => {
    const seed = fuzzSeed();
    t.diagnostic(`FUZZ_SEED=${seed}`);
    const random = new Seeded(seed);
    const lanes = await startLanes(t);
    for (let i = 0; i < fuzzCount(400); i += 1) {
      const count = random.below(3);
      const text = Array.from({ length: count }, () => aRequest(random)).join("") + LAST;
      await assertSame(lanes, split(text, random));
    }
    // Nothing has been counted by one that the other has not.
    const [fast, slow] = await Promise.all([counted(lanes.fast), counted(lanes.slow)]);
    assert.deepEqual(fast, slow);
    assert.ok(
      fast.some((line) => /cache="hit".* [1-9]/.test(line)),
      fast.join("\n"),
    );
  });

  test("give the same bytes to clients that send no more", async (t) => {
    const seed = fuzzSeed();
    t.diagnostic(`FUZZ_SEED=${seed}`);
    const random = new Seeded(seed);
    const lanes = await startLanes(t);
    const whole = STORED.map((path) => `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n\r\n`);
    for (let i = 0; i < fuzzCount(100); i += 1) {
      const text = whole.slice(random.below(whole.length)).join("");
      const cut = random.below(2) === 0 ? text : text.slice(0, random.below(text.length));
      await assertSame(lanes, split(cut, random), true);
    }
  });

  test("give the same bytes to broken and unusual requests", async (t) => {
    const seed = fuzzSeed();
    t.diagnostic(`FUZZ_SEED=${seed}`);
    const random = new Seeded(seed);
    const lanes = await startLanes(t);
    for (let i = 0; i < fuzzCount(200); i += 1) {
      await assertSame(lanes, split(mutated(aRequest(random), random) + LAST, random));
    }
  });
});

/** Requests and bytes, as they are counted. */
async function counted(edge: TestEdge): Promise<string[]> {
  const { body } = await fetchAt("http://admin/metrics", { at: edge.admin });
  return body
    .toString()
    .split("\n")
    .filter((line) => /^meridian_edge_(requests|response_bytes)_total/.test(line))
    .toSorted();
}
