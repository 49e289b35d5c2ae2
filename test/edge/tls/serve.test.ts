import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { makeCertificate } from "../../support/certificate.ts";
import { eventually } from "../../support/eventually.ts";
import { runProcess } from "../../support/process.ts";
import type { Scope } from "../../support/scope.ts";
import { startOrigin } from "../harness.ts";
import { curl, openTls, startTlsEdge, type TlsTestEdge } from "./support.ts";

const hello = (scope: Scope) =>
  startOrigin(scope, (request, response) => {
    response.setHeader("cache-control", "max-age=60");
    response.setHeader("x-proto", String(request.headers["x-forwarded-proto"]));
    response.end(request.url?.startsWith("/large") === true ? "x".repeat(3_000_000) : "hello");
  });

/** What openssl prints of a handshake, with a name or without one. */
async function handshake(edge: TlsTestEdge, args: readonly string[]): Promise<string> {
  const { host, port } = edge.https;
  const { stdout, stderr } = await runProcess({
    command: "openssl",
    args: ["s_client", "-connect", `${host}:${port}`, "-CAfile", edge.files.certificate, ...args],
  });
  return stdout + stderr;
}

suite("an edge serves over TLS", () => {
  test("curl gets hits over HTTP/1.1 and HTTP/2, TLS 1.2 and 1.3, from one store", async (t) => {
    const origin = await hello(t);
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    for (const args of [
      ["--http1.1"],
      ["--http2"],
      ["--http1.1", "--tls-max", "1.2"],
      ["--http2", "--tlsv1.3"],
    ]) {
      const { head, body, stderr } = await curl(edge, "https://shop.example/a", args);
      assert.match(head, args.includes("--http2") ? /^http\/2 200/ : /^http\/1\.1 200 ok/, stderr);
      assert.match(head, /x-proto: https/);
      assert.equal(body, "hello");
    }
    assert.deepEqual(origin.seen, ["GET /a"]);
    assert.match(String(origin.requests[0]?.headers["forwarded"]), /proto=https/);
    assert.equal(await edge.metric('meridian_edge_tls_handshakes_total{result="full"'), 4);
  });

  test("large bodies and uploads arrive whole over both", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on("end", () => {
        if (request.method === "POST") response.end(String(bytes));
        else response.setHeader("cache-control", "max-age=60").end("x".repeat(3_000_000));
      });
    });
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const file = `${edge.dir}/upload`;
    writeFileSync(file, "y".repeat(2_000_000));
    for (const version of ["--http1.1", "--http2"]) {
      for (const expected of ["miss", "hit"]) {
        const { body } = await curl(edge, `https://shop.example/large${version}`, [version]);
        assert.equal(body.length, 3_000_000, `${version} ${expected}`);
      }
      const args = [version, "--data-binary", `@${file}`, "-H", "expect:"];
      const { body } = await curl(edge, "https://shop.example/up", args);
      assert.equal(body, "2000000");
    }
  });

  test("answers that came together in the fast lane are in order and whole", async (t) => {
    const origin = await hello(t);
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const socket = await openTls(t, edge, { ALPNProtocols: ["http/1.1"] });
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    const one = "GET /a HTTP/1.1\r\nhost: shop.example\r\n\r\n";
    socket.write(one);
    await eventually("it is stored", () => assert.match(text, /hello$/));
    const large = "GET /large HTTP/1.1\r\nhost: shop.example\r\n\r\n";
    const last = "GET /a HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n";
    socket.write(one.repeat(500) + large + one + large + last);
    await once(socket, "close");
    const heads = text.split("HTTP/1.1 200 OK").length - 1;
    assert.equal(heads, 505);
    assert.equal(text.split("hello").length - 1, 503);
    assert.equal(text.split("x".repeat(3_000_000)).length - 1, 2);
    assert.match(text, /hello$/);
    assert.deepEqual(origin.seen, ["GET /a", "GET /large"]);
  });

  test("RFC 6066 s.3: a name that is not here is refused with unrecognized_name", async (t) => {
    const origin = await hello(t);
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const text = await handshake(edge, ["-servername", "other.example", version]);
      assert.match(text, /alert unrecognized name|SSL alert number 112/i);
      assert.doesNotMatch(text, /BEGIN CERTIFICATE/);
    }
    await eventually("both are counted", async () => {
      const name = 'meridian_edge_tls_handshakes_total{result="unrecognized-name"';
      assert.equal(await edge.metric(name), 2);
    });
    const { body } = await curl(edge, "https://shop.example/a");
    assert.equal(body, "hello");
  });

  test("names match in any case and by wildcards of one label", async (t) => {
    const origin = await hello(t);
    const edge = await startTlsEdge(t, { origins: [origin.url], anyHost: true });
    for (const name of ["SHOP.example", "a.wild.example", "B.WILD.EXAMPLE"]) {
      const text = await handshake(edge, ["-servername", name, "-verify_return_error"]);
      assert.match(text, /Verify return code: 0/, name);
    }
    assert.match(
      await handshake(edge, ["-servername", "a.b.wild.example"]),
      /unrecognized name|112/i,
    );
  });

  test("who names nobody gets the first certificate, or is refused", async (t) => {
    const origin = await hello(t);
    const open = await startTlsEdge(t, { origins: [origin.url], anyHost: true });
    assert.match(await handshake(open, ["-noservername"]), /Verify return code: 0/);
    const { body } = await curl(open, "https://127.0.0.1/a", ["--http2"]);
    assert.equal(body, "hello");
    const closed = await startTlsEdge(t, { origins: [origin.url], tls: { unnamed: "refuse" } });
    const text = await handshake(closed, ["-noservername"]);
    assert.match(text, /handshake failure|alert number 40/i);
    assert.doesNotMatch(text, /BEGIN CERTIFICATE/);
  });

  test("old versions and weak ciphers are refused", async (t) => {
    const origin = await hello(t);
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const named = ["-servername", "shop.example"];
    const weak = ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"];
    const old = await handshake(edge, [...named, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert.match(old, /Cipher is \(NONE\)/);
    for (const cipher of weak) {
      const text = await handshake(edge, [...named, "-tls1_2", "-cipher", cipher]);
      assert.match(text, /Cipher is \(NONE\)/, cipher);
    }
    const newer = await startTlsEdge(t, { origins: [origin.url], tls: { minVersion: "TLSv1.3" } });
    assert.match(await handshake(newer, [...named, "-tls1_2"]), /Cipher is \(NONE\)/);
    assert.match(await handshake(newer, [...named, "-tls1_3"]), /TLSv1\.3/);
  });

  test("RFC 9110 s.15.5.20: a host that the certificate is not for is 421", async (t) => {
    const origin = await hello(t);
    const hosts = ["shop.example", "other.example"];
    const edge = await startTlsEdge(t, { origins: [origin.url], site: { hosts } });
    await edge.get("/a", { headers: { host: "other.example" } });
    for (const version of ["--http1.1", "--http2"]) {
      const args = [version, "-H", "host: other.example"];
      const { head, body } = await curl(edge, "https://shop.example/a", args);
      assert.match(head, /^http\/[\d.]+ 421/);
      assert.match(body, /reason: misdirected/);
    }
    // The same on a connection that has served already, in the lane and out of it.
    const socket = await openTls(t, edge, { ALPNProtocols: ["http/1.1"] });
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write("GET /a HTTP/1.1\r\nhost: shop.example\r\n\r\n");
    socket.write("GET /a HTTP/1.1\r\nhost: other.example\r\n\r\n");
    socket.write("GET https://other.example/a HTTP/1.1\r\nhost: shop.example\r\n\r\n");
    await eventually("three answers", () =>
      assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), [
        "HTTP/1.1 200",
        "HTTP/1.1 421",
        "HTTP/1.1 421",
      ]),
    );
  });
});

