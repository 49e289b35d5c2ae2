import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  isComplete,
  judgeSliceAnswer,
  partOfWhole,
  rangeToAsk,
  sliceCount,
  sliceLength,
  slicingFor,
  slicingOf,
  strongValidator,
  versionOf,
} from "../../../edge/decide/slicing.ts";
import { contentRangeOf } from "../../../edge/http/content-range.ts";
import { aStored, dateAt, lines, NOW } from "../build.ts";

suite("RFC 9110 s.14.4: Content-Range", () => {
  for (const [value, expected] of [
    ["bytes 0-9/10", { first: 0, last: 9, length: 10 }],
    ["BYTES 5-5/6", { first: 5, last: 5, length: 6 }],
    ["bytes 0-9/*", undefined],
    ["bytes */10", undefined],
    ["bytes 9-0/10", undefined],
    ["bytes 0-10/10", undefined],
    ["bytes 0-9", undefined],
    ["lines 0-9/10", undefined],
    ["bytes 0-9/99999999999999999999", undefined],
  ] as const) {
    test(value, () => {
      assert.deepEqual(contentRangeOf(lines(`content-range: ${value}`)), expected);
    });
  }

  test("given twice it says nothing", () => {
    const twice = lines("content-range: bytes 0-9/10", "content-range: bytes 5-9/10");
    assert.equal(contentRangeOf(twice), undefined);
  });
});

suite("RFC 9110 s.8.8: what names a version", () => {
  for (const [what, texts, expected] of [
    ["a strong tag", ['etag: "a"'], '"a"'],
    ["a weak tag", ['etag: W/"a"'], undefined],
    ["a weak tag beside an old date", ['etag: W/"a"', `last-modified: ${dateAt(-9)}`], undefined],
    ["no tag at all", [], undefined],
    ["a malformed tag", ["etag: a"], undefined],
    ["two tags", ['etag: "a"', 'etag: "b"'], undefined],
    ["a date a second old", [`last-modified: ${dateAt(-1)}`], dateAt(-1)],
    ["a date of this second", [`last-modified: ${dateAt(0)}`], undefined],
    ["a malformed date", ["last-modified: yesterday"], undefined],
  ] as const) {
    test(what, () => {
      assert.equal(strongValidator(lines(...texts, `date: ${dateAt(0)}`), NOW), expected);
    });
  }

  test("a date without Date to compare it with is weak", () => {
    assert.equal(strongValidator(lines(`last-modified: ${dateAt(-9)}`), NOW), undefined);
  });
});

suite("what is cut into slices", () => {
  const plain = ["content-length: 101", 'etag: "a"'];
  for (const [what, status, texts, expected] of [
    ["larger than a slice", 200, plain, { sliceBytes: 100, bodyBytes: 101 }],
    ["no larger than a slice", 200, ["content-length: 100", 'etag: "a"'], undefined],
    ["of unknown length", 200, ['etag: "a"'], undefined],
    ["of two lengths", 200, ["content-length: 101", ...plain], undefined],
    ["in chunks", 200, [...plain, "transfer-encoding: chunked"], undefined],
    ["without a version", 200, ["content-length: 101"], undefined],
    ["by an origin without ranges", 200, [...plain, "accept-ranges: none"], undefined],
    ["of another status", 404, plain, undefined],
  ] as const) {
    test(what, () => {
      const fields = lines(...texts);
      const question = { status, fields, receivedAt: NOW, sliceBytes: 100 };
      assert.deepEqual(slicingFor(question), expected);
    });
  }

  test("the last slice is shorter", () => {
    const slicing = { sliceBytes: 100, bodyBytes: 250 };
    assert.equal(sliceCount(slicing), 3);
    assert.deepEqual(
      [0, 1, 2].map((index) => sliceLength(slicing, index)),
      [100, 100, 50],
    );
  });
});

suite("what is asked for a range of what is not stored", () => {
  for (const [value, expected] of [
    ["bytes=0-0", { value: "bytes=0-99", first: 0 }],
    ["bytes=99-100", { value: "bytes=0-199", first: 0 }],
    ["bytes=250-", { value: "bytes=200-", first: 200 }],
    ["bytes=-1", { value: "bytes=-100", first: undefined }],
    ["bytes=-101", { value: "bytes=-200", first: undefined }],
    ["bytes=0-", undefined],
    ["bytes=99-", undefined],
    ["bytes=5-4", undefined],
    ["bytes=-", undefined],
    ["bytes=0-1,5-6", undefined],
    ["lines=0-1", undefined],
  ] as const) {
    test(value, () => {
      assert.deepEqual(rangeToAsk(lines(`range: ${value}`), 100), expected);
    });
  }

  test("so many bytes from the end hold the slice in which they begin, whatever the length", () => {
    for (let length = 1; length < 700; length += 7) {
      for (let suffix = 1; suffix < 350; suffix += 13) {
        const asked = rangeToAsk(lines(`range: bytes=-${suffix}`), 100);
        const bytes = Number(asked?.value.slice("bytes=-".length));
        const first = Math.max(0, length - bytes);
        const wanted = Math.max(0, length - suffix);
        assert.ok(Math.ceil(first / 100) <= Math.floor(wanted / 100), `${suffix} of ${length}`);
      }
    }
  });
});

