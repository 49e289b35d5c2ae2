import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { it } from "node:test";
import { OPCODE_NOTIFY } from "../../../router-dns/wire/codes.ts";
import { eventually } from "../../support/eventually.ts";
import { queryBytes } from "../dns-world.ts";
import { fivePops, serviceConfig, startTestRouter } from "../support.ts";

const PACKETS = 200;
const PER_SECOND = 10;

function notice(): Buffer {
  const packet = queryBytes({ name: "kingcdn.test.", type: "SOA" });
  packet.writeUInt16BE(OPCODE_NOTIFY << 11, 2);
  return packet;
}

/** A question with a TSIG record of a key that nobody has (RFC 8945 section 4.2). */
function badlySigned(): Buffer {
  const packet = queryBytes({ name: "kingcdn.test.", type: "SOA" });
  packet.writeUInt16BE(1, 10);
  const name = (text: string) =>
    Buffer.from(`${String.fromCharCode(text.length)}${text}\0`, "latin1");
  const rdata = Buffer.concat([name("hmac-sha256"), Buffer.alloc(8), Buffer.alloc(8)]);
  const head = Buffer.from([0, 250, 0, 255, 0, 0, 0, 0, 0, rdata.length]);
  return Buffer.concat([packet, name("nobody"), head, rdata]);
}

for (const [what, packet] of [
  ["notices", notice()],
  ["signatures of no key", badlySigned()],
] as const) {
  it(`${what} that may be forged get few answers over UDP`, async (t) => {
    const rateLimit = { exempt: [], slip: 0, answersPerSecond: PER_SECOND };
    const { dns, admin } = await startTestRouter(t, {
      pops: fivePops({}),
      probe: { kind: "none" },
      service: serviceConfig({ rateLimit }),
      transfers: { tsig: [], zones: [] },
    });
    const socket = createSocket("udp4");
    t.after(() => socket.close());
    let answers = 0;
    socket.on("message", () => {
      answers += 1;
    });
    for (let i = 0; i < PACKETS; i += 1) socket.send(packet, dns.port, dns.host);
    await eventually("most are dropped, and that is counted", async () => {
      const text = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
      const dropped = Number(/rrl_total\{action="drop"\} (\d+)/.exec(text)?.[1] ?? 0);
      assert.ok(dropped > PACKETS / 2, `${dropped} dropped`);
    });
    await eventually("some are answered", () => assert.ok(answers > 0));
    assert.ok(answers < PACKETS / 4, `${answers} answers`);
  });
}
