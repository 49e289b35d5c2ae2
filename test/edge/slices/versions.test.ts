import assert from "node:assert/strict";
import { get } from "node:http";
import { suite, test } from "node:test";
import { startTestEdge, type TestEdge } from "../harness.ts";
import { assertSame, fileBytes, SLICE, SMALL_SLICES, startFileOrigin } from "./origin.ts";

const BYTES = 8 * SLICE;
const VERSIONS = ["v1", "v2", "v3", "v4"];

/** Numbers below `below` that are the same in every run. */
function randomOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** What a client got: its head, the bytes, and whether the body came to its announced end. */
interface Download {
  readonly status: number;
  readonly etag: string;
  readonly body: Buffer;
  readonly complete: boolean;
}

/** Reads at its own pace; never rejects because a body broke off. */
function download(
  edge: TestEdge,
  path: string,
  headers: Readonly<Record<string, string>>,
  onChunk: (received: number) => void,
): Promise<Download> {
  return new Promise((resolve, reject) => {
    const options = { ...edge.at, path, agent: false } as const;
    get({ ...options, headers: { host: "shop.example", ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      let received = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        received += chunk.length;
        onChunk(received);
      });
      response.on("error", () => {});
      response.once("close", () => {
        const { statusCode: status = 0, complete } = response;
        const etag = response.headers.etag ?? "";
        resolve({ status, etag, body: Buffer.concat(chunks), complete });
      });
    }).once("error", reject);
  });
}

/** Fails if the bytes are not those of the version that the head names. */
function assertOneVersion(answer: Download, first: number, last: number, run: string): boolean {
  const isBody = answer.status === 200 || answer.status === 206;
  assert.ok(isBody, `${run}: ${answer.status} ${answer.body.toString()}`);
  const version = /^"(v\d)"$/.exec(answer.etag)?.[1] ?? assert.fail(`${run}: ${answer.etag}`);
  const start = answer.status === 206 ? first : 0;
  const end = answer.status === 206 ? last + 1 : BYTES;
  assertSame(answer.body, fileBytes(version, start, start + answer.body.length));
  if (answer.complete) assert.equal(answer.body.length, end - start, run);
  return answer.complete;
}

suite("an origin that changes the file", () => {
  test("in mid-download, 300 times: never two versions in one body", {
    timeout: 240_000,
  }, async (t) => {
    let cut = 0;
    let whole = 0;
    const origin = await startFileOrigin(t, { bytes: BYTES });
    const options = { origins: [origin.url], site: SMALL_SLICES };
    const small = await startTestEdge(t, { ...options, memoryBytes: 2 ** 20 });
    const large = await startTestEdge(t, { ...options, memoryBytes: 2 ** 24 });
    for (let run = 0; run < 300; run += 1) {
      const random = randomOf(run + 1);
      const edge = random(2) === 0 ? small : large;
      const path = `/run-${run}`;
      origin.change("v1");
      let next = 1;
      const changeAt = SLICE * random(8) + random(SLICE);
      const change = (received: number): void => {
        if (received < changeAt || next > 1 + random(2)) return;
        origin.change(VERSIONS[next % VERSIONS.length] ?? "v1");
        next += 1;
      };
      // Some slices are there already, of the first version.
      for (let i = random(3); i > 0; i -= 1) {
        const first = random(BYTES);
        await download(edge, path, { range: `bytes=${first}-${first + random(SLICE)}` }, () => {});
      }
      const clients = Array.from({ length: 1 + random(3) }, async () => {
        const first = random(BYTES);
        const last = Math.min(BYTES - 1, first + random(BYTES));
        const ranged = random(3) === 0;
        const headers = ranged ? { range: `bytes=${first}-${last}` } : undefined;
        const answer = await download(edge, path, headers ?? {}, change);
        if (assertOneVersion(answer, first, last, `run ${run}`)) whole += 1;
        else cut += 1;
      });
      await Promise.all(clients);
      // Once all is quiet, one more may find out in mid-body; then there is one version, whole.
      const found = await download(edge, path, {}, () => {});
      const after = await download(edge, path, {}, () => {});
      assertOneVersion(found, 0, BYTES - 1, `run ${run}, afterwards`);
      assert.ok(assertOneVersion(after, 0, BYTES - 1, `run ${run}, at last`), `run ${run}`);
    }
    assert.ok(cut > 10, `${cut} downloads were cut, ${whole} were not`);
    assert.ok(whole > 100, `${cut} downloads were cut, ${whole} were not`);
  });

  test("before a client has a byte: it gets the new version", async (t) => {
    const origin = await startFileOrigin(t, { bytes: BYTES });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f", { headers: { range: "bytes=0-0" } });
    origin.change("v2");
    const answer = await edge.get("/f", { headers: { range: `bytes=${3 * SLICE}-` } });
    assert.equal(answer.status, 206);
    assert.equal(answer.field("etag"), '"v2"');
    assertSame(answer.body, fileBytes("v2", 3 * SLICE, BYTES));
    assert.equal(await edge.metric('meridian_edge_slice_fills_total{result="changed"'), 0);
    // Asked for the slice, then, of the new version, for the range.
    assert.equal(origin.seen.length, 3);
  });

  test("in mid-body: the client is cut, and the next one gets the new version", async (t) => {
    const origin = await startFileOrigin(t, { bytes: BYTES });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f", { headers: { range: `bytes=0-${2 * SLICE - 1}` } });
    origin.change("v2");
    const cut = await download(edge, "/f", {}, () => {});
    assert.equal(cut.etag, '"v1"');
    assert.equal(cut.complete, false);
    assertSame(cut.body, fileBytes("v1", 0, 2 * SLICE));
    const after = await download(edge, "/f", {}, () => {});
    assert.equal(after.etag, '"v2"');
    assert.equal(after.complete, true);
    assertSame(after.body, fileBytes("v2", 0, BYTES));
  });

  test("to nothing: those who ask afterwards are told so", async (t) => {
    let gone = false;
    const origin = await startFileOrigin(t, {
      bytes: BYTES,
      before: (_request, response) => {
        if (gone) response.writeHead(404).end("gone");
        return gone;
      },
    });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f", { headers: { range: "bytes=0-0" } });
    gone = true;
    assert.equal((await edge.get("/f", { headers: { range: `bytes=${4 * SLICE}-` } })).status, 404);
  });
});
