import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  assignMembers,
  type Catalog,
  type CatalogMember,
  catalogZone,
  type OwnedMember,
  readCatalog,
} from "../../../router-dns/transfer/catalog.ts";
import { Turnstile } from "../../../router-dns/transfer/turnstile.ts";
import { keyOf, nameOf, zoneOf } from "../dns-world.ts";

const HEAD = "$ORIGIN cat.test.\n$TTL 0\n@ SOA invalid. invalid. 1 2 3 4 0\n@ NS invalid.\n";
const VERSION = 'version TXT "2"\n';

function read(text: string) {
  return readCatalog(zoneOf(`${HEAD}${text}`));
}

function problem(text: string): string {
  const catalog = read(text);
  return catalog.ok ? "" : catalog.error;
}

describe("RFC 9432: a catalog zone", () => {
  it("s.4: says what it was made of", () => {
    const members = [
      { name: nameOf("a.test."), id: "one", group: undefined },
      { name: nameOf("B.test."), id: "two", group: "Some group" },
    ];
    const catalog = readCatalog(catalogZone(nameOf("cat.test."), members, 7));
    assert.ok(catalog.ok);
    assert.deepEqual(
      [...catalog.value].map(([key, { id, group }]) => [key, id, group]),
      [
        [keyOf("a.test."), "one", undefined],
        [keyOf("b.test."), "two", "Some group"],
      ],
    );
  });

  it("s.4.4.1: names the catalog that may take a member over", () => {
    const catalog = read(`${VERSION}m.zones PTR a.test.\ncoo.m.zones PTR other.test.\n`);
    assert.ok(catalog.ok);
    assert.equal(catalog.value.get(keyOf("a.test."))?.nextCatalog, keyOf("other.test."));
  });

  const broken = [
    ["s.4.3.1: no version", "m.zones PTR a.test.\n", /version is missing/],
    ["s.4.3.1: another version", 'version TXT "1"\n', /version is 1, not 2/],
    ["s.4.3.1: two versions", `${VERSION}version TXT "1"\n`, /version is missing/],
    ["s.4.2: two names for one label", `${VERSION}m.zones PTR a.\nm.zones PTR b.\n`, /several PTR/],
    ["s.4.2: one name twice", `${VERSION}m.zones PTR a.\nn.zones PTR a.\n`, /a\. is in it twice/],
  ] as const;
  for (const [title, text, wanted] of broken) {
    it(`${title}: broken`, () => assert.match(problem(text), wanted));
  }

  it("s.4: what is no property that we know is passed over", () => {
    const more = 'x.zones TXT "no member"\ndeep.er.zones PTR no.test.\next.m.zones TXT "x"\n';
    const catalog = read(`${VERSION}m.zones PTR a.test.\n${more}`);
    assert.ok(catalog.ok);
    assert.deepEqual([...catalog.value.keys()], [keyOf("a.test.")]);
  });

  it("has a bounded number of members", () => {
    const rows = Array.from({ length: 2_001 }, (_, i) => `m${i}.zones PTR z${i}.test.`);
    assert.match(problem(`${VERSION}${rows.join("\n")}\n`), /more than 2000 members/);
  });
});

const A = keyOf("a.test.");
const ONE = keyOf("one.test.");
const TWO = keyOf("two.test.");

function listing(id = "m", nextCatalog?: string): Catalog {
  const member: CatalogMember = { name: nameOf("a.test."), id, group: undefined, nextCatalog };
  return new Map([[A, member]]);
}

/** Who has `a.test` after `catalogs`, when `before` had it. */
function ownerAfter(
  before: string | undefined,
  catalogs: readonly (readonly [string, Catalog])[],
  isTaken = false,
): string | undefined {
  const member = listing().get(A) as CatalogMember;
  const owned = new Map<string, OwnedMember>(
    before === undefined ? [] : [[A, { ...member, catalog: before }]],
  );
  return assignMembers(owned, new Map(catalogs), () => isTaken).owned.get(A)?.catalog;
}

describe("RFC 9432: who serves a member", () => {
  const none: Catalog = new Map();
  const cases = [
    ["nobody had it", undefined, [[ONE, listing()]], ONE],
    [
      "s.5.2: two list it, the first has it",
      undefined,
      [
        [TWO, listing()],
        [ONE, listing()],
      ],
      TWO,
    ],
    [
      "s.5.2: whoever has it keeps it",
      TWO,
      [
        [ONE, listing()],
        [TWO, listing()],
      ],
      TWO,
    ],
    ["s.5.3: it is gone", ONE, [[ONE, none]], undefined],
    [
      "it is gone here and there anew",
      ONE,
      [
        [ONE, none],
        [TWO, listing()],
      ],
      TWO,
    ],
    [
      "s.4.4.1: its owner names the next",
      ONE,
      [
        [ONE, listing("m", TWO)],
        [TWO, listing()],
      ],
      TWO,
    ],
    [
      "s.4.4.1: the next does not list it",
      ONE,
      [
        [ONE, listing("m", TWO)],
        [TWO, none],
      ],
      ONE,
    ],
    [
      "s.4.4.1: a stranger wants it",
      ONE,
      [
        [ONE, listing()],
        [TWO, listing("m", TWO)],
      ],
      ONE,
    ],
  ] as const;
  for (const [title, before, catalogs, wanted] of cases) {
    it(title, () => assert.equal(ownerAfter(before, catalogs), wanted));
  }

  it("s.5.2: a zone that is served for another reason stays that", () => {
    assert.equal(ownerAfter(undefined, [[ONE, listing()]], true), undefined);
    const { clashes } = assignMembers(new Map(), new Map([[ONE, listing()]]), () => true);
    assert.deepEqual(clashes, ["a.test."]);
  });
});

it("a turnstile lets so many in, the others in their order, also behind those that fail", async () => {
  const turnstile = new Turnstile(2);
  const order: number[] = [];
  let inside = 0;
  const work = (n: number) => async () => {
    inside += 1;
    assert.ok(inside <= 2);
    order.push(n);
    await Promise.resolve();
    inside -= 1;
    if (n % 2 === 1) throw new Error("odd");
  };
  const all = [0, 1, 2, 3, 4].map((n) => turnstile.pass(work(n)));
  const results = await Promise.allSettled(all);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.equal(results.filter(({ status }) => status === "rejected").length, 2);
});
