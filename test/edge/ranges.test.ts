import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { FetchedResponse } from "../support/http.ts";
import { startOrigin, startTestEdge, type TestEdge } from "./harness.ts";

const WHOLE = Buffer.alloc(300_000, "abcdefghijk");

/** One part of a multipart body. */
interface Part {
  readonly fields: string;
  readonly bytes: Buffer;
}

/** Takes a multipart body apart as RFC 2046 section 5.1.1 defines it, by its boundary alone. */
function partsOf(answer: FetchedResponse): Part[] {
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(
    answer.field("content-type") ?? "",
  )?.[1];
  assert.ok(boundary !== undefined, `no boundary in ${answer.field("content-type")}`);
  const text = answer.body.toString("latin1");
  const pieces = `\r\n${text}`.split(`\r\n--${boundary}`);
  assert.equal(pieces[0], "", "nothing in front of the first part");
  assert.equal(pieces.at(-1), "--\r\n", "nothing behind the last part");
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf("\r\n\r\n");
    const fields = piece.slice(2, end).toLowerCase();
    return { fields, bytes: Buffer.from(piece.slice(end + 4), "latin1") };
  });
}

function assertParts(answer: FetchedResponse, ...ranges: readonly (readonly [number, number])[]) {
  assert.equal(answer.status, 206);
  assert.equal(answer.field("content-range"), undefined, "RFC 9110 section 15.3.7.2");
  assert.equal(Number(answer.field("content-length")), answer.body.length);
  const parts = partsOf(answer);
  assert.equal(parts.length, ranges.length);
  for (const [i, [first, last]] of ranges.entries()) {
    assert.equal(
      parts[i]?.fields,
      `content-type: text/x-test\r\ncontent-range: bytes ${first}-${last}/${WHOLE.length}`,
    );
    assert.deepEqual(parts[i]?.bytes, WHOLE.subarray(first, last + 1));
  }
}

const ask = (edge: TestEdge, range: string, headers: Record<string, string> = {}) =>
  edge.get("/r", { headers: { range, ...headers } });

suite("several ranges of one object", () => {
  test("RFC 9110 s.14.6: from the store, in the order in which they were asked for", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, {
        "cache-control": "max-age=60",
        "content-type": "text/x-test",
        "content-length": WHOLE.length,
        etag: '"a"',
      });
      response.end(WHOLE);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/r");
    await eventually("it is stored", async () =>
      assert.match((await edge.get("/r")).field("cache-status") ?? "", /hit/),
    );
    assertParts(
      await ask(edge, "bytes=0-1,70000-140000,-3"),
      [0, 1],
      [70_000, 140_000],
      [WHOLE.length - 3, WHOLE.length - 1],
    );
    assertParts(await ask(edge, "bytes=200-299,0-99"), [200, 299], [0, 99]);
    assertParts(await ask(edge, "bytes=0-1,5-6", { "if-range": '"a"' }), [0, 1], [5, 6]);
    const single = await ask(edge, "bytes=0-99,50-149");
    assert.equal(single.field("content-range"), `bytes 0-149/${WHOLE.length}`);
    assert.deepEqual(single.body, WHOLE.subarray(0, 150));
    const other = await ask(edge, "bytes=0-1,5-6", { "if-range": '"b"' });
    assert.equal(other.status, 200);
    assert.deepEqual(other.body, WHOLE);
    const first = await ask(edge, "bytes=0-1,5-6");
    const second = await ask(edge, "bytes=0-1,5-6");
    assert.notEqual(first.field("content-type"), second.field("content-type"), "new boundaries");
    assert.equal(origin.seen.length, 1);
  });

  test("while the whole arrives, if they ascend; else the whole", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, {
        "cache-control": "max-age=60",
        "content-type": "text/x-test",
        "content-length": WHOLE.length,
      });
      response.write(WHOLE.subarray(0, 100_001));
      setImmediate(() => response.end(WHOLE.subarray(100_001)));
    });
    for (const range of ["bytes=0-0,3-5,99999-100002,299999-", "bytes=5-6,0-1"]) {
      const edge = await startTestEdge(t, { origins: [origin.url] });
      const answer = await ask(edge, range);
      if (range.startsWith("bytes=5")) {
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body, WHOLE);
      } else {
        assertParts(answer, [0, 0], [3, 5], [99_999, 100_002], [299_999, 299_999]);
      }
    }
  });
});
