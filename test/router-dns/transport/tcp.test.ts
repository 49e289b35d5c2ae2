import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import type { SocketAddress } from "../../../common/address.ts";
import { silentLogger } from "../../../common/log.ts";
import type { RefusalReason, StreamListener } from "../../../router-dns/transport/accept.ts";
import type { AnswerPacket } from "../../../router-dns/transport/answer.ts";
import { clientOf } from "../../../router-dns/transport/connections.ts";
import { listenTcpDns, TCP_LIMITS, type TcpLimits } from "../../../router-dns/transport/tcp.ts";
import { MessageSplitter } from "../../../router-dns/transport/tcp-framing.ts";
import { isPortFree } from "../../support/free-port.ts";
import type { Scope } from "../../support/scope.ts";
import { ipBytes } from "../dns-world.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };
const echo: AnswerPacket = (packet, _peer, _transport, out) => {
  out.set(packet);
  return packet.length;
};

async function listen(
  scope: Scope,
  options: {
    answer?: AnswerPacket;
    limits?: Partial<TcpLimits>;
    at?: SocketAddress;
    refusals?: RefusalReason[];
  } = {},
): Promise<StreamListener> {
  const limits = { ...TCP_LIMITS, ...options.limits };
  const { at = LOOPBACK, answer = echo, refusals = [] } = options;
  const listener = await listenTcpDns(at, {
    answer,
    log: silentLogger,
    limits,
    proxyFrom: [],
    onRefusal: (reason) => refusals.push(reason),
  });
  scope.after(() => listener.close(0));
  return listener;
}

function open(scope: Scope, { address }: StreamListener, allowHalfOpen = false): Socket {
  const socket = connect({ host: address.host, port: address.port, allowHalfOpen });
  scope.after(() => {
    socket.destroy();
  });
  return socket;
}

function frame(...messages: readonly string[]): Buffer {
  return Buffer.concat(
    messages.map((text) => {
      const framed = Buffer.alloc(text.length + 2);
      framed.writeUInt16BE(text.length);
      framed.write(text, 2);
      return framed;
    }),
  );
}

