import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { ListenError } from "../../../common/listen.ts";
import { silentLogger } from "../../../common/log.ts";
import { type AnswerPacket, peerBytes } from "../../../router-dns/transport/answer.ts";
import { closeDns, listenDns } from "../../../router-dns/transport/listeners.ts";
import { listenUdp, type UdpListener } from "../../../router-dns/transport/udp.ts";
import { isPortFree } from "../../support/free-port.ts";
import type { Scope } from "../../support/scope.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };

/** Says nothing to "drop", breaks on "bug", and gives everything else back. */
const answer: AnswerPacket = (packet, _peer, _transport, out) => {
  const text = Buffer.from(packet).toString();
  if (text === "bug") throw new Error("bug");
  if (text === "drop") return 0;
  out.set(packet);
  return packet.length;
};

const UDP = { answer, log: silentLogger, proxyFrom: [], onBroken: () => undefined };

async function listen(scope: Scope, host = "127.0.0.1"): Promise<UdpListener> {
  const listener = await listenUdp({ host, port: 0 }, UDP);
  scope.after(() => listener.close());
  return listener;
}

function client(scope: Scope, family: 4 | 6 = 4): Socket {
  const socket = createSocket(family === 4 ? "udp4" : "udp6");
  scope.after(() => {
    socket.close();
  });
  return socket;
}

async function ask(socket: Socket, { address }: UdpListener, text: string): Promise<string> {
  socket.send(text, address.port, address.host);
  const [message] = (await once(socket, "message")) as [Buffer];
  return message.toString();
}

for (const [host, family] of [["127.0.0.1", 4] as const, ["::1", 6] as const]) {
  const skip = (await isPortFree(host, 0)) ? false : `this machine does not have ${host}`;
  test(`packets are answered to whoever sent them, over IPv${family}`, { skip }, async (t) => {
    const listener = await listen(t, host);
    assert.equal(await ask(client(t, family), listener, "hello"), "hello");
  });
}

test("a packet that breaks the answer function, or is empty, or huge, ends nothing", async (t) => {
  const listener = await listen(t);
  const socket = client(t);
  for (const text of ["bug", "drop", "", "x".repeat(60_000)]) {
    socket.send(text, listener.address.port, listener.address.host);
  }
  let last = "";
  while (last !== "still there") last = await ask(socket, listener, "still there");
});

test("answers made one right after the other do not overwrite each other", async (t) => {
  const listener = await listen(t);
  const socket = client(t);
  const sent = Array.from({ length: 200 }, (_, index) => `packet ${index}`);
  const got: string[] = [];
  const all = new Promise<void>((resolve) => {
    socket.on("message", (message) => {
      got.push(message.toString());
      if (got.length === sent.length) resolve();
    });
  });
  for (const text of sent) socket.send(text, listener.address.port, listener.address.host);
  await all;
  assert.deepEqual(new Set(got), new Set(sent));
});

test("a port that is taken is an error that names it, and nothing stays bound", async (t) => {
  const options = { answer, log: silentLogger, onRefusal: () => undefined };
  const plan = {
    plain: [LOOPBACK],
    dot: [],
    doh: [],
    dohPath: "",
    secureContext: undefined,
    proxyFrom: [],
  };
  const listeners = await listenDns(plan, options);
  t.after(() => closeDns(listeners, 0));
  const [{ address, tcp } = { address: LOOPBACK, tcp: undefined }] = listeners.plain;
  assert.deepEqual(tcp?.address, address, "one port for both");
  const taken = { ...plan, plain: [LOOPBACK, address] };
  await assert.rejects(listenDns(taken, options), (error) => {
    assert.ok(error instanceof ListenError);
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${address.port} \\(DNS over UDP\\)`));
    return true;
  });
});

test("addresses as sockets write them become bytes", () => {
  assert.deepEqual(peerBytes("192.0.2.255"), Uint8Array.of(192, 0, 2, 255));
  assert.deepEqual(peerBytes("::ffff:192.0.2.1"), Uint8Array.of(192, 0, 2, 1));
  assert.deepEqual(peerBytes("::1")?.[15], 1);
  assert.equal(peerBytes("fe80::1%eth0")?.length, 16);
  assert.equal(peerBytes(""), undefined);
  assert.equal(peerBytes("1.2.3"), undefined);
  assert.equal(peerBytes("name.example"), undefined);
});
