import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { systemClock } from "../../../common/clock.ts";
import { silentLogger } from "../../../common/log.ts";
import { OriginClient } from "../../../edge/fetch/origin-client.ts";
import type { SliceCursor } from "../../../edge/fetch/slice-cursor.ts";
import type { SliceSource } from "../../../edge/fetch/slice-fetch.ts";
import { SlicedBodies } from "../../../edge/fetch/sliced-bodies.ts";
import { MemoryStore } from "../../../edge/store/memory-store.ts";
import { type CacheObject, partKey } from "../../../edge/store/store.ts";
import { aStored } from "../build.ts";
import { aSite } from "../harness.ts";
import { assertSame, fileBytes, startFileOrigin } from "./origin.ts";

const SLICE = 100;
const BYTES = 1_234;

const place = fc.integer({ min: 0, max: BYTES - 1 });
const range = fc.tuple(place, place).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

/** A fetch of everything that is under way, and whose origin waits when it is told to. */
class ManualSource implements SliceSource {
  paused = false;
  over = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  abort(): void {
    this.over = true;
  }
}

/** Reads all of some ranges; `step` lets something happen before each attempt. */
async function readAll(
  open: (onMore: () => void) => SliceCursor,
  ranges: readonly (readonly [number, number])[],
  { step, isTogether }: { readonly step: () => void; readonly isTogether: boolean },
): Promise<Buffer[]> {
  let more = Promise.withResolvers<void>();
  const cursor = open(() => more.resolve());
  const bodies: Buffer[] = [];
  for (const [first, last] of ranges) {
    const pieces: Buffer[] = [];
    cursor.seek(first, last);
    while (!cursor.isDone) {
      step();
      const held = isTogether ? cursor.nextTogether(SLICE / 2, () => {}) : undefined;
      const piece = held === undefined ? cursor.next() : Buffer.concat(held.pieces);
      if (piece !== undefined) pieces.push(Buffer.from(piece));
      held?.release();
      cursor.noteRead();
      if (cursor.failure !== undefined) assert.fail(JSON.stringify(cursor.failure));
      // What waits is woken by the origin, or by the next step.
      if (piece === undefined && !cursor.isDone) {
        await Promise.race([more.promise, new Promise((resolve) => setImmediate(resolve))]);
        more = Promise.withResolvers<void>();
      }
    }
    bodies.push(Buffer.concat(pieces));
  }
  cursor.close();
  return bodies;
}

