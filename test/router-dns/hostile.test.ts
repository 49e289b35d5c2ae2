import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { before, describe, it } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { fuzzSeed, Seeded } from "../fuzz/seeded.ts";
import { atEnd, type Scope, suiteScope } from "../support/scope.ts";
import { queryBytes, words } from "./dns-world.ts";
import { fivePops, startTestRouter } from "./support.ts";
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
  let expected: string;

  before(async () => {
    const options = { pops: fivePops({}), probe: { kind: "none" } as const };
    ({ router, dns } = await startTestRouter(scope, options));
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
