import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import { suite, test } from "node:test";
import { RESET_BURST, STREAMS_MAX } from "../../../edge/http2/entrance.ts";
import { eventually } from "../../support/eventually.ts";
import { startOrigin, startRawOrigin } from "../harness.ts";
import { ask, openHttp2, openTls, startTlsEdge } from "../tls/support.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS = 4;
const PING = 6;

/** A frame of HTTP/2 (RFC 9113 section 4.1). */
function frame(type: number, payload: Buffer = Buffer.alloc(0), flags = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

suite("HTTP/2", () => {
  test("fields that stand twice, trailers and interim responses go through", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      const twice = ["set-cookie", "a=1", "set-cookie", "b=2", "etag", '"x"', "etag", '"y"'];
      const hop = ["trailer", "x-sum", "connection", "x-hop", "x-hop", "1"];
      response.writeHead(200, [...twice, ...hop]);
      response.write("hello");
      response.addTrailers({ "x-sum": "5" });
      response.end();
    });
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    const stream = session.request({ ":authority": "shop.example", ":path": "/", te: "trailers" });
    const [interim] = (await once(stream, "headers")) as [Record<string, unknown>];
    assert.equal(interim[":status"], 103);
    stream.destroy();
    const answer = await ask(session, { te: "trailers" });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.headers["set-cookie"], ["a=1", "b=2"]);
    assert.equal(answer.headers["x-hop"], undefined);
    assert.equal(answer.headers["connection"], undefined);
    assert.deepEqual([answer.body, answer.trailers["x-sum"]], ["hello", "5"]);
  });

  test("RFC 9113 s.8.3.1: authority and Host that differ, s.8.2.3: crumbs of cookies", async (t) => {
    const origin = await startOrigin(t, (request, response) =>
      response.end(`${request.headers.host} ${request.headers.cookie}`),
    );
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    const same = await ask(session, { host: "shop.example", cookie: ["a=1", "b=2"] });
    assert.equal(same.body, "shop.example a=1; b=2");
    const other = await ask(session, { host: "evil.example" });
    assert.deepEqual([other.status, other.body.includes("bad-host")], [400, true]);
    assert.equal((await ask(session, { ":path": "/a b" })).code, constants.NGHTTP2_PROTOCOL_ERROR);
    assert.equal(
      (await ask(session, { ":scheme": "http" })).code,
      constants.NGHTTP2_PROTOCOL_ERROR,
    );
    assert.equal((await ask(session, { ":method": "TRACE" })).status, 405);
    assert.deepEqual(origin.seen, ["GET /"]);
  });

  test("a body without a length reaches the origin in chunks, and is not stored", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const coding = request.headers["transfer-encoding"] ?? "none";
        response.setHeader("cache-control", "max-age=60");
        response.end(`${coding} ${Buffer.concat(chunks).toString()}`);
      });
    });
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    assert.equal((await ask(session, { ":method": "POST" }, "one")).body, "chunked one");
    // A GET with a body ("fat GET") goes past the cache in both directions.
    assert.equal((await ask(session, {}, "fat")).body, "chunked fat");
    const sized = { ":method": "POST", "content-length": "3" };
    assert.equal((await ask(session, sized, "two")).body, "none two");
    assert.equal((await ask(session, {})).body, "none ");
  });

  test("a body that breaks off is reset, never ended as if it were whole", async (t) => {
    const origin = await startRawOrigin(t, (socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
        setImmediate(() => socket.destroy());
      });
    });
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const { code } = await ask(openHttp2(t, edge), {});
    assert.equal(code, constants.NGHTTP2_INTERNAL_ERROR);
  });

  test("a client that leaves takes its request along", async (t) => {
    const origin = await startOrigin(t, () => {});
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    const stream = session.request({
      ":authority": "shop.example",
      ":path": "/",
      ":method": "POST",
    });
    stream.on("error", () => {});
    await eventually("the origin is asked", () => assert.equal(origin.sockets.size, 1));
    stream.close(constants.NGHTTP2_CANCEL);
    await eventually("it is given up", () => assert.equal(origin.sockets.size, 0));
  });

  test("silence ends streams and connections, unless they wait for the origin", async (t) => {
    const late: (() => void)[] = [];
    const origin = await startOrigin(t, (request, response) => {
      if (request.method === "GET") late.push(() => response.end("late"));
    });
    const edge = await startTlsEdge(t, { origins: [origin.url], idleMs: 300 });
    const session = openHttp2(t, edge);
    const waiting = ask(session, {});
    const silent = session.request({
      ":authority": "shop.example",
      ":method": "POST",
      ":path": "/",
    });
    silent.on("error", () => {});
    silent.write("begun");
    await once(silent, "close");
    assert.equal(silent.rstCode, constants.NGHTTP2_CANCEL);
    late[0]?.();
    assert.equal((await waiting).body, "late");
    await once(session, "close");
  });

  test("stopping lets streams finish and takes no new ones", async (t) => {
    const answers: (() => void)[] = [];
    const origin = await startOrigin(t, (_request, response) => {
      answers.push(() => response.end("done"));
    });
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    const answer = ask(session, {});
    await eventually("the origin is asked", () => assert.equal(answers.length, 1));
    const stopped = edge.daemon.stop(20_000);
    await once(session, "goaway");
    answers[0]?.();
    assert.equal((await answer).body, "done");
    await stopped;
  });
});

