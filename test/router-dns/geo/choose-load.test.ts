import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import {
  choosePop,
  edgesFor,
  type MapPlace,
  type SteerLoad,
  type SteerView,
} from "../../../router-dns/geo/choose.ts";
import { nameSeed } from "../../../router-dns/geo/hash.ts";
import { pickEdges } from "../../../router-dns/geo/pick-edges.ts";
import { uniformTable } from "../../../router-dns/geo/prefix-table.ts";

const NAMES = ["syd", "sin", "nrt", "iad"];

function view(load: SteerLoad | undefined, down: readonly string[] = []): SteerView {
  return {
    map: undefined as never,
    pops: NAMES.map((name) => ({
      name,
      seed: nameSeed(name),
      edges: [1, 2, 3, 4, 5].map((number) => ({
        name: `${name}-${number}`,
        seed: nameSeed(`${name}-${number}`),
        weight: 1,
        v4: Uint8Array.of(192, 0, 2, number),
        v6: undefined,
        standing: down.includes(name) ? "down" : "up",
        isLastGood: false,
      })),
    })),
    ttlSeconds: 20,
    sites: new Map(),
    anySite: { allDown: { kind: "serve-all" }, answersMax: 2 },
    load,
  };
}

/** Sydney gives `sin` and `nrt` to those. */
function sheds(sin: number, nrt: number): SteerLoad {
  const shed = { keeps: 1 - sin - nrt, to: [1, 2], fractions: [sin, nrt] };
  return { sheds: [shed, undefined, undefined, undefined], keeps: NAMES.map(() => undefined) };
}

function place(network: number, length = 8): MapPlace {
  return {
    table: { ...uniformTable(4, 0), lengths: Uint8Array.of(length) },
    position: 0,
    leaf: { ranking: [0, 1, 2, 3], reason: "closest" },
    scopePrefixLength: length,
    client: Uint8Array.of(129, network >>> 8, network & 0xff, 7),
    isKnown: true,
  };
}

const NETWORKS = Array.from({ length: 4_000 }, (_, network) => network);
const popOf = (given: SteerView, network: number) => choosePop(given, place(network)).pop;

describe("a PoP that gives clients away", () => {
  test("fractions come true, and the answer is for the client's /24", () => {
    const given = view(sheds(0.3, 0.2));
    const counts = [0, 0, 0, 0];
    for (const network of NETWORKS) {
      const choice = choosePop(given, place(network));
      counts[choice.pop] = (counts[choice.pop] ?? 0) + 1;
      assert.equal(choice.scopePrefixLength, 24);
      assert.equal(choice.reason, choice.pop === 0 ? "closest" : "load");
    }
    for (const [pop, part] of [0.5, 0.3, 0.2, 0].entries()) {
      const share = (counts[pop] ?? 0) / NETWORKS.length;
      assert.ok(Math.abs(share - part) < 0.03, `${NAMES[pop]}: ${share}, not ${part}`);
    }
  });

  test("whoever shares a /24 shares the answer; a longer prefix of the map stays", () => {
    const given = view(sheds(0.3, 0.2));
    const fraction = fc.integer({ min: 0, max: 65_535 });
    const property = fc.property(fraction, fc.integer({ min: 0, max: 255 }), (network, last) => {
      const one = place(network);
      const other = { ...one, client: Uint8Array.of(129, network >>> 8, network & 0xff, last) };
      assert.deepEqual(choosePop(given, other), choosePop(given, one));
    });
    fc.assert(property);
    assert.equal(choosePop(given, place(1, 28)).scopePrefixLength, 28);
  });

  test("who asks not to be told apart gets the closest, with scope 0", () => {
    const nobody = { ...place(3), isKnown: false, scopePrefixLength: 0 };
    for (const network of NETWORKS.slice(0, 50)) {
      const client = place(network).client;
      const choice = choosePop(view(sheds(0.5, 0.4)), { ...nobody, client });
      assert.deepEqual([choice.pop, choice.scopePrefixLength], [0, 0]);
    }
  });

  test("giving more moves only clients of the giver, and those who were gone stay gone", () => {
    const parts = fc.record({
      sin: fc.double({ min: 0.01, max: 0.4, noNaN: true }),
      nrt: fc.double({ min: 0.01, max: 0.4, noNaN: true }),
      more: fc.double({ min: 1, max: 1.2, noNaN: true }),
    });
    const property = fc.property(parts, ({ sin, nrt, more }) => {
      const [less, greater] = [view(sheds(sin, nrt)), view(sheds(sin * more, nrt * more))];
      for (const network of NETWORKS.slice(0, 300)) {
        const before = popOf(less, network);
        if (before !== 0) assert.equal(popOf(greater, network), before);
      }
    });
    fc.assert(property, { numRuns: 30 });
  });

  test("a taker that goes down leaves the others' clients alone", () => {
    const [all, without] = [view(sheds(0.3, 0.2)), view(sheds(0.3, 0.2), ["sin"])];
    for (const network of NETWORKS) {
      const [before, after] = [popOf(all, network), popOf(without, network)];
      if (before !== 1) assert.equal(after, before);
      else assert.equal(after, 2);
    }
    const alone = view(sheds(0.3, 0.2), ["sin", "nrt"]);
    for (const network of NETWORKS) assert.equal(popOf(alone, network), 0);
  });
});

