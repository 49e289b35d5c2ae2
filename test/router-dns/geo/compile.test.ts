import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { formatIp, formatPrefix, maskIp, parseIp, parsePrefix } from "../../../common/ip.ts";
import { compileMap, type SteeringMap } from "../../../router-dns/geo/compile.ts";
import { noCoverage } from "../../../router-dns/geo/coverage.ts";
import type { Leaf } from "../../../router-dns/geo/leaves.ts";
import { tableOfPrefixes } from "../../../router-dns/geo/overlay.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import { findPrefix, prefixAt } from "../../../router-dns/geo/prefix-table.ts";
import {
  type CoverageEntry,
  coverageOf,
  edgeAddresses,
  flattened,
  rankByHand,
  toSources,
  type World,
  worlds,
} from "./map-model.ts";

function lookUp(map: SteeringMap, address: Uint8Array) {
  const table = address.length === 4 ? map.v4 : map.v6;
  const position = findPrefix(table, address);
  const leaf = map.leaves.at(table.values[position] ?? -1);
  assert.ok(leaf !== undefined, `${formatIp(address)} has no leaf`);
  return { leaf, prefix: prefixAt(table, position) };
}

function names(world: World, leaf: Leaf) {
  return { reason: leaf.reason, ranking: leaf.ranking.map((pop) => world.pops[pop]?.name) };
}

const addresses = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);

describe("compiled map against a search of everything", () => {
  test("has the same ranking and reason at random addresses and at every edge", () => {
    fc.assert(
      fc.property(
        worlds({ min: 1, max: 6 }),
        fc.array(addresses, { maxLength: 30 }),
        (world, random) => {
          const map = compileMap(toSources(world));
          for (const address of [...random, ...edgeAddresses(world)]) {
            const { leaf } = lookUp(map, address);
            assert.deepEqual(names(world, leaf), rankByHand(world, address), formatIp(address));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("RFC 7871 7.2.1: every address inside the prefix that is the scope has the same leaf", () => {
    fc.assert(
      fc.property(
        worlds({ min: 2, max: 5 }),
        addresses,
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (world, address, noise) => {
          const map = compileMap(toSources(world));
          for (const inside of [address, ...edgeAddresses(world)]) {
            const { leaf, prefix } = lookUp(map, inside);
            assert.deepEqual(maskIp(inside, prefix.length), prefix.bytes);
            const other = mix(inside, noise, prefix.length);
            assert.equal(lookUp(map, other).leaf, leaf, formatIp(other));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("no prefix could be larger: two halves never have the same leaf", () => {
    fc.assert(
      fc.property(worlds({ min: 1, max: 4 }), (world) => {
        const map = compileMap(toSources(world));
        for (const table of [map.v4, map.v6]) {
          for (let i = 1; i < table.count; i += 1) {
            const [left, right] = [prefixAt(table, i - 1), prefixAt(table, i)];
            if (left.length !== right.length || left.length === 0) continue;
            const parent = maskIp(right.bytes, right.length - 1);
            const siblings = Buffer.compare(parent, maskIp(left.bytes, right.length - 1)) === 0;
            assert.ok(!siblings || table.values[i - 1] !== table.values[i], formatPrefix(right));
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test("with many PoPs, the first ones are still by distance from the client", () => {
    fc.assert(
      fc.property(worlds({ min: 40, max: 60 }), (world) => {
        const map = compileMap(toSources({ ...world, coverage: [] }));
        for (const address of edgeAddresses(world)) {
          const { leaf } = lookUp(map, address);
          const byHand = rankByHand({ ...world, coverage: [] }, address);
          const got = names(world, leaf);
          assert.equal(got.reason, byHand.reason);
          assert.deepEqual(got.ranking.slice(0, 8), byHand.ranking.slice(0, 8));
          assert.deepEqual(new Set(got.ranking), new Set(byHand.ranking));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("compiled map", () => {
  const syd = { name: "syd", place: { latitude: -33.87, longitude: 151.21 } };
  const fra = { name: "fra", place: { latitude: 50.11, longitude: 8.68 } };
  const deepIn = (text: string) => ({
    name: "uni",
    place: { latitude: -33.92, longitude: 151.23 },
    deep: { asn: [7575], networks: [prefixOf(text)] },
  });
  const locations = {
    places: PlaceSet.of([syd.place]),
    v4: flattened(tableOfPrefixes(4, [{ prefix: prefixOf("129.0.0.0/8"), value: 1 }])),
    v6: undefined,
    sources: [],
  };
  const rank = (map: SteeringMap, text: string) => {
    const address = parseIp(text);
    assert.ok(address.ok);
    const { leaf, prefix } = lookUp(map, address.value);
    return [leaf.reason, ...leaf.ranking, `/${prefix.length}`].join(" ");
  };
  const pops = [fra, syd, deepIn("129.94.0.0/16")];
  const compile = (entries: readonly CoverageEntry[]) =>
    compileMap({ pops, locations, coverage: coverageOf(entries, pops) });

  test("a deep PoP is first for its network and is not there for anybody else", () => {
    const map = compile([]);
    assert.equal(rank(map, "129.94.8.1"), "deep 2 1 0 /16");
    assert.equal(rank(map, "129.95.0.1"), "closest 1 0 /16");
  });

  test("a coverage prefix beats a deep network, however much longer that is", () => {
    const map = compile([{ network: prefixOf("129.0.0.0/8"), pop: "fra" }]);
    assert.equal(rank(map, "129.94.8.1"), "coverage 0 1 /8");
  });

  test("coverage may send to a deep PoP", () => {
    const map = compile([{ network: prefixOf("10.0.0.0/8"), pop: "uni" }]);
    assert.equal(rank(map, "10.1.1.1"), "coverage 2 1 0 /8");
  });

  test("without a database for a family all of it has one leaf and the scope is 0", () => {
    assert.equal(rank(compile([]), "2001:db8::1"), "no-location 0 1 /0");
  });

  test("more leaves than allowed are made fewer by ranking fewer PoPs exactly", () => {
    const pops = Array.from({ length: 20 }, (_, index) => ({
      name: `p${index}`,
      place: { latitude: ((index * 37) % 120) - 60, longitude: ((index * 83) % 360) - 180 },
    }));
    const places = Array.from({ length: 200 }, (_, index) => ({
      latitude: ((index * 29) % 160) - 80,
      longitude: ((index * 47) % 360) - 180,
    }));
    const entries = places.map((_, index) => ({
      prefix: { bytes: Uint8Array.of(index, 0, 0, 0), length: 8 },
      value: index + 1,
    }));
    const v4 = flattened(tableOfPrefixes(4, entries));
    const world = { places: PlaceSet.of(places), v4, v6: undefined, sources: [] };
    const map = compileMap({ pops, locations: world, coverage: noCoverage() }, 60);
    assert.ok(map.leaves.count <= 60);
    assert.ok(map.rankedFirst < 8);
    for (let i = 0; i < map.leaves.count; i += 1) {
      assert.equal(new Set(map.leaves.at(i)?.ranking).size, 20);
    }
  });
});

function mix(inside: Uint8Array, noise: Uint8Array, keep: number): Uint8Array {
  const mixed = noise.slice(0, inside.length);
  for (let bit = 0; bit < keep; bit += 1) {
    const mask = 0x80 >> (bit & 7);
    const byte = bit >> 3;
    mixed[byte] = ((mixed[byte] ?? 0) & ~mask) | ((inside[byte] ?? 0) & mask);
  }
  return mixed;
}

function prefixOf(text: string) {
  const prefix = parsePrefix(text);
  assert.ok(prefix.ok);
  return prefix.value;
}
