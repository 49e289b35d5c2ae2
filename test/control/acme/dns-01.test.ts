import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { delegatedName } from "../../../common/acme-names.ts";
import type { CertificateListBody, LogBody } from "../../../control/api/shapes.ts";
import { eventually } from "../../support/eventually.ts";
import { startStory } from "./story.ts";

describe("certificates by DNS-01, from pebble", () => {
  it("come for all names below the domain, and for a customer's by one CNAME", async (t) => {
    const story = await startStory(t, { wildcard: true });
    const target = delegatedName("www.shop.example", "kingcdn.test");
    story.customerZone(`_acme-challenge.www IN CNAME ${target}.`);
    story.child.signal("SIGHUP");
    const site = { name: "shop", hosts: ["www.shop.example"], origin: { urls: [story.origin] } };
    const { code, stderr } = await story.apply({
      ...site,
      https: { certificate: "acme", challenge: "dns-01" },
    });
    assert.equal(code, 0, stderr);
    const found = await eventually(
      "both are there",
      async () => {
        const { stdout } = await story.run("certificate", "list", "--json");
        const { certificates, awaited } = JSON.parse(stdout) as CertificateListBody;
        assert.deepEqual([certificates.length, awaited], [2, []], stdout);
        return certificates;
      },
      { withinMs: 60_000, everyMs: 200 },
    );
    const byName = new Map(found.map(({ name, hosts }) => [name, hosts]));
    assert.deepEqual(byName.get("acme-wildcard"), ["*.kingcdn.test"]);
    assert.deepEqual(byName.get("acme.shop"), ["www.shop.example"]);
    const root = new X509Certificate(await story.pebble.root());
    assert.match(found[0]?.issuer ?? "", /Pebble Intermediate CA/);
    assert.match(root.subject, /Pebble Root CA/);
    await eventually("what was shown is taken away again", async () => {
      const { stdout } = await story.run("log", "--by", "acme", "--json");
      const { changes } = JSON.parse(stdout) as LogBody;
      const count = (kind: string) => changes.filter(({ body }) => body.kind === kind).length;
      assert.deepEqual([count("challenge-put"), count("challenge-remove")], [2, 2]);
    });
  });
});