suite("HTTP/2 floods", () => {
  test("CVE-2023-44487: a client that resets as fast as it asks is cut off", async (t) => {
    const origin = await startOrigin(t, () => {});
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    const closed = new Promise((resolve) => session.once("close", resolve));
    let sent = 0;
    const flood = (): void => {
      for (let i = 0; i < 50 && !session.destroyed && !session.closed; i += 1) {
        const path = `/${sent}`;
        const stream = session.request({ ":authority": "shop.example", ":path": path });
        stream.on("error", () => {});
        stream.close(constants.NGHTTP2_CANCEL);
        sent += 1;
      }
      if (!session.destroyed && !session.closed && sent < 20 * RESET_BURST) setImmediate(flood);
    };
    session.once("connect", flood);
    await closed;
    assert.ok(sent < 20 * RESET_BURST, `after ${sent} resets`);
    assert.equal((await ask(openHttp2(t, edge), { ":method": "TRACE" })).status, 405);
  });

  test("streams at one time are bounded", async (t) => {
    const origin = await startOrigin(t, () => {});
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    await once(session, "remoteSettings");
    assert.equal(session.remoteSettings.maxConcurrentStreams, STREAMS_MAX);
  });

  test("floods of settings and pings, and bytes that are not HTTP/2, end the connection", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end("ok"));
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    for (const flood of [
      frame(PING, Buffer.alloc(8)),
      frame(SETTINGS),
      frame(SETTINGS, Buffer.alloc(6 * 64)),
      Buffer.from("GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n"),
    ]) {
      const socket = await openTls(t, edge, { ALPNProtocols: ["h2"] });
      // What comes back is not read: acknowledgements would pile up.
      socket.pause();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.write(PREFACE);
      socket.write(frame(SETTINGS));
      const many = Buffer.concat(Array.from({ length: 1_000 }, () => flood));
      const send = (): void => {
        if (!socket.destroyed) socket.write(many, () => setImmediate(send));
      };
      send();
      socket.on("error", () => {});
      socket.once("end", () => socket.destroy());
      await closed;
    }
    assert.equal((await ask(openHttp2(t, edge), {})).body, "ok");
  });

  test("a head that is too large or has too many lines is refused", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end("ok"));
    const edge = await startTlsEdge(t, { origins: [origin.url] });
    const session = openHttp2(t, edge);
    await once(session, "remoteSettings");
    const large = await ask(session, { "x-large": "x".repeat(40_000) });
    assert.notEqual(large.status, 200);
    const lines = Array.from({ length: 300 }, (_, i) => [`x-${i}`, "1"] as const);
    const many = await ask(openHttp2(t, edge), Object.fromEntries(lines));
    assert.notEqual(many.status, 200);
    assert.deepEqual(origin.seen, []);
    assert.equal((await ask(openHttp2(t, edge), {})).body, "ok");
  });
});
