import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { parseIp, parsePrefix } from "../../../common/ip.ts";
import { buildMap, bundledDatabase } from "../../../router-dns/data/map-build.ts";
import { COUNTRY_PLACES } from "../../../router-dns/geo/countries.ts";
import {
  type Flatten,
  type Locations,
  locationOf,
  openLocations,
  openNetworks,
} from "../../../router-dns/geo/database.ts";
import { locateIn } from "../../../router-dns/geo/locate.ts";
import { readMmdb, walkMmdb } from "../../../router-dns/geo/mmdb.ts";
import { isPlace } from "../../../router-dns/geo/place.ts";
import { findPrefix, type PrefixTable, prefixAt } from "../../../router-dns/geo/prefix-table.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { type Field, type MmdbPlan, writeMmdb } from "./mmdb-writer.ts";

const GEOIP2_SYDNEY: Field = {
  city: { geoname_id: 2147714 },
  country: { iso_code: "AU" },
  location: { latitude: -33.8591, longitude: 151.2002 },
};
const FLAT_AMSTERDAM: Field = { country_code: "NL", latitude: 52.37, longitude: 4.885 };

function entry(text: string, record: Field) {
  const prefix = parsePrefix(text);
  assert.ok(prefix.ok);
  return { prefix: prefix.value, record };
}

function file(t: TestContext, plan: MmdbPlan, cut = (bytes: Buffer) => bytes, name = "t.mmdb") {
  const path = join(tempDir(t), name);
  writeFileSync(path, cut(writeMmdb(plan)));
  return path;
}

function tableOf(flatten: Flatten | undefined): PrefixTable | undefined {
  return flatten?.((number) => number);
}

function valueAt(flatten: Flatten | undefined, text: string): number | undefined {
  const bytes = parseIp(text);
  assert.ok(bytes.ok);
  const table = tableOf(flatten);
  return table?.values[findPrefix(table, bytes.value)];
}

function placeAt(locations: Locations, text: string) {
  const value = valueAt(text.includes(":") ? locations.v6 : locations.v4, text);
  return value === undefined ? undefined : locations.places.at(value);
}

const ORDER = { pops: [], asn: undefined, coverageFile: undefined, replaceBroken: true };

const CITY: MmdbPlan = {
  ipVersion: 6,
  type: "GeoLite2-City",
  entries: [
    entry("1.1.1.0/24", GEOIP2_SYDNEY),
    entry("193.0.6.0/24", FLAT_AMSTERDAM),
    entry("2001:67c:2e8::/48", FLAT_AMSTERDAM),
    entry("2001:4860::/32", { country: { iso_code: "US" } }),
    entry("2400::/16", { traits: { is_anycast: 1 } }),
  ],
};