suite("RFC 9111 s.3.4: a 206 as a part of its 200", () => {
  const asked = { value: "bytes=0-99", first: 0 };

  test("has the fields of the 200", () => {
    const fields = lines("content-range: bytes 0-99/250", "content-length: 100", 'etag: "a"');
    assert.deepEqual(partOfWhole(fields, asked), {
      first: 0,
      last: 99,
      length: 250,
      fields: lines('etag: "a"', "content-length: 250"),
    });
  });

  for (const [what, texts] of [
    ["another place", ["content-range: bytes 5-99/250"]],
    ["another length than announced", ["content-range: bytes 0-99/250", "content-length: 99"]],
    ["no place", ["content-length: 100"]],
  ] as const) {
    test(`${what}: not what was asked for`, () => {
      assert.equal(partOfWhole(lines(...texts), asked), undefined);
    });
  }

  test("of a suffix the end must be there", () => {
    const suffix = { value: "bytes=-100", first: undefined };
    const at = (range: string) => partOfWhole(lines(`content-range: bytes ${range}`), suffix);
    assert.equal(at("150-249/250")?.first, 150);
    assert.equal(at("150-248/250"), undefined);
  });
});

suite("RFC 9110 s.13.1.5: an answer to Range with If-Range", () => {
  const known = { validator: '"a"', bodyBytes: 250, contentEncoding: undefined };
  const dated = { ...known, validator: dateAt(-9) };
  const place = "content-range: bytes 100-199/250";
  const part = [place, 'etag: "a"'];
  for (const [what, version, status, texts, expected] of [
    ["the part", known, 206, part, { kind: "part", first: 100, last: 199 }],
    ["fewer bytes", known, 206, ["content-range: bytes 100-100/250", 'etag: "a"'], "part"],
    ["another tag", known, 206, ["content-range: bytes 100-199/250", 'etag: "b"'], "changed"],
    ["a weak tag", known, 206, ["content-range: bytes 100-199/250", 'etag: W/"a"'], "changed"],
    ["no tag", known, 206, ["content-range: bytes 100-199/250"], "changed"],
    ["another length", known, 206, ["content-range: bytes 100-199/251", 'etag: "a"'], "changed"],
    ["another coding", known, 206, [...part, "content-encoding: gzip"], "changed"],
    ["another place", known, 206, ["content-range: bytes 0-99/250", 'etag: "a"'], "failed"],
    ["no place", known, 206, ['etag: "a"'], "failed"],
    ["all of it", known, 200, ["content-length: 250", 'etag: "a"'], "whole"],
    ["all of another one", known, 200, ["content-length: 250", 'etag: "b"'], "changed"],
    ["all of another length", known, 200, ["content-length: 251", 'etag: "a"'], "changed"],
    ["by date", dated, 206, [place, `last-modified: ${dateAt(-9)}`], "part"],
    ["by date, but with a tag", dated, 206, [...part, `last-modified: ${dateAt(-9)}`], "changed"],
    ["gone", known, 404, [], "changed"],
    ["shorter by now", known, 416, ["content-range: bytes */50"], "changed"],
    ["not now", known, 503, [], "failed"],
    ["too often", known, 429, [], "failed"],
  ] as const) {
    test(what, () => {
      const fields = lines(...texts);
      const answer = judgeSliceAnswer({ status, fields }, 100, version);
      if (typeof expected === "string") assert.equal(answer.kind, expected);
      else assert.deepEqual(answer, expected);
    });
  }
});

suite("what a stored response says of its slices", () => {
  test("its slicing, or that it is kept whole", () => {
    const whole = aStored([]);
    assert.equal(slicingOf(whole), undefined);
    assert.equal(slicingOf({ ...whole, sliceBytes: 10, bodyBytes: undefined }), undefined);
    const sliced = { ...whole, sliceBytes: 10, bodyBytes: 25 };
    assert.deepEqual(slicingOf(sliced), { sliceBytes: 10, bodyBytes: 25 });
  });

  test("its version: validator, length and coding; nothing without a validator", () => {
    const fields = lines('etag: "a"', "content-encoding: br");
    const version = { validator: '"a"', bodyBytes: 25, contentEncoding: "br" };
    assert.deepEqual(versionOf(fields, 25, NOW), version);
    assert.equal(versionOf(lines("content-encoding: br"), 25, NOW), undefined);
  });

  test("RFC 9110 s.13.1.5: a version known by its date is another one once it has a tag", () => {
    const date = dateAt(-100);
    const known = { validator: date, bodyBytes: 25, contentEncoding: undefined };
    const range = ["content-range: bytes 0-9/25", `last-modified: ${date}`];
    const same = { status: 206, fields: lines(...range) };
    assert.equal(judgeSliceAnswer(same, 0, known).kind, "part");
    const tagged = { status: 206, fields: lines(...range, 'etag: "a"') };
    assert.equal(judgeSliceAnswer(tagged, 0, known).kind, "changed");
  });

  test("without a range there is none to ask for", () => {
    assert.equal(rangeToAsk(lines("host: x"), 10), undefined);
  });

  test("RFC 9111 s.3.4: a part with everything in it is complete", () => {
    const part = { length: 10, fields: [] };
    assert.ok(isComplete({ ...part, first: 0, last: 9 }));
    assert.ok(!isComplete({ ...part, first: 1, last: 9 }));
    assert.ok(!isComplete({ ...part, first: 0, last: 8 }));
  });
});
