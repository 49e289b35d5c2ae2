import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { exchangeRaw } from "../../support/http.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

suite("threat: slow clients", () => {
  test("an upload that stops is cut off, and gives its origin connection back", async (t) => {
    const origin = await startOrigin(t, (request) => request.resume());
    const edge = await startTestEdge(t, { origins: [origin.url], idleMs: 300 });
    const stalled = "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\n\r\nabc";
    assert.equal((await exchangeRaw(edge.at, stalled, 10_000)).length, 0);
    assert.deepEqual(origin.seen, ["POST /"]);
    await eventually("the origin is free", () => assert.equal(origin.sockets.size, 0));
  });

  test("a client that waits for the origin is not a slow one", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      setTimeout(() => response.end("late"), 1_000);
    });
    const edge = await startTestEdge(t, { origins: [origin.url], idleMs: 300 });
    assert.equal((await edge.get("/", { method: "POST", body: "x" })).body.toString(), "late");
    assert.equal((await edge.get("/")).body.toString(), "late");
  });
});