/** Unlike `once`, this takes a reset for an end: which of both a client sees is chance. */
function closed(socket: Socket): Promise<void> {
  socket.on("error", () => undefined);
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe("RFC 7766", () => {
  test("6.2.1.1: many queries in one packet are all answered, in order", async (t) => {
    const socket = open(t, await listen(t), true);
    const sent = frame(...Array.from({ length: 500 }, (_, index) => `query ${index}`));
    socket.end(sent);
    assert.deepEqual(await readAll(socket), sent);
  });

  test("8: the length and the message may come in any pieces", async (t) => {
    const socket = open(t, await listen(t), true);
    const sent = frame("first", "second");
    for (const byte of sent) {
      socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    socket.end();
    assert.deepEqual(await readAll(socket), sent);
  });

  test("a client that has closed its half gets the answer to what it asked", async (t) => {
    const socket = open(t, await listen(t), true);
    socket.end(frame("last words"));
    assert.deepEqual(await readAll(socket), frame("last words"));
  });

  test("6.2.3: a client that says nothing, or trickles one query, is closed", async (t) => {
    const refusals: RefusalReason[] = [];
    const listener = await listen(t, { limits: { idleMs: 60 }, refusals });
    const silent = open(t, listener);
    const trickling = open(t, listener);
    const timer = setInterval(() => trickling.write("\0"), 10);
    t.after(() => clearInterval(timer));
    trickling.on("error", () => undefined);
    trickling.write(Uint8Array.of(255, 255));
    silent.resume();
    trickling.resume();
    await Promise.all([closed(silent), closed(trickling)]);
    assert.deepEqual(refusals, ["idle", "idle"]);
  });

  test("a client that goes on asking stays", async (t) => {
    const listener = await listen(t, { limits: { idleMs: 150 } });
    const socket = open(t, listener);
    const started = performance.now();
    while (performance.now() - started < 400) {
      socket.write(frame("still here"));
      await once(socket, "data");
    }
    assert.equal(listener.connections(), 1);
  });

  test("6.2.4: a message that gets no answer ends the connection", async (t) => {
    const socket = open(t, await listen(t, { answer: () => 0 }));
    socket.write(frame("nonsense", "more nonsense"));
    assert.equal((await readAll(socket)).length, 0);
  });
});

describe("limits", () => {
  test("RFC 7766 s.10: a connection above the limit replaces that which is silent for longest", async (t) => {
    const refusals: RefusalReason[] = [];
    const listener = await listen(t, { limits: { connectionsMax: 2 }, refusals });
    const [asking, silent] = [open(t, listener), open(t, listener)];
    await Promise.all([once(asking, "connect"), once(silent, "connect")]);
    asking.write(frame("first"));
    await once(asking, "data");
    silent.write(Uint8Array.of(0));
    const third = open(t, listener);
    third.write(frame("hello"));
    await Promise.all([closed(silent), once(third, "data")]);
    asking.write(frame("second"));
    await once(asking, "data");
    assert.equal(listener.connections(), 2);
    assert.deepEqual(refusals, ["replaced"]);
  });

  test("one client cannot take all connections", async (t) => {
    const refusals: RefusalReason[] = [];
    const listener = await listen(t, { limits: { connectionsPerClientMax: 1 }, refusals });
    const first = open(t, listener);
    await once(first, "connect");
    assert.equal((await readAll(open(t, listener))).length, 0);
    assert.deepEqual(refusals, ["client-limit"]);
    first.destroy();
    while (listener.connections() > 0) await new Promise(setImmediate);
    const next = open(t, listener);
    next.write(frame("room again"));
    await once(next, "data");
  });

  test("RFC 7766 s.6.2.1.1: one that pipelines without end leaves others their turn", async (t) => {
    const order: string[] = [];
    const answer: AnswerPacket = (packet, ...rest) => {
      order.push(Buffer.from(packet).toString());
      return echo(packet, ...rest);
    };
    const listener = await listen(t, { answer, limits: { queriesPerTurn: 10 } });
    const [greedy, modest] = [open(t, listener), open(t, listener)];
    await Promise.all([once(greedy, "connect"), once(modest, "connect")]);
    greedy.write(frame(...Array.from({ length: 3_000 }, () => "more")));
    modest.write(frame("one"));
    const answered = once(modest, "data");
    let received = 0;
    await new Promise<void>((resolve) => {
      greedy.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (received === 3_000 * 6) resolve();
      });
    });
    await answered;
    const before = order.indexOf("one");
    assert.ok(before < 2_000, `${before} of 3,000 queries came first`);
    assert.equal(order.length, 3_001);
  });

  test("nothing is read from a client that does not take its answers", async (t) => {
    let answers = 0;
    const large: AnswerPacket = () => {
      answers += 1;
      return 60_000;
    };
    const limits = { unsentBytesMax: 120_000, idleMs: 300 };
    const listener = await listen(t, { answer: large, limits });
    const socket = open(t, listener);
    socket.on("error", () => undefined);
    const queries = 5_000;
    socket.write(frame(...Array.from({ length: queries }, () => "more".padEnd(1000, "!"))));
    while (listener.connections() === 0) await new Promise(setImmediate);
    while (listener.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(answers < queries, `${answers} answers of 60,000 octets were made for nobody`);
  });
});

test("an answer function that throws ends that connection only", async (t) => {
  const listener = await listen(t, {
    answer: (packet, ...rest) => {
      if (packet.length === 3) throw new Error("bug");
      return echo(packet, ...rest);
    },
  });
  const [bad, good] = [open(t, listener), open(t, listener)];
  bad.on("error", () => undefined);
  bad.write(frame("bug"));
  bad.resume();
  await closed(bad);
  good.write(frame("fine"));
  assert.deepEqual((await once(good, "data"))[0], frame("fine"));
});

test("RFC 6177 s.2: the addresses of an IPv6 /64 are one client", () => {
  const client = (text: string) => clientOf(ipBytes(text));
  assert.equal(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
  assert.notEqual(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
  assert.notEqual(client("192.0.2.1"), client("192.0.2.2"));
});

const noIpv6 = (await isPortFree("::1", 0)) ? false : "this machine does not have ::1";
test("IPv6 clients are served, and known by 16 bytes", { skip: noIpv6 }, async (t) => {
  const lengths: number[] = [];
  const answer: AnswerPacket = (packet, peer, transport, out) => {
    lengths.push(peer.length);
    return echo(packet, peer, transport, out);
  };
  const listener = await listen(t, { answer, at: { host: "::1", port: 0 } });
  const socket = open(t, listener);
  socket.write(frame("six"));
  await once(socket, "data");
  assert.deepEqual(lengths, [16]);
});

test("a stream cut anywhere gives the same messages", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.array(fc.nat(400), { maxLength: 12 }),
      (messages, cuts) => {
        const whole = Buffer.concat(
          messages.flatMap((bytes) => [
            Uint8Array.of(bytes.length >> 8, bytes.length & 255),
            bytes,
          ]),
        );
        const got: Buffer[] = [];
        const splitter = new MessageSplitter((message) => {
          got.push(Buffer.from(message));
          return true;
        });
        let from = 0;
        for (const cut of [...cuts, whole.length]) {
          const to = Math.min(whole.length, from + cut);
          const piece = whole.subarray(from, to);
          for (let at = 0; at < piece.length; ) {
            const before = got.length;
            at = splitter.push(piece, at, 2);
            assert.ok(got.length - before <= 2);
          }
          from = to;
        }
        assert.equal(splitter.ended, false);
        assert.deepEqual(
          got,
          messages.map((bytes) => Buffer.from(bytes)),
        );
      },
    ),
  );
});
