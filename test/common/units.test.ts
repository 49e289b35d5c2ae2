import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  formatBytes,
  formatSizeBytes,
  parseBitRate,
  parseDurationMs,
  parseSizeBytes,
} from "../../common/units.ts";

function valueOf<T>(result: { ok: true; value: T } | { ok: false; error: string }): T | string {
  return result.ok ? result.value : result.error;
}

describe("durations", () => {
  const cases: readonly (readonly [text: string, ms: number])[] = [
    ["0", 0],
    ["0s", 0],
    ["250ms", 250],
    ["20s", 20_000],
    ["1.5h", 5_400_000],
    ["5 m", 300_000],
    [" 7d ", 604_800_000],
    ["0.4ms", 0],
  ];
  for (const [text, ms] of cases) {
    it(`reads "${text}" as ${ms} ms`, () => assert.equal(valueOf(parseDurationMs(text)), ms));
  }

  for (const text of [
    "",
    "20",
    "s",
    "-1s",
    "20S",
    "20 seconds",
    "1e3s",
    "1..5s",
    "9e99s",
    "99999999999999d",
  ]) {
    it(`refuses "${text}" with examples`, () => {
      assert.match(String(valueOf(parseDurationMs(text))), /is not a duration \(like 20s, 250ms/);
    });
  }

  it("agree with arithmetic for every whole number of every unit", () => {
    const unit = fc.constantFrom(
      ["ms", 1] as const,
      ["s", 1e3] as const,
      ["m", 6e4] as const,
      ["h", 36e5] as const,
      ["d", 864e5] as const,
    );
    const count = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(count, unit, (n, [name, factor]) => {
        assert.equal(valueOf(parseDurationMs(`${n}${name}`)), n * factor);
      }),
    );
  });
});

describe("sizes and rates", () => {
  it("of sizes are written so that they are read back", () => {
    const cases = [0, 1, 1_023, 1_024, 1_500, 4 * 2 ** 20, 10 * 2 ** 30, 2 ** 40];
    const texts = ["0B", "1B", "1023B", "1KiB", "1500B", "4MiB", "10GiB", "1TiB"];
    assert.deepEqual(cases.map(formatSizeBytes), texts);
    const size = fc.integer({ min: 0, max: 2 ** 45 });
    fc.assert(
      fc.property(size, (bytes) => {
        assert.deepEqual(parseSizeBytes(formatSizeBytes(bytes)), { ok: true, value: bytes });
      }),
    );
  });

  it("tell binary from decimal units", () => {
    assert.equal(valueOf(parseSizeBytes("256MiB")), 256 * 2 ** 20);
    assert.equal(valueOf(parseSizeBytes("256MB")), 256e6);
    assert.equal(valueOf(parseSizeBytes("1.5KiB")), 1536);
    assert.equal(valueOf(parseBitRate("10Gbps")), 10e9);
  });

  it("refuse each other's units", () => {
    assert.match(String(valueOf(parseSizeBytes("10Gbps"))), /is not a size \(like 256MiB/);
    assert.match(String(valueOf(parseBitRate("10GB"))), /is not a rate \(like 10Gbps/);
    assert.match(String(valueOf(parseSizeBytes("20s"))), /is not a size/);
  });

  it("refuse names that every object has", () => {
    assert.match(String(valueOf(parseSizeBytes("1constructor"))), /is not a size/);
    assert.match(String(valueOf(parseSizeBytes("1toString"))), /is not a size/);
  });

  it("are written for people", () => {
    const cases = [0, 1023, 1024, 1536, 100 * 1024, 256 * 2 ** 20, 3 * 2 ** 40, 5_000 * 2 ** 40];
    assert.deepEqual(cases.map(formatBytes), [
      "0 B",
      "1023 B",
      "1.0 KiB",
      "1.5 KiB",
      "100 KiB",
      "256 MiB",
      "3.0 TiB",
      "5000 TiB",
    ]);
  });
});
