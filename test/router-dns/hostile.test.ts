import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { before, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import type { SocketAddress } from "../../common/address.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { fuzzSeed, Seeded } from "../fuzz/seeded.ts";
import { makeCertificate } from "../support/certificate.ts";
import { atEnd, type Scope, suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { queryBytes, words } from "./dns-world.ts";
import { fivePops, serviceConfig, startTestRouter } from "./support.ts";
import { askTcp, askUdp, framed } from "./wire-client.ts";

const SEED = fuzzSeed();
const NAME = "netcinema.kingcdn.test";

/** A query is asked once: a lost answer is a failure, a late one is not. */
const ONCE = { tries: 1, patienceMs: 5_000 };

/** The good client's queries during one attack, and hostile packets before each of them. */
const GOOD_QUERIES = 100;
const HOSTILE_PER_GOOD = 10;

const GOOD = queryBytes({ name: NAME, udpBytes: 1232, options: [[8, "0001180001010a"]] });

/** As many empty options as fit one message over TCP. */
const OPTIONS = Array.from({ length: 16_000 }, (_, i) => [20_000 + i, ""] as const);

const PACKETS: readonly (readonly [what: string, make: (random: Seeded) => Uint8Array])[] = [
  ["random packets", (random) => random.bytes(random.below(700))],
  ["mutated queries", mutated],
  [
    "pointers that go around in circles",
    (random) =>
      Buffer.concat([
        words(1, 0, 1, 0xffff, 0xffff, 0xffff),
        Buffer.alloc(random.below(600), 0xc0),
      ]),
  ],
  ["responses", () => queryBytes({ name: NAME, flags: 0x8400 })],
];

describe(`a good client among hostile ones, FUZZ_SEED=${SEED}`, () => {
  const scope = suiteScope();
  let router: RunningDaemon;
  let dns: SocketAddress;
  let dot: SocketAddress;
  let doh: SocketAddress;
  let expected: string;

  before(async () => {
    const certificate = await makeCertificate(tempDir(scope), "ns1.kingcdn.test");
    const listen = ["127.0.0.1:0"];
    const service = serviceConfig({ tls: { ...certificate, listen }, doh: { listen } });
    const options = { pops: fivePops({}), probe: { kind: "none" } as const, service };
    ({ router, dns } = await startTestRouter(scope, options));
    const { addresses } = router;
    assert.ok(addresses["dot"] !== undefined && addresses["doh"] !== undefined);
    ({ dot, doh } = { dot: addresses["dot"], doh: addresses["doh"] });
    expected = withoutId((await askUdp(dns, [GOOD], ONCE))[0]);
    assert.match(expected, /7f000001/, "the answer has an address");
  });

  /** The good client asks, one query after the other; `attack` runs before each of them. */
  async function stayWell(attack: () => void): Promise<void> {
    for (let i = 0; i < GOOD_QUERIES; i += 1) {
      attack();
      assert.equal(withoutId((await askUdp(dns, [GOOD], ONCE))[0]), expected);
    }
  }

  for (const [what, make] of PACKETS) {
    it(`does not notice ${what}`, async (t) => {
      const random = new Seeded(SEED);
      const socket = createSocket("udp4");
      atEnd(t, () => void socket.close());
      await stayWell(() => {
        for (let i = 0; i < HOSTILE_PER_GOOD; i += 1) socket.send(make(random), dns.port, dns.host);
      });
    });
  }

  it("does not notice 64 KiB of options, over TCP, again and again", async (t) => {
    const heavy = framed(queryBytes({ name: NAME, udpBytes: 1232, options: OPTIONS }));
    const socket = open(t, dns);
    socket.resume();
    await stayWell(() => socket.write(heavy));
  });

  it("does not notice a client that asks for ever and never reads", async (t) => {
    const many = Buffer.concat(Array.from({ length: 500 }, () => framed(GOOD)));
    const socket = open(t, dns);
    socket.pause();
    await stayWell(() => socket.write(many));
  });

  for (const transport of ["dot", "doh"] as const) {
    const at = () => (transport === "dot" ? dot : doh);

    it(`does not notice what is no TLS, sent to ${transport}`, async (t) => {
      const random = new Seeded(SEED);
      await stayWell(() => {
        const socket = open(t, at());
        // Noise, and the start of a record of a handshake that goes on as noise.
        if (random.below(2) === 0) socket.write(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252));
        socket.write(random.bytes(random.below(3_000)));
        if (random.below(2) === 0) socket.end();
      });
    });

    it(`does not notice noise inside TLS, sent to ${transport}`, async (t) => {
      const random = new Seeded(SEED);
      await stayWell(() => {
        const socket = connectTls({ ...at(), rejectUnauthorized: false });
        socket.on("error", () => socket.destroy());
        atEnd(t, () => void socket.destroy());
        socket.once("secureConnect", () => socket.write(random.bytes(random.below(3_000))));
        if (random.below(3) === 0) setImmediate(() => socket.destroy());
      });
    });
  }

  it("does not notice HTTP that is not DNS, on both versions of it", async (t) => {
    const random = new Seeded(SEED);
    const session = connectHttp2(`https://127.0.0.1:${doh.port}`, { rejectUnauthorized: false });
    session.on("error", () => session.destroy());
    atEnd(t, () => session.destroy());
    await once(session, "connect");
    const statuses = new Map<number, number>();
    await stayWell(() => {
      if (session.destroyed || session.closed) return;
      const request = session.request(hostileHead(random), { endStream: false });
      request.on("error", () => request.destroy());
      request.on("response", (fields) => {
        const status = Number(fields[":status"]);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      });
      if (random.below(4) === 0) return request.close();
      request.end(random.bytes(random.below(70_000)));
      request.resume();
    });
    assert.ok(
      [400, 404, 405, 413, 415].some((status) => statuses.has(status)),
      "some are refused",
    );
    assert.ok(!statuses.has(500), "and none by a mistake of ours");
  });

  it("does not notice HTTP/1.1 that never ends", async (t) => {
    await stayWell(() => {
      const socket = connectTls({ ...doh, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
      socket.on("error", () => socket.destroy());
      atEnd(t, () => void socket.destroy());
      socket.write(
        "POST /dns-query HTTP/1.1\r\nhost: x\r\ncontent-type: application/dns-message\r\n",
      );
      socket.write("content-length: 60000\r\n\r\nabc");
    });
  });

  it("has not cost memory that stays", async () => {
    const before = process.memoryUsage().heapUsed;
    const random = new Seeded(SEED);
    const socket = createSocket("udp4");
    for (let i = 0; i < 200; i += 1) {
      for (let j = 0; j < 50; j += 1) socket.send(mutated(random), dns.port, dns.host);
      assert.equal(withoutId((await askUdp(dns, [GOOD], ONCE))[0]), expected);
    }
    socket.close();
    const grown = process.memoryUsage().heapUsed - before;
    assert.ok(grown < 64 * 2 ** 20, `${grown} octets more after 10,000 packets`);
  });

  it("does not notice reloads", async () => {
    const reloads: Promise<void>[] = [];
    await stayWell(() => reloads.push(router.reload?.() ?? Promise.reject(new Error("no reload"))));
    await Promise.all(reloads);
  });

  it("RFC 7766 s.10: gets a connection while others hold all of them", async (t) => {
    const clients = Array.from({ length: 20 }, (_, i) => `127.0.30.${i + 1}`);
    const sockets = clients.flatMap((localAddress) =>
      Array.from({ length: 64 }, () => open(t, { ...dns, localAddress })),
    );
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
    );
    await stayWell(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write("\xff", "latin1");
    });
    assert.equal(withoutId((await askTcp(dns, [GOOD]))[0]), expected);
  });
});

/** Heads of requests, most of which are wrong in one way or another. */
function hostileHead(random: Seeded): Record<string, string> {
  const noise = Buffer.from(random.bytes(random.below(300))).toString("base64url");
  const target = random.pick(["/dns-query", "/", "/dns-query?dns=", `/dns-query?dns=${noise}`]);
  return {
    ":method": random.pick(["GET", "POST", "PUT", "POST", "OPTIONS"]),
    ":path": target,
    "content-type": random.pick(["application/dns-message", "text/plain"]),
    "x-noise": noise,
  };
}

function mutated(random: Seeded): Uint8Array {
  const packet = Buffer.from(GOOD);
  for (let i = 0; i <= random.below(4); i += 1) {
    packet[2 + random.below(packet.length - 2)] = random.below(256);
  }
  return packet.subarray(0, random.below(3) === 0 ? random.below(packet.length) : packet.length);
}

function open(
  scope: Scope,
  { host, port, localAddress }: SocketAddress & { readonly localAddress?: string },
): Socket {
  const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
  socket.on("error", () => socket.destroy());
  atEnd(scope, () => void socket.destroy());
  return socket;
}

function withoutId(answer: Buffer | undefined): string {
  assert.ok(answer !== undefined, "the good client got no answer");
  return answer.subarray(2).toString("hex");
}
