import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { suite, test } from "node:test";
import { FillBody } from "../../../edge/fetch/fill-body.ts";
import { MemoryStore } from "../../../edge/store/memory-store.ts";
import { eventually } from "../../support/eventually.ts";
import { exchangeRaw, parseResponseHead } from "../../support/http.ts";
import type { Scope } from "../../support/scope.ts";
import { startOrigin, startRawOrigin, startTestEdge, type TestEdge } from "../harness.ts";

const MIB = 2 ** 20;

/** A client that asks and then takes nothing beyond the first bytes. */
async function slowReader(scope: Scope, edge: TestEdge, path: string): Promise<Socket> {
  const socket = connect({ host: edge.at.host, port: edge.at.port });
  scope.after(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: shop.example\r\n\r\n`);
  await once(socket, "data");
  socket.pause();
  return socket;
}

suite("threat: memory", () => {
  for (const stored of [false, true]) {
    const what = stored ? "what was stored" : "what has just arrived";
    test(`slow readers of ${what} cannot hold on to more than a share of the budget`, async (t) => {
      const body = Buffer.alloc(10 * MIB, "x");
      const origin = await startOrigin(t, (_request, response) => {
        response.writeHead(200, { "cache-control": "max-age=60" });
        response.end(body);
      });
      const edge = await startTestEdge(t, { origins: [origin.url], memoryBytes: 48 * MIB });
      for (let i = 0; i < 8; i += 1) {
        if (stored) await edge.get(`/${i}`);
        await slowReader(t, edge, `/${i}`);
        await eventually("it is complete", async () => {
          assert.equal(await edge.metric("meridian_edge_fill_waiters"), 0);
          assert.ok((await edge.metric("meridian_edge_store_objects")) > 0);
        });
        assert.ok((await edge.metric("meridian_edge_store_bytes")) <= 48 * MIB);
      }
      await eventually("the oldest are cut off", async () => {
        assert.ok((await edge.metric("meridian_edge_cut_bodies_total")) > 0);
        assert.ok((await edge.metric("meridian_edge_connections")) < 8);
      });
      assert.equal((await edge.get("/last")).body.length, body.length);
    });
  }

  test("a body in tiny pieces counts for what the pieces cost", () => {
    const store = new MemoryStore(MIB);
    const body = new FillBody(store);
    body.open(() => {});
    let pieces = 0;
    while (body.append(Buffer.from("x")) && pieces < 100_000) pieces += 1;
    assert.ok(pieces < 1_000, `${pieces} pieces in a window of 64 KiB`);
  });

  test("an origin that sends interim responses without end is broken", async (t) => {
    const hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n";
    const origin = await startRawOrigin(t, (socket) => {
      const more = (): void => {
        while (socket.writable && socket.write(hint.repeat(100)));
      };
      socket.once("data", more).on("drain", more);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const request = "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    const bytes = await exchangeRaw(edge.at, request);
    const heads = bytes.toString().split("HTTP/1.1 ");
    assert.match(heads.at(-1) ?? "", /^502 /);
    assert.ok(heads.length < 64, `${heads.length} heads`);
    assert.equal(parseResponseHead(bytes).status, 103);
    await eventually("the connection is closed", () => assert.equal(origin.sockets.size, 0));
  });
});
