import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import { zoneSchema } from "../../common/config/zones.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import type { Scope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { queryBytes } from "./dns-world.ts";
import { edgeConfig, startTestRouter } from "./support.ts";

const RECORDS = 200_000;

/**
 * The longest time without an answer that is let pass. Parsing alone takes more than a second of a
 * core that nobody else uses; what is left is collected garbage, and other tests on this machine.
 */
const GAP_MS_MAX = 500;

const POPS = [
  { name: "syd", location: [0, 0] as [number, number], edges: [edgeConfig("syd-1", "127.0.0.1")] },
];

function largeZone(serial: number): string {
  const rows = Array.from(
    { length: RECORDS },
    (_, i) => `host${i} A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  );
  const head = `$ORIGIN big.test.\n$TTL 300\n@ SOA ns h ${serial} 3600 600 86400 60\n@ NS ns\n`;
  return `${head}ns A 192.0.2.${serial}\n${rows.join("\n")}\n`;
}

/** Asks again as soon as it is answered, and knows the longest time between two answers. */
class SteadyClient {
  answers = 0;
  longestMs = 0;
  #last = performance.now();
  readonly #socket = createSocket("udp4");
  readonly #packet = queryBytes({ name: "ns1.kingcdn.test.", type: "A" });

  constructor(scope: Scope, { host, port }: SocketAddress) {
    scope.after(() => this.stop());
    const ask = () => this.#socket.send(this.#packet, port, host);
    this.#socket.on("message", () => {
      const now = performance.now();
      this.longestMs = Math.max(this.longestMs, now - this.#last);
      this.#last = now;
      this.answers += 1;
      ask();
    });
    ask();
  }

  stop(): void {
    try {
      this.#socket.close();
    } catch {
      // It is closed already.
    }
  }
}

async function serialAt({ host, port }: SocketAddress): Promise<string | undefined> {
  const answer = await dig({ server: host, port, name: "big.test", type: "SOA" });
  return answerData(answer, "SOA")[0]?.split(" ")[2];
}

describe(`a zone of ${RECORDS} records`, () => {
  it("is read again while everybody is answered, and shown as a whole", async (t) => {
    const file = join(tempDir(t), "big.zone");
    writeFileSync(file, largeZone(1));
    const transfers = {
      tsig: [],
      zones: [zoneSchema.parse({ file, transfer: { to: ["127.0.0.0/8"] } })],
    };
    const { router, dns } = await startTestRouter(t, {
      pops: POPS,
      zoneFiles: [file],
      transfers,
    });
    writeFileSync(file, largeZone(2));
    const client = new SteadyClient(t, dns);
    await router.reload?.();
    assert.equal(await serialAt(dns), "2");
    // What has changed is found for IXFR behind the swap.
    await eventually("the changes are known", async () => {
      const options = ["+tcp", "+noedns", "+nocookie"];
      const type = "IXFR=1";
      const { host: server, port } = dns;
      const { text } = await dig({ server, port, name: "big.test", type, options });
      assert.match(text, /192\.0\.2\.2/);
      assert.doesNotMatch(text, /host7\./);
    });
    client.stop();
    t.diagnostic(`${client.answers} answers, at most ${client.longestMs.toFixed(0)} ms between`);
    assert.ok(client.answers > 100, String(client.answers));
    assert.ok(client.longestMs < GAP_MS_MAX, `${client.longestMs} ms without an answer`);
    const server = { server: dns.host, port: dns.port };
    const last = await dig({ ...server, name: `host${RECORDS - 1}.big.test`, type: "A" });
    assert.equal(answerData(last, "A").length, 1);
  });

  it("is kept as it was when the file gets a mistake, and costs nothing when it is the same", async (t) => {
    const file = join(tempDir(t), "small.zone");
    const text = (last: string) =>
      `$ORIGIN big.test.\n$TTL 60\n@ SOA ns h 7 2 3 4 5\n@ NS ns\nns A ${last}\n`;
    writeFileSync(file, text("192.0.2.1"));
    const { router, dns } = await startTestRouter(t, { pops: POPS, zoneFiles: [file] });
    writeFileSync(file, text("192.0.2.one"));
    await router.reload?.();
    assert.equal(await serialAt(dns), "7");
    writeFileSync(file, text("192.0.2.9"));
    await router.reload?.();
    const ask = { server: dns.host, port: dns.port, name: "ns.big.test", type: "A" };
    assert.deepEqual(answerData(await dig(ask), "A"), ["192.0.2.9"]);
  });

  it("comes from a primary while everybody is answered", async (t) => {
    const dir = tempDir(t);
    const file = join(dir, "big.zone");
    writeFileSync(file, largeZone(1));
    const primary = await startTestRouter(t, {
      pops: POPS,
      zoneFiles: [file],
      transfers: {
        tsig: [],
        zones: [zoneSchema.parse({ file, transfer: { to: ["127.0.0.0/8"] } })],
      },
    });
    const { host, port } = primary.dns;
    const zone = {
      file: join(dir, "kept"),
      name: "big.test",
      primaries: [`${host}:${port}`],
    };
    const secondary = await startTestRouter(t, {
      pops: POPS,
      transfers: { tsig: [], zones: [zoneSchema.parse(zone)] },
    });
    const client = new SteadyClient(t, secondary.dns);
    const whole = async () => assert.equal(await serialAt(secondary.dns), "1");
    await eventually("the zone is there", whole, { withinMs: 60_000, everyMs: 100 });
    client.stop();
    t.diagnostic(`${client.answers} answers, at most ${client.longestMs.toFixed(0)} ms between`);
    assert.ok(client.longestMs < GAP_MS_MAX, `${client.longestMs} ms without an answer`);
  });
});
