import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import { suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { COMPLIANCE_CASES, type ComplianceCase, PLAIN } from "./compliance-cases.ts";
import { queryBytes } from "./dns-world.ts";
import { startTestRouter } from "./support.ts";
import { askTcp, askUdp, askUntil, framed } from "./wire-client.ts";

const ZONE = `$ORIGIN netcinema.test.
$TTL 300
@ IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.1
`;

const SOA = queryBytes({ name: "netcinema.test", type: "SOA" }, 0xbeef);

describe("RFC 8906: a running router answers what others may send", () => {
  const scope = suiteScope();
  let dns: SocketAddress;

  before(async () => {
    const file = join(tempDir(scope), "netcinema.test.zone");
    writeFileSync(file, ZONE);
    const options = { pops: [], zoneFiles: [file], probe: { kind: "none" } as const };
    ({ dns } = await startTestRouter(scope, options));
  });

  for (const probe of COMPLIANCE_CASES) {
    it(probe.title, async () => {
      for (const ask of [askUdp, askTcp]) {
        const [answer] = await ask(dns, [probe.packet]);
        assert.ok(answer !== undefined, "no answer");
        check(probe, answer);
      }
    });
  }

  it("RFC 1035 s.7.3: responses, and what is too short for a header, get no answer", async () => {
    const response = queryBytes({ name: "netcinema.test", type: "SOA", flags: 0x8000 });
    const opcode = queryBytes({ name: "netcinema.test", type: "SOA", flags: 0xf800 });
    const short = [0, 1, 2, 11].map((length) => SOA.subarray(0, length));
    const answers = await askUntil(dns, [response, opcode, ...short], SOA);
    assert.equal(answers.length, 1);
  });

  for (const [what, sent] of [
    ["a frame of length 0", Buffer.alloc(2)],
    ["a response", framed(queryBytes({ name: "netcinema.test", flags: 0x8000 }))],
  ] as const) {
    it(`RFC 7766 s.6.2.4: ${what} ends its own TCP connection, after the answers before`, async () => {
      const socket = connect({ host: dns.host, port: dns.port });
      socket.write(Buffer.concat([framed(SOA), sent, framed(SOA)]));
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      await once(socket, "end");
      const received = Buffer.concat(chunks);
      assert.equal(received.length, 2 + received.readUInt16BE(0));
      socket.destroy();
      assert.ok((await askTcp(dns, [SOA]))[0]);
    });
  }
});

function check(probe: ComplianceCase, answer: Buffer): void {
  const { rcode, flags, counts } = { ...PLAIN, ...probe };
  const question = probe.packet.subarray(12, probe.packet.length);
  const second = answer.readUInt16BE(2);
  assert.equal((second & 0x7ff0).toString(16), flags.toString(16), "flags");
  assert.equal(second >> 15, 1, "QR");
  assert.equal(second & 0xf, rcode & 0xf, "response code");
  assert.deepEqual(
    [4, 6, 8, 10].map((at) => answer.readUInt16BE(at)),
    counts,
    "counts of records",
  );
  if (counts[0] === 1) {
    const end = question.indexOf(0) + 5;
    assert.deepEqual(answer.subarray(12, 12 + end), question.subarray(0, end), "question");
  }
  const opt = probe.opt?.replaceAll(" ", "") ?? "";
  assert.equal(answer.toString("hex").slice(answer.length * 2 - opt.length), opt, "OPT");
}
