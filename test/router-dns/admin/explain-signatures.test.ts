import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDnsDecision } from "../../../control/cli/decision-text.ts";
import { explainQuery } from "../../../router-dns/admin/explain.ts";
import type { Snapshot } from "../../../router-dns/pipeline.ts";
import { snapshotOf, zoneOf } from "../dns-world.ts";
import { signingOf } from "../sign/world.ts";

const ZONE = `
$TTL 300
@   SOA ns1 h 1 2 3 4 60
    NS ns1
ns1 A 192.0.2.1
x.ent TXT "a"
sec NS ns1
    DS 12345 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF
`;

const zones = ["signed.test", "plain.test"].map((name) => zoneOf(`$ORIGIN ${name}.${ZONE}`));

async function explain(
  name: string,
  snapshot: Snapshot = snapshotOf(zones, undefined, signingOf("signed.test")),
) {
  const { status, body } = await explainQuery(new URLSearchParams({ name, client: "192.0.2.7" }), {
    snapshot,
    view: {
      map: undefined as never,
      pops: [],
      ttlSeconds: 20,
      sites: new Map(),
      anySite: { allDown: { kind: "serve-all" }, answersMax: 4 },
    },
    places: [],
    health: new Map(),
    locate: () => Promise.resolve(undefined),
    quorum: "majority",
    votes: () => [],
  });
  assert.equal(status, 200);
  const { signatures } = body as { signatures?: { type: string; why: string }[] };
  return { body, whys: (signatures ?? []).map(({ type, why }) => `${type} ${why}`) };
}

describe("why records of a signed zone are there", () => {
  it("signatures: what they sign, with which key, until when", async () => {
    const { body, whys } = await explain("ns1.signed.test");
    assert.equal(whys.length, 1);
    assert.match(
      whys[0] ?? "",
      /^RRSIG signs the A records: key \d+ of signed\.test, good until 2026-01-18T00:00:00Z$/,
    );
    assert.match(
      formatDnsDecision(body),
      /with DNSSEC also\n {4}answer {2}ns1\.signed\.test {2}RRSIG/,
    );
  });

  it("denials: of a name, of a type, of anything but names below", async () => {
    const why = async (name: string) =>
      (await explain(name)).whys.find((text) => text.startsWith("NSEC"));
    assert.match((await why("nope.signed.test")) ?? "", /there is no such name/);
    assert.match((await why("x.ent.signed.test")) ?? "", /no other types than TXT/);
    assert.match((await why("ent.signed.test")) ?? "", /no records, only names below it/);
  });

  it("the DS of a signed child", async () => {
    assert.match((await explain("www.sec.signed.test")).whys.join("\n"), /^DS names the key/m);
  });

  it("nothing where nothing is signed", async () => {
    const { body, whys } = await explain("ns1.plain.test");
    assert.deepEqual(whys, []);
    assert.doesNotMatch(formatDnsDecision(body), /DNSSEC/);
  });
});
