import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect } from "node:tls";
import type { CertificateBody } from "../../../control/api/shapes.ts";
import { eventually } from "../../support/eventually.ts";
import { runProcess } from "../../support/process.ts";
import type { Scope } from "../../support/scope.ts";
import { startStory } from "./story.ts";

const SITE = ["shop", "--host", "www.shop.example", "--certificate", "acme"];

describe("a certificate by HTTP-01, from pebble", () => {
  it("comes by itself once the host leads here, and not a question is asked before", async (t) => {
    const story = await startStory(t, { validitySeconds: 30 });
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

    const rootFile = join(story.dir, "root.pem");
    const root = await pebble.root();
    writeFileSync(rootFile, root);
    const { port } = story.https;
    const at = ["--connect-to", `www.shop.example:443:127.0.0.1:${port}`];
    const url = "https://www.shop.example/";
    const curl = { command: "curl", args: ["-sS", "--cacert", rootFile, ...at, url] };
    const got = await runProcess(curl);
    assert.equal(got.stdout, "what the origin has", got.stderr);

    // A client that stays notices nothing of the renewal; one that comes after it has the new one.
    const before = await connectTls(t, port, root);
    await eventually(
      "the certificate is renewed",
      async () => {
        await before.ask();
        const after = await connectTls(t, port, root);
        assert.notEqual(after.serial, before.serial);
      },
      { withinMs: 90_000, everyMs: 500 },
    );
    await before.ask();
  });
});

/** A connection over TLS that stays open, and the certificate that it was made with. */
async function connectTls(scope: Scope, port: number, ca: string) {
  const socket = connect({ host: "127.0.0.1", port, servername: "www.shop.example", ca });
  scope.after(() => {
    socket.destroy();
  });
  await once(socket, "secureConnect");
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  /** Asks for the page; rejects if the connection has been closed, or says something else. */
  const ask = async (): Promise<void> => {
    assert.equal(socket.readableEnded, false, "the connection stands");
    text = "";
    socket.write("GET / HTTP/1.1\r\nHost: www.shop.example\r\n\r\n");
    await eventually("the page comes", () => {
      assert.match(text, /^HTTP\/1\.1 200 [^]*what the origin has\n$/);
    });
  };
  return { serial: socket.getPeerCertificate().serialNumber, ask };
}