describe("a database of both families", () => {
  for (const recordSize of [24, 28, 32] as const) {
    test(`is read with records of ${recordSize} bits, in both schemas`, (t) => {
      const opened = openLocations([file(t, { ...CITY, recordSize })]);
      assert.ok(opened.ok, opened.ok ? "" : opened.error);
      const { value } = opened;
      assert.deepEqual(placeAt(value, "1.1.1.77"), { latitude: -33.8591, longitude: 151.2002 });
      assert.deepEqual(placeAt(value, "193.0.6.1"), { latitude: 52.37, longitude: 4.885 });
      assert.deepEqual(placeAt(value, "2001:67c:2e8::9"), { latitude: 52.37, longitude: 4.885 });
      const [latitude, longitude] = COUNTRY_PLACES["US"] ?? [];
      assert.deepEqual(placeAt(value, "2001:4860::1"), { latitude, longitude });
      assert.equal(placeAt(value, "2400::1"), undefined, "a record without a place is nowhere");
      assert.equal(placeAt(value, "8.8.8.8"), undefined);
      assert.equal(value.sources[0]?.type, "GeoLite2-City");
    });
  }

  test("IPv4 inside the IPv6 tree, and every alias of it, is empty for IPv6", (t) => {
    const aliases = ["2002::/16", "::ffff:0:0/96"].map((text) => {
      const [address = "", length] = text.split("/");
      // A mapped prefix is spelled in bytes: as text it would be read as IPv4.
      const bytes = new Uint8Array(16);
      if (address === "2002::") bytes.set([0x20, 0x02]);
      else bytes.set([0xff, 0xff], 10);
      return { bytes, length: Number(length) };
    });
    const opened = openLocations([file(t, { ...CITY, aliases })]);
    assert.ok(opened.ok);
    assert.equal(valueAt(opened.value.v6, "2002:101:101::1"), 0);
    assert.equal(valueAt(opened.value.v6, "::1.1.1.1"), 0);
    assert.ok((tableOf(opened.value.v6)?.count ?? 0) < 300, "no second copy of IPv4");
    assert.notEqual(valueAt(opened.value.v4, "1.1.1.1"), 0);
  });

  test("prefixes are those of the tree", (t) => {
    const opened = openLocations([file(t, CITY)]);
    const table = tableOf(opened.ok ? opened.value.v4 : undefined);
    assert.ok(table !== undefined);
    const at = findPrefix(table, Uint8Array.of(1, 1, 1, 200));
    assert.deepEqual(prefixAt(table, at), {
      bytes: Uint8Array.of(1, 1, 1, 0),
      length: 24,
    });
  });
});

describe("families apart", () => {
  const v4: MmdbPlan = { ipVersion: 4, type: "v4", entries: [entry("1.1.1.0/24", FLAT_AMSTERDAM)] };
  const v6: MmdbPlan = {
    ipVersion: 6,
    type: "v6",
    entries: [entry("2001:4860::/32", FLAT_AMSTERDAM)],
  };

  test("a file of IPv4 only is never asked about IPv6", (t) => {
    const opened = openLocations([file(t, v4)]);
    assert.ok(opened.ok);
    assert.equal(opened.value.v6, undefined);
    assert.notEqual(valueAt(opened.value.v4, "1.1.1.1"), 0);
  });

  test("each family comes from the first file that has it", (t) => {
    const opened = openLocations([file(t, v4), file(t, v6), file(t, CITY)]);
    assert.ok(opened.ok);
    assert.deepEqual(
      opened.value.sources.map(({ type }) => type),
      ["v4", "v6"],
    );
    const built = buildMap({ ...ORDER, city: file(t, v4) });
    assert.ok(built.ok);
    assert.deepEqual(
      built.value.sources.map(({ type }) => type),
      ["v4", "country ipvAll"],
      "the bundled one stands in for the family that is missing",
    );
  });

  test("naming one of two files whose names differ by family means both", (t) => {
    const dir = tempDir(t);
    writeFileSync(join(dir, "x-ipv4.mmdb"), writeMmdb(v4));
    writeFileSync(join(dir, "x-ipv6.mmdb"), writeMmdb(v6));
    for (const name of ["x-ipv4.mmdb", "x-ipv6.mmdb"]) {
      const built = buildMap({ ...ORDER, city: join(dir, name) });
      assert.ok(built.ok);
      assert.deepEqual(built.value.sources.map(({ type }) => type).sort(), ["v4", "v6"]);
    }
  });
});

