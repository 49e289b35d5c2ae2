import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CertificateBody, CertificateListBody } from "../../../control/api/shapes.ts";
import { eventually } from "../../support/eventually.ts";
import { fetchAt } from "../../support/http.ts";
import { startStory } from "./story.ts";

describe("a certificate by HTTP-01, from pebble", () => {
  it("comes by itself once the host leads here, and not a question is asked before", async (t) => {
    const story = await startStory(t);
    const site = ["shop", "--origin", story.origin, "--host", "www.shop.example"];
    const added = await story.run("site", "add", ...site, "--certificate", "acme");
    assert.equal(added.code, 0, added.stderr);
    await eventually("the reason is visible", async () => {
      const list = await story.run("certificate", "list");
      assert.match(list.stdout, /acme\.shop .* awaited .*www\.shop\.example has no record yet/);
    });
    assert.ok(!story.pebble.lines.some((line) => line.includes("new-order")), "nobody was asked");

    story.customerZone("www IN CNAME shop.kingcdn.test.");
    story.child.signal("SIGHUP");
    let shown: CertificateBody | undefined;
    await eventually(
      "there is a certificate",
      async () => {
        const { stdout } = await story.run("certificate", "list", "--json");
        const { certificates } = JSON.parse(stdout) as CertificateListBody;
        shown = certificates.find(({ name }) => name === "acme.shop");
        assert.ok(shown !== undefined, stdout);
      },
      { withinMs: 60_000 },
    );
    assert.deepEqual(shown?.hosts, ["www.shop.example"]);
    assert.deepEqual([shown?.source, shown?.site], ["acme", "shop"]);
    assert.ok(shown?.renewal !== undefined);
    const { status } = await fetchAt(
      "http://www.shop.example/.well-known/acme-challenge/anything",
      { at: story.http },
    );
    assert.equal(status, 200, "other names there are the origin's");
  });
});
