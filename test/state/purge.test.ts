import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { type PurgeEvent, PurgeTable, type PurgeTarget, type TagSet } from "../../state/purge.ts";

const HARD = { soft: false } as const;
const softAt = (at: number) => ({ soft: true, at }) as const;
const tagged = (...tags: string[]): TagSet => ({ tags, overflow: false });
const NONE = tagged();

/** What becomes of an object of the site `s`. */
function verdict(
  table: PurgeTable,
  generation: number,
  key = "s h/a/b?c",
  tags: TagSet | undefined = NONE,
) {
  return table.site("s").judge({ generation, key, tags });
}

suite("purge table", () => {
  test("an object is purged by what came after its exchange began, and by nothing before", () => {
    const table = new PurgeTable();
    table.site("s").purge({ kind: "all" }, HARD);
    const { generation } = table;
    assert.equal(verdict(table, generation).kind, "current");
    table.site("other").purge({ kind: "all" }, HARD);
    assert.equal(verdict(table, generation).kind, "current");
    table.site("s").purge({ kind: "all" }, HARD);
    assert.equal(verdict(table, generation).kind, "purged");
    assert.equal(verdict(table, table.generation).kind, "current");
  });

  const reach: readonly [string, PurgeTarget, string, TagSet | undefined, "purged" | "current"][] =
    [
      ["prefix", { kind: "prefixes", prefixes: ["s h/a/"] }, "s h/a/b", NONE, "purged"],
      [
        "prefix that is all of it",
        { kind: "prefixes", prefixes: ["s h/a"] },
        "s h/a",
        NONE,
        "purged",
      ],
      ["longer prefix", { kind: "prefixes", prefixes: ["s h/a/b"] }, "s h/a", NONE, "current"],
      ["other prefix", { kind: "prefixes", prefixes: ["s h/b"] }, "s h/a/b", NONE, "current"],
      [
        "prefix with query",
        { kind: "prefixes", prefixes: ["s h/a?x="] },
        "s h/a?x=1",
        NONE,
        "purged",
      ],
      ["tag", { kind: "tags", tags: ["x", "y"] }, "s h/", tagged("z", "y"), "purged"],
      ["other tag", { kind: "tags", tags: ["x"] }, "s h/", tagged("X", "xx"), "current"],
      [
        "any tag, of too many",
        { kind: "tags", tags: ["x"] },
        "s h/",
        { tags: [], overflow: true },
        "purged",
      ],
      ["any tag, before the head", { kind: "tags", tags: ["x"] }, "s h/", undefined, "purged"],
    ];
  for (const [title, target, key, tags, expected] of reach) {
    test(`${title}: ${expected}`, () => {
      const table = new PurgeTable();
      table.site("s").purge(target, HARD);
      assert.equal(table.site("s").judge({ generation: 0, key, tags }).kind, expected);
    });
  }

  test("a soft purge makes stale as of its moment; of several the earliest counts", () => {
    const table = new PurgeTable();
    table.site("s").purge({ kind: "tags", tags: ["x"] }, softAt(700));
    table.site("s").purge({ kind: "prefixes", prefixes: ["s h/"] }, softAt(500));
    assert.deepEqual(verdict(table, 0, "s h/a", tagged("x")), { kind: "stale", since: 500 });
    assert.deepEqual(verdict(table, 0, "s other/a", tagged("x")), { kind: "stale", since: 700 });
    table.site("s").purge({ kind: "tags", tags: ["x"] }, HARD);
    assert.equal(verdict(table, 0, "s h/a", tagged("x")).kind, "purged");
    assert.equal(verdict(table, 0, "s h/a", NONE).kind, "stale");
  });

  test("when purges may have been missed, only what is surely purged is not asked about", () => {
    const table = new PurgeTable();
    table.site("s").purge({ kind: "tags", tags: ["x"] }, HARD);
    table.doubtAll();
    assert.equal(verdict(table, 0).kind, "unsure");
    assert.equal(verdict(table, 0, "s h/", tagged("x")).kind, "purged");
    assert.equal(verdict(table, table.generation).kind, "current");
  });

  test("a million purges of different things take no more memory than the limits say", () => {
    const limits = { marks: 100, characters: 1_500, prefixLengths: 4 };
    const table = new PurgeTable(limits);
    const site = table.site("s");
    for (let i = 0; i < 500_000; i += 1) {
      site.purge({ kind: "tags", tags: [`t${i}`] }, HARD);
      site.purge({ kind: "prefixes", prefixes: [`s h/${"p".repeat(i % 9)}${i}`] }, HARD);
    }
    assert.ok(table.marks <= 100);
    assert.equal(table.folded, 1_000_000 - table.marks);
    const { generation } = table;
    // What was folded long ago concerns everything older, and nothing that is younger.
    assert.equal(verdict(table, 0, "s h/z", tagged("t0")).kind, "purged");
    assert.equal(verdict(table, generation - 6, "s h/z", NONE).kind, "current");
    assert.equal(verdict(table, generation - 2, "s h/z", tagged("t499999")).kind, "purged");
  });

  test("a hard purge of everything lets go of all marks", () => {
    const table = new PurgeTable();
    table.site("s").purge({ kind: "tags", tags: ["x", "y"] }, HARD);
    table.site("s").purge({ kind: "prefixes", prefixes: ["s h/"] }, softAt(1));
    assert.equal(table.marks, 3);
    table.site("s").purge({ kind: "all" }, HARD);
    assert.equal(table.marks, 0);
    assert.equal(verdict(table, 0).kind, "purged");
  });
});

