import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { hstsValue, siteTlsSchema } from "../../../common/config/site-tls.ts";
import type { EdgeCertificate } from "../../../edge/tls/certificate-table.ts";
import { httpsLocation, judgeScheme } from "../../../edge/tls/scheme-policy.ts";
import { runProcess } from "../../support/process.ts";
import { aSite, startOrigin } from "../harness.ts";
import { curl, startTlsEdge } from "./support.ts";

const HSTS = { maxAge: 31_536_000_000, includeSubDomains: true, preload: true };

suite("a site and TLS", () => {
  test("who comes without TLS is sent to the same URL with it, and nothing is asked", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end("hello"));
    const edge = await startTlsEdge(t, {
      origins: [origin.url],
      site: { tls: { redirect: true, hsts: HSTS } },
      tls: { port: 8443 },
    });
    for (const [method, status] of [
      ["GET", 301],
      ["HEAD", 301],
      ["POST", 308],
    ] as const) {
      const answer = await edge.get("/a%20b?c=d", { method });
      assert.equal(answer.status, status);
      assert.equal(answer.field("location"), "https://shop.example:8443/a%20b?c=d");
      // RFC 6797 section 7.2: not without TLS.
      assert.equal(answer.field("strict-transport-security"), undefined);
    }
    assert.deepEqual(origin.seen, []);
    const { head, body } = await curl(edge, "https://shop.example/a");
    assert.match(head, /strict-transport-security: max-age=31536000; includesubdomains; preload/);
    assert.equal(body, "hello");
    const purged = await edge.get("/a", { method: "PURGE" });
    assert.equal(purged.status, 200);
  });

  test("HSTS is in hits of both lanes and in errors, once, in place of the origin's", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      response.setHeader("cache-control", "max-age=60");
      response.setHeader("strict-transport-security", "max-age=1");
      if (request.url === "/gone") response.socket?.destroy();
      else response.end("hello");
    });
    const site = { tls: { redirect: false, hsts: { ...HSTS, preload: false } } };
    const edge = await startTlsEdge(t, { origins: [origin.url], site });
    for (const path of ["/a", "/a", "/gone"]) {
      for (const version of ["--http1.1", "--http2"]) {
        const { head } = await curl(edge, `https://shop.example${path}`, [version]);
        const lines = head.match(/strict-transport-security: .*/g);
        assert.deepEqual(lines, ["strict-transport-security: max-age=31536000; includesubdomains"]);
      }
    }
    assert.equal((await edge.get("/a")).field("strict-transport-security"), "max-age=1");
  });

  test("a redirect to https is never the answer to https", async (t) => {
    // The loop that caches are known for: the origin sends those to https who came without.
    const origin = await startOrigin(t, (request, response) => {
      response.setHeader("cache-control", "max-age=60");
      if (request.headers["x-forwarded-proto"] === "https") response.end("hello");
      else response.writeHead(301, { location: `https://shop.example${request.url}` }).end();
    });
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    for (let round = 0; round < 2; round += 1) {
      assert.equal((await edge.get("/a")).status, 301);
      // What a client says of itself changes nothing.
      const claims = { "x-forwarded-proto": "https", forwarded: "proto=https" };
      assert.equal((await edge.get("/a", { headers: claims })).status, 301);
      const { head, body } = await curl(edge, "https://shop.example/a");
      assert.match(head, /^http\/2 200/);
      assert.equal(body, "hello");
    }
    assert.deepEqual(origin.seen, ["GET /a", "GET /a"]);
    await edge.get("/a", { method: "PURGE" });
    await edge.get("/a");
    await curl(edge, "https://shop.example/a");
    assert.equal(origin.seen.length, 4, "a purge of the URL is for both");
  });

  test("the default port and absolute targets are for their scheme", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      response.setHeader("cache-control", "max-age=60");
      response.end(request.headers.host);
    });
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const { body } = await curl(edge, "https://shop.example/a", ["-H", "host: shop.example:443"]);
    assert.equal(body, "shop.example");
    const target = ["--http1.1", "--request-target"];
    const own = await curl(edge, "https://shop.example/", [...target, "https://shop.example/a"]);
    assert.match(own.head, /; hit/);
    const other = await curl(edge, "https://shop.example/", [...target, "http://shop.example/a"]);
    assert.match(other.head, /^http\/1\.1 400/);
  });

  test("a WebSocket without TLS is refused where the site wants it", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end());
    const site = { tls: { redirect: true } };
    const edge = await startTlsEdge(t, { origins: [origin.url], site });
    const headers = { connection: "Upgrade", upgrade: "websocket" };
    assert.equal((await edge.get("/chat", { headers })).status, 403);
    assert.deepEqual(origin.seen, []);
  });
});

