import assert from "node:assert/strict";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

/** As many connections to one origin as an edge opens. */
const CONNECTIONS = 1_024;

suite("threat: an origin that never answers", () => {
  test("who finds no free connection waits no longer than for an answer", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, () => {});
    const timeouts = { firstByteTimeout: 60_000 };
    const edge = await startTestEdge(t, { origins: [origin.url], timeouts, clock });
    const sockets = Array.from({ length: CONNECTIONS }, () =>
      connect({ host: edge.at.host, port: edge.at.port }),
    );
    for (const [i, socket] of sockets.entries()) {
      socket.on("error", () => {});
      socket.write(`GET /${i} HTTP/1.1\r\nHost: shop.example\r\n\r\n`);
    }
    await eventually("all connections are taken", () => {
      assert.equal(origin.seen.length, CONNECTIONS);
    });
    const late = edge.get("/late", { withinMs: 10_000 });
    await eventually("it waits", async () => {
      assert.equal(await edge.metric("meridian_edge_connections"), CONNECTIONS + 1);
    });
    clock.advance(60_000);
    const { status, body } = await late;
    assert.equal(status, 503);
    assert.match(body.toString(), /reason: overloaded/);
    assert.equal(origin.seen.length, CONNECTIONS);
    // The edge's own deadline for stopping is on the clock that stands still.
    for (const socket of sockets) socket.destroy();
  });
});
