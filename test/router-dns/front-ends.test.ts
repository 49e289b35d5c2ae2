import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import * as dnsPacket from "dns-packet";
import type { SocketAddress } from "../../common/address.ts";
import { makeCertificate } from "../support/certificate.ts";
import { answerData, dig } from "../support/dig.ts";
import { startDnsdist } from "../support/dnsdist.ts";
import { eventually } from "../support/eventually.ts";
import { atEnd, type Scope, suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { queryBytes } from "./dns-world.ts";
import { edgeConfig, FIVE, serviceConfig, startTestRouter } from "./support.ts";
import { askTcp, askUdp, framed, proxyHeader } from "./wire-client.ts";

const NAME = "netcinema.kingcdn.test";
const QUERY = queryBytes({ name: NAME });

/** Which client is sent where: an edge's address says whom the router has taken it for. */
const COVERAGE = "127.0.77.0/24: nrt\n192.0.2.0/24: gru\n";
const NRT = "127.0.40.4";
const GRU = "127.0.40.5";

describe("front ends in front of a router", () => {
  const scope = suiteScope();
  let dns: SocketAddress;
  let dot: SocketAddress;
  let doh: SocketAddress;
  let admin: SocketAddress;

  before(async () => {
    const dir = tempDir(scope);
    const coverageFile = join(dir, "coverage.yaml");
    writeFileSync(coverageFile, COVERAGE);
    const certificate = await makeCertificate(dir, "ns1.kingcdn.test");
    const listen = ["127.0.0.1:0"];
    const started = await startTestRouter(scope, {
      pops: Object.entries(FIVE).map(([name, location], index) => ({
        name,
        location: [...location],
        edges: [edgeConfig(`${name}-1`, `127.0.40.${index + 1}`)],
      })),
      probe: { kind: "none" },
      coverageFile,
      service: serviceConfig({
        tls: { ...certificate, listen },
        doh: { listen },
        proxy: { from: ["127.0.0.1/32"] },
      }),
    });
    ({ dns, admin } = started);
    const { addresses } = started.router;
    assert.ok(addresses["dot"] !== undefined && addresses["doh"] !== undefined);
    dot = addresses["dot"];
    doh = addresses["doh"];
  });

  async function refusals(transport: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
    const line = `dns_refusals_total\\{transport="${transport}",reason="proxy-header"\\} (\\d+)`;
    return Number(new RegExp(line).exec(text)?.[1] ?? 0);
  }

  for (const options of [[], ["+tcp"]]) {
    it(`a real dnsdist says who asks, over ${options[0] ?? "UDP"}`, async (t) => {
      const { host: server, port } = await startDnsdist(t, dns);
      const from = (address: string) =>
        dig({ server, port, name: NAME, options: [...options, "-b", address] });
      assert.deepEqual(answerData(await from("127.0.77.1"), "A"), [NRT]);
      assert.notDeepEqual(answerData(await from("127.0.78.1"), "A"), [NRT]);
    });
  }

  it("who is no front end is taken for itself, header or not", async () => {
    const { host: server, port } = dns;
    for (const options of [[], ["+tcp"]]) {
      const seen = await dig({
        server,
        port,
        name: NAME,
        options: [...options, "-b", "127.0.77.9"],
      });
      assert.deepEqual(answerData(seen, "A"), [NRT]);
    }
  });

  it("a front end that says nothing about who asks gets nothing", async () => {
    const patience = { tries: 1, patienceMs: 300 };
    assert.deepEqual(await askUdp(dns, [QUERY], patience), [undefined]);
    assert.deepEqual(await askTcp(dns, [QUERY]), [undefined]);
    await eventually("both are counted", async () => {
      assert.ok((await refusals("udp")) >= 1);
      assert.ok((await refusals("tcp")) >= 1);
    });
  });

  it("a header in pieces, and a query in one piece with its end", async (t) => {
    const header = proxyHeader("192.0.2.1", "tcp");
    const socket = connect({ host: dns.host, port: dns.port, noDelay: true });
    atEnd(t, () => void socket.destroy());
    for (const byte of header.subarray(0, -1)) {
      socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    socket.write(Buffer.concat([header.subarray(-1), framed(QUERY), framed(QUERY)]));
    // Each answer is its question and one A record.
    const expectedBytes = 2 * (2 + QUERY.length + 16);
    let answers = Buffer.alloc(0);
    while (answers.length < expectedBytes) {
      const [chunk] = (await once(socket, "data")) as [Buffer];
      answers = Buffer.concat([answers, chunk]);
    }
    assert.equal(answers.length, expectedBytes);
    assert.equal(addressIn(answers.subarray(2, expectedBytes / 2)), GRU);
  });

  it("a header before TLS, which hides the rest from the front end", async (t) => {
    const answer = await throughTls(t, dot, "dot", framed(QUERY));
    assert.equal(addressIn(answer.subarray(2)), GRU);
    assert.equal(await refusals("dot"), 0);
  });

  it("a header before HTTPS", async (t) => {
    const target = `/dns-query?dns=${QUERY.toString("base64url")}`;
    const request = Buffer.from(`GET ${target} HTTP/1.1\r\nhost: ns1\r\n\r\n`);
    const answer = await throughTls(t, doh, "http/1.1", request);
    const end = answer.indexOf("\r\n\r\n") + 4;
    assert.match(answer.subarray(0, end).toString(), /^HTTP\/1\.1 200 /);
    assert.equal(addressIn(answer.subarray(end)), GRU);
  });
});

/** Speaks through a front end for 192.0.2.1: header, handshake, request. Gives what comes first. */
async function throughTls(
  scope: Scope,
  at: SocketAddress,
  protocol: string,
  request: Buffer,
): Promise<Buffer> {
  const raw = connect({ host: at.host, port: at.port });
  atEnd(scope, () => void raw.destroy());
  raw.write(proxyHeader("192.0.2.1", "tcp"));
  const socket = connectTls({ socket: raw, rejectUnauthorized: false, ALPNProtocols: [protocol] });
  await once(socket, "secureConnect");
  socket.write(request);
  const [answer] = (await once(socket, "data")) as [Buffer];
  return answer;
}

function addressIn(message: Buffer): string {
  const [record] = dnsPacket.decode(message).answers ?? [];
  return record?.type === "A" ? record.data : "none";
}