/*
 * Against a model that forgets nothing and looks through all purges: with room enough both agree;
 * with next to none the table may only be stricter.
 */
const label = fc.constantFrom("a", "ab", "abc", "b", "bc", "c", "ca");
const target: fc.Arbitrary<PurgeTarget> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: "all" as const }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("tags" as const),
      tags: fc.array(label, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("prefixes" as const),
      prefixes: fc.array(label, { minLength: 1, maxLength: 3 }),
    }),
  },
);
const purges = fc.array(fc.record({ target, soft: fc.boolean() }), { maxLength: 30 });
const anObject = fc.record({
  generation: fc.nat(30),
  key: fc.array(label, { minLength: 1, maxLength: 2 }).map((parts) => parts.join("")),
  tags: fc.array(label, { maxLength: 3 }),
});

function modelled(
  all: readonly { readonly target: PurgeTarget; readonly soft: boolean }[],
  object: { readonly generation: number; readonly key: string; readonly tags: readonly string[] },
): "current" | "stale" | "purged" {
  const concerned = all.slice(object.generation).filter(({ target }) => {
    if (target.kind === "all") return true;
    return target.kind === "tags"
      ? target.tags.some((tag) => object.tags.includes(tag))
      : target.prefixes.some((prefix) => object.key.startsWith(prefix));
  });
  if (concerned.some(({ soft }) => !soft)) return "purged";
  return concerned.length > 0 ? "stale" : "current";
}

const STRICTNESS = { current: 0, stale: 1, unsure: 2, purged: 3 } as const;

test("with room the table agrees with all purges; without, it is only ever stricter", () => {
  const property = fc.property(purges, fc.array(anObject, { minLength: 1 }), (all, objects) => {
    const roomy = new PurgeTable();
    const tight = new PurgeTable({ marks: 2, characters: 5, prefixLengths: 1 });
    for (const [index, { target, soft }] of all.entries()) {
      const force = soft ? softAt(index) : HARD;
      for (const table of [roomy, tight]) table.site("s").purge(target, force);
    }
    for (const { generation, key, tags } of objects) {
      const facts = { generation: Math.min(generation, all.length), key, tags: tagged(...tags) };
      const expected = modelled(all, { ...facts, tags });
      assert.equal(roomy.site("s").judge(facts).kind, expected);
      const strict = tight.site("s").judge(facts).kind;
      assert.ok(STRICTNESS[strict] >= STRICTNESS[expected], `${strict} for ${expected}`);
    }
  });
  fc.assert(property, { numRuns: 1_000 });
});

test("what is replayed, event by event or as what became of them, judges as the table does", () => {
  const doubts = fc.array(fc.record({ after: fc.nat(30), site: fc.boolean() }), { maxLength: 2 });
  const asked = fc.array(anObject, { minLength: 1 });
  const property = fc.property(purges, doubts, asked, (all, doubted, objects) => {
    const limits = { marks: 4, characters: 20, prefixLengths: 2 };
    const table = new PurgeTable(limits);
    const kept: PurgeEvent[] = [];
    table.onEvent = (event) => kept.push(event);
    for (const [index, { target, soft }] of all.entries()) {
      table.site("s").purge(target, soft ? softAt(index) : HARD);
      for (const { after, site } of doubted) {
        if (after !== index) continue;
        if (site) table.doubtSite("s");
        else table.doubtAll();
      }
    }
    const [replayed, restored] = [new PurgeTable(limits), new PurgeTable(limits)];
    for (const event of kept) replayed.replay(event);
    for (const event of table.events()) restored.replay(event);
    restored.atLeast(table.generation);
    for (const { generation, key, tags } of objects) {
      const facts = { generation, key, tags: tagged(...tags) };
      const expected = table.site("s").judge(facts);
      assert.deepEqual(replayed.site("s").judge(facts), expected);
      assert.deepEqual(restored.site("s").judge(facts), expected);
    }
    assert.equal(replayed.generation, table.generation);
    assert.equal(restored.generation, table.generation);
  });
  fc.assert(property, { numRuns: 1_000 });
});

test("a doubt concerns sites that the table hears of later as well", () => {
  const table = new PurgeTable();
  table.doubtAll();
  const facts = { generation: 0, key: "k", tags: tagged() };
  assert.equal(table.site("later").judge(facts).kind, "unsure");
  assert.equal(table.site("later").judge({ ...facts, generation: 1 }).kind, "current");
});
