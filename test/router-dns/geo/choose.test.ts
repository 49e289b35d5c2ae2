import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatIp, parseIp } from "../../../common/ip.ts";
import {
  createSteering,
  type Standing,
  type SteerEdge,
  type SteerView,
} from "../../../router-dns/geo/choose.ts";
import { compileMap } from "../../../router-dns/geo/compile.ts";
import { noCoverage } from "../../../router-dns/geo/coverage.ts";
import { nameSeed } from "../../../router-dns/geo/hash.ts";
import { tableOfPrefixes } from "../../../router-dns/geo/overlay.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import type { SteerClient } from "../../../router-dns/steering.ts";
import { flattened } from "./map-model.ts";

const SYD = { latitude: -33.87, longitude: 151.21 };
const FRA = { latitude: 50.11, longitude: 8.68 };

/** Frankfurt is first in the configuration; 129.0.0.0/8 is in Sydney, nothing else is known. */
const MAP = compileMap({
  pops: [
    { name: "fra", place: FRA },
    { name: "syd", place: SYD },
  ],
  locations: {
    places: PlaceSet.of([SYD]),
    v4: flattened(
      tableOfPrefixes(4, [{ prefix: { bytes: Uint8Array.of(129, 0, 0, 0), length: 8 }, value: 1 }]),
    ),
    v6: undefined,
    sources: [],
  },
  coverage: noCoverage(),
});

/** An edge by what its address ends in: `s1` is 192.0.2.1 and 2001:db8::1. */
function edge(number: number, standing: Standing, families = "46"): SteerEdge {
  return {
    name: `e${number}`,
    seed: nameSeed(`e${number}`),
    weight: 1,
    isLastGood: false,
    v4: families.includes("4") ? bytesOf(`192.0.2.${number}`) : undefined,
    v6: families.includes("6") ? bytesOf(`2001:db8::${number}`) : undefined,
    standing,
  };
}

function bytesOf(text: string): Uint8Array {
  const bytes = parseIp(text);
  assert.ok(bytes.ok);
  return bytes.value;
}

function view(fra: readonly SteerEdge[], syd: readonly SteerEdge[], answersMax = 4): SteerView {
  return {
    map: MAP,
    pops: [
      { name: "fra", seed: nameSeed("fra"), edges: fra },
      { name: "syd", seed: nameSeed("syd"), edges: syd },
    ],
    ttlSeconds: 20,
    sites: new Map([
      ["shy", { allDown: { kind: "empty" }, answersMax }],
      ["keen", { allDown: { kind: "last-good" }, answersMax }],
    ]),
    anySite: { allDown: { kind: "serve-all" }, answersMax },
  };
}

function client(text: string, prefixLength: number, source: SteerClient["source"] = "ecs") {
  return { bytes: bytesOf(text), prefixLength, source };
}

function steer(
  given: SteerView,
  options: { site?: string; client?: SteerClient; family?: 4 | 6 } = {},
) {
  const { site = "any", family = 4, client: whom = client("129.94.0.0", 24) } = options;
  const answer = createSteering(given).steer(site, whom, family);
  return { ...answer, addresses: answer.addresses.map(formatIp).sort() };
}

describe("choosing", () => {
  test("the first PoP of the ranking with an edge that is up", () => {
    const answer = steer(
      view([edge(1, "up")], [edge(2, "up"), edge(3, "down"), edge(4, "drained")]),
    );
    assert.deepEqual(answer, {
      addresses: ["192.0.2.2"],
      ttlSeconds: 20,
      scopePrefixLength: 8,
      pop: "syd",
      reason: "closest",
    });
  });

  test("failover keeps the scope: it is the map's, whatever the health", () => {
    for (const standing of ["down", "drained"] as const) {
      const answer = steer(view([edge(1, "up")], [edge(2, standing)]));
      assert.deepEqual(answer.addresses, ["192.0.2.1"]);
      assert.deepEqual([answer.pop, answer.reason], ["fra", "failover"]);
      assert.equal(answer.scopePrefixLength, 8);
    }
  });

  test("a PoP without an address of the family answers nothing: A and AAAA agree on the PoP", () => {
    const answer = steer(view([edge(1, "up")], [edge(2, "up", "4")]), { family: 6 });
    assert.deepEqual([answer.addresses, answer.pop], [[], "syd"]);
    const other = steer(view([edge(1, "up")], [edge(2, "down", "4")]), { family: 6 });
    assert.deepEqual([other.addresses, other.pop], [["2001:db8::1"], "fra"]);
  });

  test("a place that nobody knows gets the order of the configuration", () => {
    const answer = steer(view([edge(1, "up")], [edge(2, "up")]), { client: client("10.0.0.0", 8) });
    assert.deepEqual([answer.pop, answer.reason], ["fra", "no-location"]);
    const failed = steer(view([edge(1, "down")], [edge(2, "up")]), {
      client: client("10.0.0.0", 8),
    });
    assert.deepEqual([failed.pop, failed.reason], ["syd", "failover"]);
  });
});

