import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { ExpiringMap } from "../../state/expiring-map.ts";
import { ObjectTable } from "../../state/object-table.ts";
import { BREAKER_FAILURES_MAX, Breaker } from "../../state/redis/breaker.ts";
import { RECONNECT_MS_MAX, reconnectDelayMs } from "../../state/redis/connection.ts";
import { SkippedEntries } from "../../state/skipped-entries.ts";

test("an expiring map forgets in time, and the oldest when full", () => {
  const map = new ExpiringMap<number>(2);
  map.set("a", 1, 0, 10);
  map.set("b", 2, 0, 20);
  assert.deepEqual(map.live(9), [
    ["a", 1],
    ["b", 2],
  ]);
  assert.deepEqual(map.live(10), [["b", 2]]);
  map.set("c", 3, 10, 10);
  map.set("b", 4, 11, 10);
  map.set("d", 5, 12, 10);
  assert.deepEqual(map.live(12), [
    ["b", 4],
    ["d", 5],
  ]);
});

test("an object table keeps the newest records", () => {
  const table = new ObjectTable(2);
  const record = (key: string, storedAt: number) => ({
    key,
    site: "a",
    url: "http://a.test/",
    status: 200,
    bytes: 1,
    storedAt,
    freshUntil: 100,
  });
  table.note([record("a", 1), record("b", 2), record("a", 3)], []);
  table.note([record("c", 4)], ["absent"]);
  assert.deepEqual(
    table.newest(9, 0).map((it) => it.key),
    ["c", "a"],
  );
  assert.deepEqual(table.newest(9, 100), []);
});

test("the breaker opens after failures in a row, and closes with any answer", () => {
  const breaker = new Breaker();
  for (let i = 1; i < BREAKER_FAILURES_MAX; i += 1) breaker.failed();
  assert.equal(breaker.isOpen(), false);
  breaker.answered();
  for (let i = 1; i <= BREAKER_FAILURES_MAX; i += 1) {
    assert.equal(breaker.isOpen(), false);
    breaker.failed();
  }
  assert.equal(breaker.isOpen(), true);
  breaker.answered();
  assert.equal(breaker.isOpen(), false);
});

test("reconnect pauses grow to a cap, with chance in half of each", () => {
  const low = { bytes: () => new Uint8Array(), below: () => 0 };
  const high = { bytes: () => new Uint8Array(), below: (limit: number) => limit - 1 };
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((retries) => reconnectDelayMs(retries, low)),
    [25, 50, 100, 200, 250],
  );
  for (const retries of [0, 5, 100, 1e9]) {
    const pause = reconnectDelayMs(retries, high);
    assert.ok(pause > 0 && pause < RECONNECT_MS_MAX, `${pause} ms after ${retries} retries`);
  }
});

test("a flood of different broken entries neither fills the log nor memory", () => {
  const lines: string[] = [];
  const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
  const skipped = new SkippedEntries(log);
  for (let i = 0; i < 5_000; i += 1) skipped.skip(`entry ${i}`, "broken");
  assert.equal(lines.length, 1_000);
  skipped.skip("entry 0", "broken");
  assert.match(lines.at(-1) ?? "", /"times":2,"total":5001/);
});