describe("a database that cannot be used is a reason", () => {
  const broken = (t: TestContext, plan: MmdbPlan, cut?: (bytes: Buffer) => Buffer): string => {
    const opened = openLocations([file(t, plan, cut)]);
    assert.ok(!opened.ok);
    return opened.error;
  };

  test("missing", () => {
    const opened = openLocations(["/nowhere/x.mmdb"]);
    assert.ok(!opened.ok);
    assert.equal(opened.error, "/nowhere/x.mmdb: no such file");
  });

  test("cut off at the end, in the middle, or empty", (t) => {
    assert.match(
      broken(t, CITY, (bytes) => bytes.subarray(0, bytes.length - 200)),
      /t\.mmdb: /,
    );
    const withoutMiddle = (bytes: Buffer) =>
      Buffer.concat([bytes.subarray(0, 50), bytes.subarray(-180)]);
    assert.match(broken(t, CITY, withoutMiddle), /truncated|damaged/);
    assert.match(
      broken(t, CITY, () => Buffer.alloc(0)),
      /t\.mmdb: /,
    );
  });

  test("any byte of the tree overwritten never throws", (t) => {
    const good = writeMmdb(CITY);
    const path = join(tempDir(t), "t.mmdb");
    for (let at = 0; at < good.length; at += 97) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0xff;
      writeFileSync(path, bad);
      const built = buildMap({ ...ORDER, city: path });
      assert.ok(built.ok, "there is always the bundled one");
    }
  });

  test("a tree that leads back to its root", (t) => {
    const built = buildMap({ ...ORDER, city: file(t, { ...CITY, isEndless: true }) });
    assert.ok(built.ok);
    assert.match(built.value.broken.join(), /t\.mmdb: damaged: .* deeper than an address$/);
    assert.deepEqual(
      built.value.sources.map(({ type }) => type),
      ["country ipvAll"],
    );
  });

  test("of another kind, or of a world without the addresses that all know", (t) => {
    const asn = [entry("1.1.1.0/24", { autonomous_system_number: 13335 })];
    assert.match(
      broken(t, { ipVersion: 4, type: "ASN", entries: asn }),
      /knows none of 8\.8\.8\.8/,
    );
    const elsewhere = [entry("9.0.0.0/8", FLAT_AMSTERDAM)];
    assert.match(broken(t, { ...CITY, entries: elsewhere }), /knows none of/);
  });
});

test("an AS database gives numbers", (t) => {
  const record = { autonomous_system_number: 13335, autonomous_system_organization: "X" };
  const entries = [entry("1.1.1.0/24", record)];
  const opened = openNetworks([file(t, { ipVersion: 4, type: "GeoLite2-ASN", entries })]);
  assert.ok(opened.ok);
  assert.equal(valueAt(opened.value.v4, "1.1.1.1"), 13335);
  assert.equal(valueAt(opened.value.v4, "1.1.2.1"), 0);
});

describe("the bundled database", () => {
  test("knows the countries of well-known networks, in both families", () => {
    const opened = openLocations([bundledDatabase()]);
    assert.ok(opened.ok);
    for (const [text, country] of [
      ["129.94.0.1", "AU"],
      ["5.9.0.1", "DE"],
      ["3.208.0.1", "US"],
      ["133.11.0.1", "JP"],
      ["200.147.3.1", "BR"],
      ["2001:200::1", "JP"],
      ["2a01:4f8::1", "DE"],
    ] as const) {
      const [latitude, longitude] = COUNTRY_PLACES[country] ?? [];
      assert.deepEqual(placeAt(opened.value, text), { latitude, longitude }, text);
      const bytes = parseIp(text);
      assert.ok(bytes.ok);
      assert.equal(locateIn(opened.value.sources, bytes.value)?.country, country);
    }
    assert.equal(placeAt(opened.value, "127.0.0.1"), undefined);
  });

  test("names no country that has no place", () => {
    const database = readMmdb(bundledDatabase());
    assert.ok(database.ok);
    const named = new Set<unknown>();
    for (const family of [4, 6] as const) {
      const ofRecord = (record: unknown) => {
        named.add(locationOf(record));
        return 1;
      };
      walkMmdb(database.value, family, { none: 0, ofRecord });
    }
    assert.ok(named.size > 200);
    assert.deepEqual(
      [...named].filter((country) => !(String(country) in COUNTRY_PLACES)),
      [],
    );
  });

  test("every country of the table is on the earth", () => {
    const places = Object.entries(COUNTRY_PLACES);
    assert.ok(places.length > 200);
    for (const [country, [latitude, longitude]] of places) {
      assert.match(country, /^[A-Z]{2}$/);
      assert.ok(isPlace(latitude, longitude), country);
    }
  });
});