describe("nothing up", () => {
  test("serve-all answers down edges, the best PoP first, but never a drained one", () => {
    const given = view(
      [edge(1, "down"), edge(2, "drained")],
      [edge(3, "down"), edge(4, "drained")],
    );
    const answer = createSteering(given).steer("any", client("129.94.0.0", 24), 4);
    assert.deepEqual(answer.addresses.map(formatIp), ["192.0.2.3", "192.0.2.1"]);
    assert.deepEqual([answer.pop, answer.reason], ["syd", "all-down"]);
  });

  test("empty answers nothing", () => {
    const answer = steer(view([edge(1, "down")], [edge(2, "down")]), { site: "shy" });
    assert.deepEqual([answer.addresses, answer.pop, answer.reason], [[], undefined, "all-down"]);
  });

  test("last-good answers those that were up last, and never a drained one", () => {
    const good = { ...edge(2, "down"), isLastGood: true };
    const drained = { ...edge(4, "drained"), isLastGood: true };
    const given = view([edge(1, "down"), good], [edge(3, "down"), drained]);
    const answer = steer(given, { site: "keen" });
    assert.deepEqual([answer.addresses, answer.pop], [["192.0.2.2"], "fra"]);
    const up = view([edge(1, "up"), good], [edge(3, "down")]);
    assert.deepEqual(steer(up, { site: "keen" }).addresses, ["192.0.2.1"]);
  });

  test("with all drained even serve-all answers nothing", () => {
    const answer = steer(view([edge(1, "drained")], [edge(2, "drained")]));
    assert.deepEqual([answer.addresses, answer.pop, answer.reason], [[], undefined, "all-down"]);
  });
});

describe("RFC 7871 scope", () => {
  const both = view([edge(1, "up")], [edge(2, "up")]);

  test("7.2.1: a source shorter than the map's prefix is told the longer scope", () => {
    const answer = steer(both, { client: client("128.0.0.0", 4) });
    assert.ok(answer.scopePrefixLength >= 8);
  });

  test("a family without a database has scope 0", () => {
    const answer = steer(both, { client: client("2001:db8::", 48) });
    assert.deepEqual([answer.scopePrefixLength, answer.reason], [0, "no-location"]);
  });

  test("7.1.2: an empty source says nothing about the client", () => {
    const answer = steer(both, { client: client("0.0.0.0", 0) });
    assert.deepEqual([answer.scopePrefixLength, answer.reason], [0, "no-location"]);
  });
});

describe("order", () => {
  const five = [1, 2, 3, 4, 5].map((number) => edge(number, "up"));
  const addressesFor = (text: string) =>
    createSteering(view(five, five, 3))
      .steer("any", client(text, 24), 4)
      .addresses.map(formatIp);

  test("whoever shares the scope gets the same edges in the same order", () => {
    assert.deepEqual(addressesFor("129.1.2.0"), addressesFor("129.200.3.0"));
  });

  test("no more than the limit, each once, and different prefixes begin elsewhere", () => {
    const firsts = new Set<string>();
    // Outside 129/8 the map has one prefix for each bit in which an address differs from it.
    for (let bit = 0; bit < 8; bit += 1) {
      const addresses = addressesFor(`${129 ^ (0x80 >> bit)}.0.0.0`);
      assert.equal(new Set(addresses).size, 3);
      firsts.add(addresses[0] ?? "");
    }
    assert.ok(firsts.size > 2, [...firsts].join(" "));
  });
});