suite("decisions about schemes", () => {
  const certificate = { hosts: ["shop.example"] } as unknown as EdgeCertificate;
  const plain = aSite({ origins: [] });
  const strict = { ...plain, tls: { redirect: true } };

  test("by the connection, the host and the site", () => {
    for (const [host, site, secured, expected] of [
      ["shop.example", plain, undefined, "serve"],
      ["shop.example", strict, undefined, "to-https"],
      ["shop.example:8443", strict, certificate, "serve"],
      ["SHOP.example.", plain, certificate, "serve"],
      ["evil.example", strict, certificate, "misdirected"],
    ] as const) {
      assert.equal(judgeScheme({ host, site, certificate: secured }), expected, host);
    }
  });

  test("RFC 9110 s.15.4: where a client is sent", () => {
    const at = (host: string, target: string, port = 443) =>
      httpsLocation({ method: "GET", host, target }, port).location;
    assert.equal(at("shop.example:80", "/a?b"), "https://shop.example/a?b");
    assert.equal(at("Shop.example.", "//evil.example/x"), "https://shop.example//evil.example/x");
    assert.equal(at("shop.example", "/\u00e9", 8443), "https://shop.example:8443/%C3%A9");
    assert.equal(httpsLocation({ method: "PUT", host: "a", target: "/" }, 443).status, 308);
  });

  test("RFC 6797 s.6.1: what a site may say", () => {
    const parse = (hsts: object) => siteTlsSchema.safeParse({ hsts });
    assert.equal(
      hstsValue({ maxAge: 1_500, includeSubDomains: false, preload: false }),
      "max-age=1",
    );
    assert.deepEqual(parse({}).data, {
      redirect: false,
      hsts: { maxAge: 31_536_000_000, includeSubDomains: false, preload: false },
    });
    assert.equal(parse({ maxAge: 0 }).success, true);
    assert.equal(parse({ preload: true }).success, false);
    assert.equal(parse({ preload: true, includeSubDomains: true, maxAge: "30d" }).success, false);
    assert.equal(parse({ preload: true, includeSubDomains: true }).success, true);
  });
});

suite("sessions are resumed", () => {
  for (const version of ["-tls1_2", "-tls1_3"]) {
    test(`at another edge with the same key, and only there (${version})`, async (t) => {
      const origin = await startOrigin(t, (_request, response) => response.end("hello"));
      const sealingKey = (fill: number) => ({
        id: String(fill).repeat(16),
        secret: new Uint8Array(32).fill(fill),
      });
      const start = (fill: number) =>
        startTlsEdge(t, {
          origins: [origin.url],
          tls: { sealingKey: sealingKey(fill) },
        });
      const [one, two, foreign] = [await start(1), await start(1), await start(2)];
      const session = `${one.dir}/session.pem`;
      const ask = async ({ https }: typeof one, args: readonly string[]) => {
        // The ticket of TLS 1.3 comes with the answer, and input that ends would not wait for it.
        const request =
          '(printf "GET / HTTP/1.1\\r\\nhost: shop.example\\r\\nconnection: close\\r\\n\\r\\n") | "$@"';
        const place = ["-connect", `${https.host}:${https.port}`, "-servername", "shop.example"];
        const client = ["openssl", "s_client", "-ign_eof", ...place, version, ...args];
        const { stdout } = await runProcess({
          command: "sh",
          args: ["-c", request, "sh", ...client],
        });
        return stdout;
      };
      assert.match(await ask(one, ["-sess_out", session]), /^New, TLS/m);
      assert.match(await ask(two, ["-sess_in", session]), /^Reused, TLS/m);
      assert.match(await ask(foreign, ["-sess_in", session]), /^New, TLS/m);
      assert.equal(await two.metric('meridian_edge_tls_handshakes_total{result="resumed"'), 1);
    });
  }
});