test("any ranges of any stored, missing and arriving slices are the bytes of the object", {
  timeout: 120_000,
}, async (t) => {
  const origin = await startFileOrigin(t, { bytes: BYTES });
  const site = aSite({ origins: [origin.url] });
  const origins = new OriginClient(systemClock, () => {});
  t.after(() => origins.destroy());
  const property = fc.asyncProperty(
    fc.array(range, { minLength: 1, maxLength: 4 }),
    fc.array(fc.boolean(), { minLength: 13, maxLength: 13 }),
    fc.option(fc.record({ first: place, chunks: fc.array(fc.integer({ min: 1, max: 250 })) })),
    fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 6 }),
    fc.integer({ min: 1, max: 3 }),
    async (ranges, stored, fill, evicted, readers) => {
      const store = new MemoryStore(2 ** 20);
      const around = { store, origins, log: silentLogger, onRequestEnd: () => {} };
      const bodies = new SlicedBodies(around, systemClock);
      const head = putHead(store);
      for (const [index, isThere] of stored.entries()) if (isThere) putSlice(store, head, index);
      const source = new ManualSource();
      const feed = fill === null ? () => {} : feedFrom(bodies, head, source, fill);
      const victims = [...evicted];
      const ask = (conditions: readonly (readonly [string, string])[]) => ({
        site,
        target: "/f",
        fields: [["host", "shop.example"] as const, ...conditions],
      });
      const step = (): void => {
        feed();
        const victim = victims.pop();
        if (victim !== undefined) store.remove(partKey(head.id, String(victim)), "invalidated");
      };
      const open = (onMore: () => void) => bodies.open(head, ask, onMore);
      const all = await Promise.all(
        Array.from({ length: readers }, (_, i) =>
          readAll(open, ranges, { step, isTogether: i % 2 === 0 }),
        ),
      );
      for (const got of all) {
        for (const [i, [first, last]] of ranges.entries()) {
          assertSame(got[i] ?? Buffer.alloc(0), fileBytes("v1", first, last + 1));
        }
      }
      bodies.abortAll();
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

test("ranges may go back within a slice that is arriving", async () => {
  const store = new MemoryStore(2 ** 20);
  const origins = new OriginClient(systemClock, () => {});
  const around = { store, origins, log: silentLogger, onRequestEnd: () => {} };
  const head = putHead(store);
  const bodies = new SlicedBodies(around, systemClock);
  const step = feedFrom(bodies, head, new ManualSource(), { first: 0, chunks: [1] });
  const ranges = [
    [0, 301],
    [300, 301],
    [0, 0],
    [299, 305],
  ] as const;
  const open = (onMore: () => void) => bodies.open(head, () => undefined, onMore);
  const got = await readAll(open, ranges, { step, isTogether: false });
  for (const [i, [first, last]] of ranges.entries()) {
    assertSame(got[i] ?? Buffer.alloc(0), fileBytes("v1", first, last + 1));
  }
  bodies.abortAll();
  origins.destroy();
});

test("bytes taken together count as read until they are released, and can be cut", () => {
  const piece = 65_536;
  const store = new MemoryStore(2 ** 22);
  const origins = new OriginClient(systemClock, () => {});
  const around = { store, origins, log: silentLogger, onRequestEnd: () => {} };
  const head = putHead(store, 8 * piece, 4 * piece);
  putSlice(store, head, 0, 4 * piece);
  const bodies = new SlicedBodies(around, systemClock);
  const ask = () => undefined;
  const cursor = bodies.open(head, ask, () => {});
  cursor.seek(0, 8 * piece - 1);
  let cuts = 0;
  const first = cursor.nextTogether(2 * piece, () => {}) ?? assert.fail("it is stored");
  const second = cursor.nextTogether(8 * piece, () => (cuts += 1)) ?? assert.fail("it is stored");
  assert.equal(first.pieces.length, 2);
  assertSame(Buffer.concat([...first.pieces, ...second.pieces]), fileBytes("v1", 0, 4 * piece));
  store.remove(partKey(head.id, "0"), "invalidated");
  first.release();
  // More is pinned than the store may have: what is oldest has to go.
  store.pin(2 ** 21, () => {});
  assert.equal(cuts, 1);
  cursor.close();
  origins.destroy();
});

function putHead(store: MemoryStore, bodyBytes = BYTES, sliceBytes = SLICE): CacheObject {
  const response = aStored(['etag: "v1"'], { bodyBytes, sliceBytes });
  const facts = { key: "shop shop.example/f", site: "shop", url: "http://shop.example/f" };
  const head = { ...facts, response, chunks: [], bodyBytes };
  return store.put({ ...head, generation: 0, reservedBytes: 0 }) ?? assert.fail("no room");
}

function putSlice(store: MemoryStore, head: CacheObject, index: number, size = SLICE): void {
  const bytes = fileBytes("v1", index * size, Math.min(head.bodyBytes, (index + 1) * size));
  store.put({
    key: partKey(head.id, String(index)),
    site: "shop",
    url: head.url,
    response: aStored([], { bodyBytes: bytes.length }),
    chunks: piecesOf(bytes),
    bodyBytes: bytes.length,
    generation: 0,
    reservedBytes: 0,
  });
}

/** As they come from a socket. */
function piecesOf(bytes: Buffer): Buffer[] {
  const starts = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) => i * 65_536);
  return starts.map((start) => bytes.subarray(start, start + 65_536));
}

/** Gives a fetch from `first` on a chunk at each call, as long as it takes some. */
function feedFrom(
  bodies: SlicedBodies,
  head: CacheObject,
  source: ManualSource,
  { first, chunks }: { readonly first: number; readonly chunks: readonly number[] },
): () => void {
  const fetch = bodies.adopt(head, source, { first, end: BYTES });
  let next = 0;
  return () => {
    if (source.paused || source.over || fetch.state === "over") return;
    const length = chunks.length === 0 ? 60 : (chunks[next % chunks.length] ?? 60);
    next += 1;
    const end = Math.min(BYTES, fetch.position + length);
    fetch.append(fileBytes("v1", fetch.position, end));
    if (fetch.position >= BYTES) fetch.complete();
  };
}
