import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import { ListenError } from "../../../common/listen.ts";
import { silentLogger } from "../../../common/log.ts";
import { type AnswerPacket, peerBytes } from "../../../router-dns/transport/answer.ts";
import { QUERY_BYTES_MAX } from "../../../router-dns/transport/datagram.ts";
import { closeDns, listenDns } from "../../../router-dns/transport/listeners.ts";
import { listenUdp } from "../../../router-dns/transport/udp.ts";
import type { UdpListener } from "../../../router-dns/transport/udp-listener.ts";
import { isPortFree } from "../../support/free-port.ts";
import type { Scope } from "../../support/scope.ts";
import { UDP_LAYERS } from "../../support/udp-layers.ts";

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

async function listen(
  scope: Scope,
  layer: "native" | "dgram",
  host = "127.0.0.1",
): Promise<UdpListener> {
  const listener = await listenUdp({ host, port: 0 }, { ...UDP, layer });
  assert.equal(listener.layer, layer);
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

const HOSTS = await Promise.all(
  [["127.0.0.1", 4] as const, ["::1", 6] as const].map(async ([host, family]) => ({
    host,
    family,
    skip: (await isPortFree(host, 0)) ? false : `this machine does not have ${host}`,
  })),
);

for (const { layer, skip } of UDP_LAYERS) {
  describe(`UDP over ${layer}`, { skip }, () => {
    for (const { host, family, skip } of HOSTS) {
      test(`packets are answered to whoever sent them, over IPv${family}`, { skip }, async (t) => {
        const listener = await listen(t, layer, host);
        assert.equal(await ask(client(t, family), listener, "hello"), "hello");
      });
    }

    test("a packet that breaks the answer function, or is empty, or huge, ends nothing", async (t) => {
      const listener = await listen(t, layer);
      const socket = client(t);
      for (const text of ["bug", "drop", "", "x".repeat(60_000)]) {
        socket.send(text, listener.address.port, listener.address.host);
      }
      let last = "";
      while (last !== "still there") last = await ask(socket, listener, "still there");
    });

    test("a datagram longer than any query is not read", async (t) => {
      const listener = await listen(t, layer);
      const socket = client(t);
      const { address } = listener;
      socket.send("x".repeat(QUERY_BYTES_MAX + 1), address.port, address.host);
      const longest = "x".repeat(QUERY_BYTES_MAX);
      assert.equal(await ask(socket, listener, longest), longest);
    });

    test("a port is free again when its listener has closed", async (t) => {
      const first = await listen(t, layer);
      await first.close();
      const again = await listenUdp(first.address, { ...UDP, layer });
      t.after(() => again.close());
      assert.deepEqual(again.address, first.address);
      assert.deepEqual(again.errors(), { receive: {}, send: {} });
    });

    test("several sockets share a port, and each packet is answered once", async (t) => {
      const first = await listenUdp(LOOPBACK, { ...UDP, layer, reusePort: true });
      t.after(() => first.close());
      const second = await listenUdp(first.address, { ...UDP, layer, reusePort: true });
      t.after(() => second.close());
      const sockets = Array.from({ length: 16 }, () => client(t));
      const answers = sockets.map((socket, index) => ask(socket, first, `hello ${index}`));
      assert.deepEqual(
        await Promise.all(answers),
        sockets.map((_, index) => `hello ${index}`),
      );
    });

    test("answers made one right after the other do not overwrite each other", async (t) => {
      const listener = await listen(t, layer);
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
        udpLayer: layer,
      };
      const listeners = await listenDns(plan, options);
      t.after(() => closeDns(listeners, 0));
      const [{ address, tcp } = { address: LOOPBACK, tcp: undefined }] = listeners.plain;
      assert.deepEqual(tcp?.address, address, "one port for both");
      const taken = { ...plan, plain: [LOOPBACK, address] };
      await assert.rejects(listenDns(taken, options), (error) => {
        assert.ok(error instanceof ListenError);
        assert.match(
          error.message,
          new RegExp(`127\\.0\\.0\\.1:${address.port} \\(DNS over UDP\\)`),
        );
        return true;
      });
    });
  });
}

test("addresses as sockets write them become bytes", () => {
  assert.deepEqual(peerBytes("192.0.2.255"), Uint8Array.of(192, 0, 2, 255));
  assert.deepEqual(peerBytes("::ffff:192.0.2.1"), Uint8Array.of(192, 0, 2, 1));
  assert.deepEqual(peerBytes("::1")?.[15], 1);
  assert.equal(peerBytes("fe80::1%eth0")?.length, 16);
  assert.equal(peerBytes(""), undefined);
  assert.equal(peerBytes("1.2.3"), undefined);
  assert.equal(peerBytes("name.example"), undefined);
});
