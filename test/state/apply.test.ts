import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChange, type View, viewOf } from "../../state/apply.ts";
import { noRecords } from "../../state/certificates.ts";
import type { ChangeBody } from "../../state/change.ts";
import { aCertificate, aSite, aToken } from "../contract/state-contract.ts";

const base: View = viewOf({
  epoch: "e",
  version: 4,
  sites: [aSite("a"), aSite("b")],
  drained: ["syd-1"],
  tokens: [aToken("t1")],
  ...noRecords(),
});

function after(body: ChangeBody): View {
  return applyChange(base, { version: 5, at: 0, by: "test", body });
}

const CASES: readonly {
  readonly title: string;
  readonly body: ChangeBody;
  readonly sites?: readonly string[];
  readonly drained?: readonly string[];
  readonly tokens?: readonly string[];
}[] = [
  { title: "adds a site", body: { kind: "site-put", site: aSite("c") }, sites: ["a", "b", "c"] },
  { title: "removes a site", body: { kind: "site-remove", site: "a" }, sites: ["b"] },
  { title: "removes a site that is not there", body: { kind: "site-remove", site: "x" } },
  { title: "drains", body: { kind: "drain", edge: "fra-1" }, drained: ["syd-1", "fra-1"] },
  { title: "drains twice", body: { kind: "drain", edge: "syd-1" } },
  { title: "undrains", body: { kind: "undrain", edge: "syd-1" }, drained: [] },
  { title: "undrains what is not drained", body: { kind: "undrain", edge: "x" } },
  { title: "puts a token", body: { kind: "token-put", token: aToken("t2") }, tokens: ["t1", "t2"] },
  { title: "removes a token", body: { kind: "token-remove", token: "t1" }, tokens: [] },
  { title: "removes a token that is not there", body: { kind: "token-remove", token: "x" } },
  { title: "purges a site", body: { kind: "purge-all", site: "a" } },
  { title: "purges tags", body: { kind: "purge-tags", site: "a", tags: ["x"], soft: true } },
  {
    title: "purges prefixes",
    body: { kind: "purge-prefixes", site: "a", prefixes: ["http://a.test/"] },
  },
  { title: "purges URLs", body: { kind: "purge-urls", site: "a", urls: ["http://a.test/"] } },
];

for (const one of CASES) {
  const { title, body, sites = ["a", "b"], drained = ["syd-1"], tokens = ["t1"] } = one;
  test(`a change ${title}, moves the version, and leaves the old view alone`, () => {
    const view = after(body);
    assert.deepEqual([[...view.sites.keys()], [...view.drained]], [sites, drained]);
    assert.deepEqual([...view.tokens.keys()], tokens);
    assert.deepEqual([view.epoch, view.version], ["e", 5]);
    assert.deepEqual(
      [[...base.sites.keys()], [...base.drained], [...base.tokens.keys()], base.version],
      [["a", "b"], ["syd-1"], ["t1"], 4],
    );
  });
}

test("a site that is put again is replaced whole", () => {
  const view = after({ kind: "site-put", site: aSite("a", 9009) });
  assert.deepEqual(view.sites.get("a"), aSite("a", 9009));
  assert.equal(view.sites.size, 2);
});

test("certificates and what belongs to them have a table each", () => {
  const put = after({ kind: "certificate-put", certificate: aCertificate("c.test") });
  assert.deepEqual([...put.certificates], [["c.test", aCertificate("c.test")]]);
  assert.deepEqual([put.challenges.size, put.orders.size, put.accounts.size], [0, 0, 0]);
  assert.equal(base.certificates.size, 0);
  const body = { kind: "certificate-remove", certificate: "c.test" } as const;
  const gone = applyChange(put, { version: 6, at: 0, by: "test", body });
  assert.deepEqual([gone.certificates.size, put.certificates.size], [0, 1]);
});

test("a purge shares the maps of the view before it", () => {
  const view = after({ kind: "purge-all", site: "a" });
  assert.equal(view.sites, base.sites);
  assert.equal(view.drained, base.drained);
});

test("a kind that this version does not know is our mistake, not silently ignored", () => {
  assert.throws(() => after({ kind: "from-the-future" } as unknown as ChangeBody), /unreachable/);
});
