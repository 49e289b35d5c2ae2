import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CertificateBody } from "../../../control/api/shapes.ts";
import { eventually } from "../../support/eventually.ts";
import { startStory } from "./story.ts";

const SITE = ["shop", "--host", "www.shop.example", "--certificate", "acme"];

describe("a certificate by HTTP-01, from pebble", () => {
  it("comes by itself once the host leads here, and not a question is asked before", async (t) => {
    const story = await startStory(t);
    const { dns, origin, pebble } = story;
    const resolver = ["--resolver", `${dns.host}:${dns.port}`];
    const adding = story.run("site", "add", ...SITE, "--origin", origin, "--wait", ...resolver);
    await eventually("the reason is visible", async () => {
      const { stdout } = await story.run("certificate", "list");
      assert.match(stdout, /acme\.shop .* awaited .*www\.shop\.example has no record yet/);
    });
    const { stdout: status } = await story.run("status");
    assert.match(status, /certificates: 0 good\n {2}acme\.shop does not come: www\.shop\.example/);
    assert.ok(!pebble.lines.some((line) => line.includes("order-plz")), "nobody was asked");

    story.customerZone("www IN CNAME shop.kingcdn.test.");
    story.child.signal("SIGHUP");
    const { code, stdout, stderr } = await adding;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /www\.shop\.example: has no record yet\nwww\.shop\.example: leads to/);
    assert.match(stdout, /certificate: is there, until \d{4}-\d\d-\d\d\n\nhttps:\/\/www\.shop/);
    assert.ok(
      pebble.lines.some((line) => line.includes("order-plz")),
      "and then it was",
    );
    const shown = await story.run("certificate", "show", "acme.shop", "--json");
    const certificate = JSON.parse(shown.stdout) as CertificateBody;
    assert.deepEqual(certificate.hosts, ["www.shop.example"]);
    assert.deepEqual([certificate.source, certificate.site], ["acme", "shop"]);
    assert.ok(certificate.renewal !== undefined && certificate.renewal < certificate.notAfter);
  });
});
