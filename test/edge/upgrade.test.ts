import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { suite, test } from "node:test";
import { listenTcp } from "../../common/listen.ts";
import { eventually } from "../support/eventually.ts";
import { exchangeRaw } from "../support/http.ts";
import type { Scope } from "../support/scope.ts";
import { startOrigin, startTestEdge } from "./harness.ts";

const HANDSHAKE =
  "GET /chat HTTP/1.1\r\nhost: shop.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";

/** An origin that accepts the upgrade and sends back all bytes. */
async function startEcho(scope: Scope) {
  const server = createServer((_request, response) => response.end("plain"));
  const sockets = new Set<Socket>();
  const seen: IncomingHttpHeaders[] = [];
  server.on("upgrade", (request, duplex) => {
    const socket = duplex as Socket;
    seen.push(request.headers);
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
    );
    socket.pipe(socket);
  });
  const { port } = await listenTcp(server, { host: "127.0.0.1", port: 0 }, "echo");
  scope.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { url: `http://127.0.0.1:${port}`, sockets, seen };
}

suite("RFC 9110 s.7.8: Upgrade", () => {
  test("a WebSocket goes through in both directions, and ends in both", async (t) => {
    const echo = await startEcho(t);
    const edge = await startTestEdge(t, { origins: [echo.url] });
    const socket = connect({ host: edge.at.host, port: edge.at.port });
    t.after(() => {
      socket.destroy();
    });
    socket.write(HANDSHAKE);
    const [head] = (await once(socket, "data")) as [Buffer];
    assert.match(head.toString(), /^HTTP\/1\.1 101 /);
    socket.write("ping");
    const [bytes] = (await once(socket, "data")) as [Buffer];
    assert.equal(bytes.toString(), "ping");
    assert.equal(echo.seen[0]?.host, "shop.example");
    assert.equal(echo.seen[0]?.["cdn-loop"], "test-1");
    socket.destroy();
    await eventually("the origin's end is closed", () => assert.equal(echo.sockets.size, 0));
  });

  test("an origin that is not there is 502, an unknown host 421", async (t) => {
    const edge = await startTestEdge(t, { origins: ["http://127.0.0.1:1"] });
    assert.match((await exchangeRaw(edge.at, HANDSHAKE)).toString(), /^HTTP\/1\.1 502 /);
    const unknown = HANDSHAKE.replace("shop.example", "nobody.example");
    assert.match((await exchangeRaw(edge.at, unknown)).toString(), /^HTTP\/1\.1 421 /);
  });

  test("any other Upgrade is an offer that is not taken", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end("plain"));
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const headers = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "" };
    const answer = await edge.get("/x", { headers });
    assert.equal(answer.body.toString(), "plain");
    assert.equal(origin.requests[0]?.headers.upgrade, undefined);
  });
});
