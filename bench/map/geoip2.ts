import { writeFileSync } from "node:fs";
import { readMmdb, recordsStart } from "../../router-dns/geo/mmdb.ts";
import { PlaceSet } from "../../router-dns/geo/place-set.ts";
import { PointReader } from "../../router-dns/geo/point-reader.ts";
import { encodeField } from "../../test/router-dns/geo/mmdb-writer.ts";

/*
 * gdnsd reads the records of MaxMind's city database only. This writes the coordinates of any
 * database in that form: the search tree as it is, with its pointers led to new records.
 */

/** Zeros between tree and records. */
const SEPARATOR_BYTES = 16;

/** Copies an IPv4 database of 28-bit records; `to` is read by gdnsd as `GeoLite2-City`. */
export function copyAsGeoip2(from: string, to: string): void {
  const opened = readMmdb(from);
  if (!opened.ok) throw new Error(opened.error);
  const { bytes, metadata } = opened.value;
  const { nodeCount, recordSize } = metadata;
  if (recordSize !== 28) throw new Error(`${from}: records of ${recordSize} bits, not 28`);
  const start = recordsStart(opened.value);
  const points = new PointReader(bytes, start);
  const places = new PlaceSet(2 ** 20);
  const records: Buffer[] = [];
  const offsets: number[] = [];
  let size = 0;
  const moved = (record: number): number => {
    if (record <= nodeCount) return record;
    if (!points.read(start + record - nodeCount - SEPARATOR_BYTES)) return nodeCount;
    const { latitude, longitude } = points;
    const number = places.add(latitude, longitude);
    if (offsets[number] === undefined) {
      offsets[number] = size;
      const data = encodeLocation(latitude, longitude);
      records.push(data);
      size += data.length;
    }
    return nodeCount + SEPARATOR_BYTES + (offsets[number] ?? 0);
  };
  const tree = Buffer.from(bytes.subarray(0, nodeCount * 7));
  const view = new DataView(tree.buffer, tree.byteOffset);
  for (let at = 0; at < tree.length; at += 7) {
    const first = view.getUint32(at);
    const left = moved((first >>> 8) | ((first & 0xf0) << 20));
    const right = moved(view.getUint32(at + 3) & 0x0fffffff);
    view.setUint16(at, (left >>> 8) & 0xffff);
    view.setUint8(at + 2, left & 0xff);
    view.setUint32(at + 3, (((left >>> 24) << 28) | right) >>> 0);
  }
  const marker = Buffer.from("abcdef4d61784d696e642e636f6d", "hex");
  const parts = [tree, Buffer.alloc(SEPARATOR_BYTES), ...records, marker, aboutFile(nodeCount)];
  writeFileSync(to, Buffer.concat(parts));
}

/** What gdnsd's library wants to know about a file, in exactly these types. */
function aboutFile(nodeCount: number): Buffer {
  const uint16 = (value: number) => Buffer.of((5 << 5) | 2, value >>> 8, value & 0xff);
  const uint64 = (value: number) => {
    const bytes = Buffer.alloc(10);
    bytes[0] = 8;
    bytes[1] = 9 - 7;
    bytes.writeBigUInt64BE(BigInt(value), 2);
    return bytes;
  };
  const noLanguages = Buffer.of(0, 11 - 7);
  const fields = {
    binary_format_major_version: uint16(2),
    binary_format_minor_version: uint16(0),
    build_epoch: uint64(1_780_000_000),
    database_type: encodeField("GeoLite2-City"),
    description: encodeField({}),
    ip_version: uint16(4),
    languages: noLanguages,
    node_count: encodeField(nodeCount),
    record_size: uint16(28),
  };
  const pairs = Object.entries(fields).flatMap(([key, value]) => [encodeField(key), value]);
  return Buffer.concat([Buffer.of((7 << 5) | Object.keys(fields).length), ...pairs]);
}

/** As doubles, whole numbers too. */
function encodeLocation(latitude: number, longitude: number): Buffer {
  const fields = [
    ["latitude", latitude],
    ["longitude", longitude],
  ] as const;
  const parts = fields.flatMap(([name, value]) => {
    const double = Buffer.alloc(9);
    double[0] = (3 << 5) | 8;
    double.writeDoubleBE(value, 1);
    return [encodeField(name), double];
  });
  return Buffer.concat([Buffer.of(0xe1), encodeField("location"), Buffer.of(0xe2), ...parts]);
}
