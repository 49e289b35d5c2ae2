import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import decoderModule from "mmdb-lib/lib/decoder.js";
import { locationOf } from "../../../router-dns/geo/database.ts";
import { PointReader } from "../../../router-dns/geo/point-reader.ts";
import { encodeField, type Field } from "./mmdb-writer.ts";

function pointOf(bytes: Buffer, at = 0): unknown {
  const reader = new PointReader(bytes, 0);
  return reader.read(at) ? { latitude: reader.latitude, longitude: reader.longitude } : undefined;
}

const number = fc.double({ min: -80, max: 80, noNaN: true }).filter((x) => !Number.isInteger(x));
const point = fc.record({ latitude: number, longitude: number });
const other = fc.dictionary(
  fc.stringMatching(/^[a-k_]{1,40}$/),
  fc.oneof(fc.string({ maxLength: 60 }), fc.nat(), point),
  { maxKeys: 5 },
) as fc.Arbitrary<{ readonly [key: string]: Field }>;

test("says of any record what decoding it says, or that it has to be decoded", () => {
  const records = fc.oneof(
    fc.tuple(other, point, other).map(([a, b, c]) => ({ ...a, ...b, ...c })),
    fc.tuple(other, point, other).map(([a, location, c]) => ({ ...a, location, ...c })),
    other,
  );
  let quick = 0;
  fc.assert(
    fc.property(records, (record) => {
      const bytes = Buffer.concat([encodeField(record), Buffer.alloc(4)]);
      const read = pointOf(bytes);
      if (read !== undefined) quick += 1;
      const decoded = locationOf(new decoderModule.default(bytes, 0).decode(0).value);
      assert.deepEqual(read, typeof decoded === "string" ? undefined : decoded);
    }),
  );
  assert.ok(quick > 20, `only ${quick} were read`);
});

test("follows pointers, for keys and for values, and reads floats", () => {
  const latitude = Buffer.concat([encodeField("latitude"), encodeField(1.5)]);
  const float = Buffer.from([0x04, 0x08, 0, 0, 0, 0]);
  float.writeFloatBE(-2.25, 2);
  const tail = Buffer.concat([encodeField("longitude"), float]);
  const shared = Buffer.concat([latitude, tail]);
  const pointer = (to: number) => Buffer.from([0x20 | (to >>> 8), to & 0xff]);
  const keys = [0, latitude.length];
  const values = [9, latitude.length + 10];
  const record = Buffer.concat([
    Buffer.from([0xe2]),
    ...keys.flatMap((key, i) => [pointer(key), pointer(values[i] ?? 0)]),
    Buffer.alloc(4),
  ]);
  const bytes = Buffer.concat([shared, record]);
  assert.deepEqual(pointOf(bytes, shared.length), { latitude: 1.5, longitude: -2.25 });
});

test("damaged bytes are never an exception, and never a place off the earth", () => {
  const good = encodeField({ a: "x", location: { latitude: 1.5, longitude: 2.5 }, z: { y: 1 } });
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, cut) => {
      const bad = Buffer.from(good.subarray(0, Math.max(1, cut)));
      bad[at % bad.length] = byte;
      const read = pointOf(bad) as { latitude: number; longitude: number } | undefined;
      if (read !== undefined) assert.ok(Math.abs(read.latitude) <= 90);
    }),
    { numRuns: 2_000 },
  );
});