describe("edges of a PoP", () => {
  const edges = Array.from({ length: 8 }, (_, i) => ({ seed: nameSeed(`e${i}`), weight: 1 }));
  const pick = (site: string, clientHash: number, of = edges) =>
    pickEdges(of, { siteSeed: nameSeed(site), count: 2, clientHash });

  test("a site stays on few edges, whoever asks, and sites are spread evenly", () => {
    const counts = new Map<unknown, number>();
    for (let site = 0; site < 4_000; site += 1) {
      const chosen = new Set(pick(`s${site}`, 0));
      assert.deepEqual(new Set(pick(`s${site}`, 1)), chosen);
      for (const edge of chosen) counts.set(edge, (counts.get(edge) ?? 0) + 1);
    }
    for (const edge of edges) {
      assert.ok(Math.abs((counts.get(edge) ?? 0) - 1_000) < 120, String(counts.get(edge)));
    }
  });

  test("an edge that leaves moves only what was its", () => {
    const [gone, ...rest] = edges;
    for (let site = 0; site < 500; site += 1) {
      const before = new Set(pick(`s${site}`, 0));
      const after = new Set(pick(`s${site}`, 0, rest));
      if (gone && before.has(gone)) before.delete(gone);
      for (const edge of before) assert.ok(after.has(edge));
      if (gone && !new Set(pick(`s${site}`, 0)).has(gone)) assert.deepEqual(after, before);
    }
  });

  test("weights are parts", () => {
    const heavy = edges.map((edge, i) => ({ ...edge, weight: i === 0 ? 3 : 1 }));
    let first = 0;
    for (let site = 0; site < 4_000; site += 1) {
      const [edge] = pickEdges(heavy, { siteSeed: nameSeed(`s${site}`), count: 1, clientHash: 0 });
      if (edge === heavy[0]) first += 1;
    }
    assert.ok(Math.abs(first / 4_000 - 0.3) < 0.03, String(first / 4_000));
  });

  test("a full edge is passed over for its part of clients, for the next of the site", () => {
    const keeps = [0.4, 1, 1, 1, 1];
    const load = {
      sheds: NAMES.map(() => undefined),
      keeps: [keeps, undefined, undefined, undefined],
    };
    const [plain, full] = [view(undefined), view(load)];
    let had = 0;
    let kept = 0;
    for (const network of NETWORKS) {
      const site = `s${network % 7}`;
      const names = (given: SteerView) =>
        edgesFor(given, site, choosePop(given, place(network))).map(({ name }) => name);
      const [before, after] = [names(plain), names(full)];
      assert.equal(after.length, 2);
      if (!before.includes("syd-1")) continue;
      had += 1;
      if (after.includes("syd-1")) kept += 1;
      assert.ok(before.filter((name) => name !== "syd-1").every((name) => after.includes(name)));
    }
    assert.ok(had > 500 && Math.abs(kept / had - 0.4) < 0.04, `${kept} of ${had}`);
  });
});