suite("certificates of files", () => {
  test("a new pair is served after a reload; a broken one changes nothing", async (t) => {
    const origin = await hello(t);
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const serial = async () =>
      (await openTls(t, edge, { rejectUnauthorized: false })).getPeerCertificate().serialNumber;
    const before = await serial();
    writeFileSync(edge.files.key, "no key at all");
    await edge.daemon.reload?.();
    assert.equal(await serial(), before);
    assert.equal(await edge.metric("meridian_edge_certificate_files_broken"), 1);
    const next = await makeCertificate(edge.dir, "next.example", { hosts: ["shop.example"] });
    copyFileSync(next.certificate, edge.files.certificate);
    copyFileSync(next.key, edge.files.key);
    // Nobody reloads: the files are looked at every few seconds.
    await eventually("the new one", async () => assert.notEqual(await serial(), before), {
      withinMs: 20_000,
    });
    assert.equal(await edge.metric("meridian_edge_certificate_files_broken"), 0);
    const ends = await edge.metric("meridian_edge_certificate_expiry_seconds{");
    assert.ok(Math.abs(ends - (Date.now() / 1_000 + 86_400)) < 3_600);
  });

  test("an edge starts without a usable certificate, and serves what it can", async (t) => {
    const origin = await hello(t);
    const edge = await startTlsEdge(t, {
      origins: [origin.url],
      tls: { files: [{ certificate: "/nowhere.pem", key: "/nowhere.key" }] },
    });
    assert.equal((await edge.get("/a")).status, 200);
    await assert.rejects(openTls(t, edge));
    assert.equal(await edge.metric("meridian_edge_certificate_files_broken"), 1);
  });
});
