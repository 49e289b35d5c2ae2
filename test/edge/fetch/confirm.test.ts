import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

const BODY = "one for all";

test("RFC 9111 s.5.2.2.7: a 304 that says private answers one client alone", async (t) => {
  const asked: ServerResponse[] = [];
  const origin = await startOrigin(t, (request, response) => {
    if (request.headers["if-none-match"] !== undefined) {
      asked.push(response);
    } else {
      const control = asked.length === 0 ? "max-age=0" : "private";
      response.writeHead(200, { "cache-control": control, etag: '"v1"' });
      response.end(BODY);
    }
  });
  const edge = await startTestEdge(t, { origins: [origin.url] });
  assert.equal((await edge.get("/p")).body.toString(), BODY);

  const leader = edge.get("/p");
  await eventually("the stored response is being validated", () => assert.equal(asked.length, 1));
  const follower = edge.get("/p");
  await eventually("a second client waits for the same answer", async () => {
    assert.equal(await edge.metric("meridian_edge_fill_waiters"), 1);
  });
  asked[0]?.writeHead(304, { "cache-control": "private, max-age=60", etag: '"v1"' }).end();

  assert.equal((await leader).body.toString(), BODY);
  assert.equal((await follower).body.toString(), BODY);
  const plain = origin.requests.filter(({ headers }) => headers["if-none-match"] === undefined);
  assert.equal(plain.length, 2, "the second client had an answer of its own");
  await edge.get("/p");
  assert.equal(asked.length, 1, "nothing was left in the store to validate");
});

test("a 304 does not cost the connection that it came on", async (t) => {
  const ports = new Set<number | undefined>();
  const origin = await startOrigin(t, (request, response) => {
    ports.add(request.socket.remotePort);
    const holds = request.headers["if-none-match"] === '"v1"';
    response.writeHead(holds ? 304 : 200, { "cache-control": "max-age=0", etag: '"v1"' });
    response.end(holds ? undefined : BODY);
  });
  const edge = await startTestEdge(t, { origins: [origin.url] });
  for (let i = 0; i < 4; i += 1) assert.equal((await edge.get("/c")).body.toString(), BODY);
  assert.equal(origin.seen.length, 4);
  assert.equal(ports.size, 1);
});
