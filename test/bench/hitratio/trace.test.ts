import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { parseTrace, type TraceFormat } from "../../../bench/hitratio/trace.ts";
import { readTraceFile } from "../../../bench/hitratio/trace-file.ts";

async function* inPieces(text: string, length: number): AsyncGenerator<string> {
  for (let from = 0; from < text.length; from += length) yield text.slice(from, from + length);
}

async function errorOf(text: string, format: TraceFormat): Promise<string> {
  const trace = await parseTrace(inPieces(text, 3), format);
  return trace.ok ? assert.fail("the trace was accepted") : trace.error;
}

suite("lines of a trace", () => {
  test("are requests in order, wherever the text is cut", async () => {
    for (const length of [1, 2, 7, 100]) {
      const trace = await parseTrace(inPieces("x 10\ny 0\r\nx 12", length), "size");
      assert.ok(trace.ok);
      const { requests, objects, bytes, names, uniqueBytes } = trace.value;
      assert.deepEqual([...objects], [0, 1, 0]);
      assert.deepEqual([...bytes], [10, 0, 12]);
      assert.deepEqual(
        { requests, names, uniqueBytes },
        { requests: 3, names: ["x", "y"], uniqueBytes: 12 },
      );
    }
  });

  test("without sizes count one each", async () => {
    const trace = await parseTrace(inPieces("a\nb\na\n", 100), "id");
    assert.deepEqual(trace.ok && [...trace.value.bytes, trace.value.uniqueBytes], [1, 1, 1, 2]);
  });

  test("that are wrong are named", async () => {
    assert.match(await errorOf("a 1\nb\n", "size"), /^line 2: expected `id size`, found "b"$/);
    assert.match(await errorOf("a 1\n\nb 1", "size"), /^line 2: .*found ""/);
    assert.match(await errorOf("a 1\nb 2\nc -3", "size"), /^line 3: .*number of bytes/);
    assert.match(await errorOf("a 1 2", "size"), /^line 1: /);
    assert.match(await errorOf("a\nb 1", "id"), /^line 2: expected `id`, found "b 1"/);
    assert.match(await errorOf("", "id"), /^line 1: there is no request/);
    assert.match(await errorOf(`a\n${"x".repeat(5_000)}`, "id"), /^line 2: longer than 4096/);
  });
});

suite("files of traces", () => {
  let directory = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "meridian-trace-"));
  });
  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  test("are read compressed or not, by what is in them", async () => {
    const text = Array.from({ length: 50_000 }, (_, i) => `http://shop.example/${i % 70} ${i}\n`);
    const files = { plain: Buffer.from(text.join("")), zipped: gzipSync(text.join("")) };
    for (const [name, content] of Object.entries(files)) {
      const file = join(directory, name);
      await writeFile(file, content);
      const trace = await readTraceFile(file, "size");
      assert.ok(trace.ok);
      assert.equal(trace.value.requests, 50_000);
      assert.equal(trace.value.names.length, 70);
    }
  });

  test("that are cut off or missing are refused with the place", async () => {
    const file = join(directory, "cut.gz");
    const zipped = gzipSync(Array.from({ length: 5_000 }, (_, i) => `${i * i}\n`).join(""));
    await writeFile(file, zipped.subarray(0, zipped.length / 2));
    const cut = await readTraceFile(file, "id");
    assert.match(cut.ok ? "" : cut.error, /cut\.gz: line \d+: cannot be read: unexpected end/);
    const missing = await readTraceFile(join(directory, "missing"), "id");
    assert.match(missing.ok ? "" : missing.error, /no such file.*missing/);
    const empty = join(directory, "empty");
    await writeFile(empty, "");
    const nothing = await readTraceFile(empty, "id");
    assert.match(nothing.ok ? "" : nothing.error, /line 1: there is no request/);
  });
});
