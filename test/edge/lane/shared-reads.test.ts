import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import { suite, test } from "node:test";
import { listenTcp } from "../../../common/listen.ts";
import { shareReads } from "../../../edge/lane/shared-reads.ts";
import { eventually } from "../../support/eventually.ts";

suite("reads into one shared place", () => {
  test("what comes is told, and after `stop` it is an ordinary stream", async (t) => {
    const server = createServer({ allowHalfOpen: true });
    const at = await listenTcp(server, { host: "127.0.0.1", port: 0 }, "test");
    const accepted = once(server, "connection");
    const client = connect(at);
    t.after(() => {
      client.destroy();
      server.close();
    });
    let told = "";
    const [socket] = (await accepted) as [Socket];
    const reads = shareReads(socket, (bytes) => {
      told += bytes.toString("latin1");
    });
    assert.ok(reads !== undefined, "the Node that comes with Meridian can do so");
    client.write("one");
    await eventually("it is told", () => assert.equal(told, "one"));
    let ended = false;
    socket.once("end", () => {
      ended = true;
    });
    reads.stop();
    let streamed = "";
    socket.on("data", (chunk) => {
      streamed += chunk.toString("latin1");
    });
    client.end("two");
    await eventually("it is streamed", () => assert.equal(streamed, "two"));
    await eventually("it ends", () => assert.ok(ended));
    assert.equal(told, "one");
    socket.destroy();
  });

  test("a socket of another kind is left as it is", () => {
    const socket = new Socket();
    assert.equal(
      shareReads(socket, () => {}),
      undefined,
    );
    socket.destroy();
  });
});
