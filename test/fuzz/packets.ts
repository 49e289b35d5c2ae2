import { queryBytes, words } from "../router-dns/dns-world.ts";
import type { Seeded } from "./seeded.ts";

const NAMES = [
  "www.netcinema.test",
  "video.NETCINEMA.test",
  "netcinema.kingcdn.test",
  "c0.netcinema.test",
  "x.sub.netcinema.test",
  "a.b.wild.netcinema.test",
  "nope.kingcdn.test",
  "loop-a.netcinema.test",
  "www.example.com",
  ".",
  `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.kingcdn.test`,
] as const;

const TYPES = [
  "A",
  "AAAA",
  "NS",
  "SOA",
  "MX",
  "TXT",
  "SRV",
  "CAA",
  "DS",
  "ANY",
  "AXFR",
  "CNAME",
] as const;

const SUBNETS = [
  "00011800815e00",
  "0001200001020304",
  "00023800200100000000ff",
  "000238002001000000000000",
  "00000000",
  "00010000",
  "0001",
  "",
  "000118ff815e00",
] as const;

/** A query that is right, or nearly. */
export function validQuery(random: Seeded): Buffer {
  const options: (readonly [number, string])[] = [];
  for (let count = random.below(3); count > 0; count -= 1) {
    if (random.below(2) === 0) options.push([8, random.pick(SUBNETS)]);
    else
      options.push([
        random.below(65_536),
        Buffer.from(random.bytes(random.below(9))).toString("hex"),
      ]);
  }
  return queryBytes(
    {
      name: random.pick(NAMES),
      type: random.below(8) === 0 ? random.below(65_536) : random.pick(TYPES),
      rrclass: random.below(16) === 0 ? random.below(65_536) : 1,
      flags: random.below(8) === 0 ? random.below(65_536) : 0x0100,
      version: random.below(16) === 0 ? random.below(256) : 0,
      ...(random.below(2) === 0 ? {} : { udpBytes: random.below(5_000), options }),
    },
    random.below(65_536),
  );
}

/** A header with random counts, so that what follows is read as records. */
function header(random: Seeded): Buffer {
  const count = () => (random.below(2) === 0 ? random.below(4) : random.below(65_536));
  return words(random.below(65_536), random.below(2) * 0x0100, 1, count(), count(), count());
}

/** One way to make a packet: each is something that somebody has sent to a name server. */
export const MAKERS: readonly [
  (random: Seeded) => Uint8Array,
  ...((random: Seeded) => Uint8Array)[],
] = [
  validQuery,
  function mutated(random) {
    const bytes = validQuery(random);
    for (let count = 1 + random.below(4); count > 0; count -= 1) {
      bytes[random.below(bytes.length)] = random.pick([
        0,
        1,
        0x3f,
        0x40,
        0xc0,
        0xff,
        random.below(256),
      ]);
    }
    return bytes;
  },
  function cutOff(random) {
    const bytes = validQuery(random);
    return bytes.subarray(0, random.below(bytes.length + 1));
  },
  function continued(random) {
    return Buffer.concat([validQuery(random), random.bytes(random.below(40))]);
  },
  function noise(random) {
    return random.bytes(random.below(80));
  },
  function noiseBehindHeader(random) {
    return Buffer.concat([header(random), random.bytes(random.below(120))]);
  },
  function pointers(random) {
    const target = () => words(0xc000 | random.below(64));
    const question = Buffer.concat([Buffer.from([1, 97]), target(), words(1, 1)]);
    const record = Buffer.concat([target(), words(random.pick([41, 1]), 1232, 0, 0, 0)]);
    const first = random.below(2) === 0 ? question : Buffer.concat([Buffer.from([0]), words(1, 1)]);
    return Buffer.concat([header(random), first, record, record]);
  },
  function manyRecords(random) {
    const count = random.below(60);
    const record = Buffer.concat([
      Buffer.from([0]),
      words(random.pick([41, 250, 1]), 1232, 0, 0, 0),
    ]);
    const head = words(7, 0, 1, 0, 0, count);
    const body = Buffer.concat(Array.from({ length: count }, () => record));
    return Buffer.concat([head, Buffer.from([0]), words(2, 1), body]);
  },
  function manyOptions(random) {
    const count = random.below(200);
    const option = words(random.pick([3, 8, 10, 12, 65_001]), 0);
    const options = Buffer.concat(Array.from({ length: count }, () => option));
    const length = random.below(8) === 0 ? random.below(65_536) : options.length;
    const opt = Buffer.concat([Buffer.from([0]), words(41, 1232, 0, 0, length), options]);
    return Buffer.concat([words(7, 0, 1, 0, 0, 1), Buffer.from([0]), words(2, 1), opt]);
  },
];
