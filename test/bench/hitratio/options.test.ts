import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { capacityFor, parseOptions } from "../../../bench/hitratio/options.ts";

const parse = (line: string) => parseOptions(line.split(" "));

suite("options of the hit ratio bench", () => {
  test("name a file and a capacity, as a number or a share", () => {
    assert.deepEqual(parse("--trace t.gz --format size --capacity 4096"), {
      ok: true,
      value: {
        source: { kind: "file", file: "t.gz", format: "size" },
        capacity: { amount: 4_096 },
      },
    });
    const share = parse("--trace t --format id --capacity 2.5%");
    assert.deepEqual(share.ok && share.value?.capacity, { percent: 2.5 });
  });

  test("or a synthetic trace", () => {
    assert.deepEqual(parse("--synthetic scan --requests 10 --capacity 1%"), {
      ok: true,
      value: {
        source: { kind: "synthetic", name: "scan", requests: 10, seed: 1 },
        capacity: { percent: 1 },
      },
    });
  });

  test("ask for help alone", () => {
    assert.deepEqual(parse("--help"), { ok: true, value: undefined });
  });

  for (const [line, problem] of [
    ["--capacity 5%", /either --trace FILE or --synthetic NAME/],
    ["--trace t --synthetic scan --capacity 5%", /either --trace/],
    ["--trace t --capacity 5%", /--format is needed: size/],
    ["--trace t --format bytes --capacity 5%", /--format is needed/],
    ["--trace t --format id", /--capacity needs/],
    ["--trace t --format id --capacity 0", /--capacity needs/],
    ["--trace t --format id --capacity 0%", /--capacity needs/],
    ["--trace t --format id --capacity 5e3", /--capacity needs/],
    ["--synthetic constructor --capacity 5", /no synthetic trace constructor; there are zipf/],
    ["--synthetic scan --requests 0 --capacity 5", /--requests needs/],
    ["--synthetic scan --seed x --capacity 5", /--seed needs/],
    ["--speed 3", /Unknown option '--speed'/],
  ] as const) {
    test(`${line} is refused with a remedy`, () => {
      const options = parse(line);
      assert.match(options.ok ? "accepted" : options.error, problem);
    });
  }

  test("a share is one of the unique bytes, and never nothing", () => {
    assert.equal(capacityFor({ percent: 2.5 }, 1_000), 25);
    assert.equal(capacityFor({ percent: 1 }, 10), 1);
    assert.equal(capacityFor({ amount: 7 }, 1_000), 7);
  });
});
