import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import * as dnsPacket from "dns-packet";
import type { SocketAddress } from "../../common/address.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { RouterFilesError } from "../../router-dns/data/files.ts";
import { makeCertificate, type TestCertificate } from "../support/certificate.ts";
import { answerData, dig, parseDig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { runProcess } from "../support/process.ts";
import { atEnd, type Scope, suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startUnbound } from "../support/unbound.ts";
import { queryBytes } from "./dns-world.ts";
import { fivePops, serviceConfig, startTestRouter } from "./support.ts";
import { framed } from "./wire-client.ts";

const NAME = "netcinema.kingcdn.test";
const HOST = "ns1.kingcdn.test";
const SYDNEY = "129.94.0.0/24";
const QUERY = queryBytes({ name: NAME, options: [[8, "00011800815e00"]] });

/** A router that answers over everything, on free ports. */
async function startSecureRouter(scope: Scope, certificate: TestCertificate) {
  const listen = ["127.0.0.1:0"];
  const { router, dns, admin } = await startTestRouter(scope, {
    pops: fivePops({}),
    probe: { kind: "none" },
    service: serviceConfig({ tls: { ...certificate, listen }, doh: { listen }, nsid: "syd-ns" }),
  });
  const { dot, doh } = router.addresses;
  assert.ok(dot !== undefined && doh !== undefined);
  return { router, dns, dot, doh, admin };
}

/** Asks with the real `kdig`. */
async function kdig(at: SocketAddress, options: readonly string[], type = "A") {
  const args = [`@${at.host}`, "-p", String(at.port), NAME, type, "+time=3", "+retry=0"];
  const { stdout, stderr } = await runProcess({ command: "kdig", args: [...args, ...options] });
  return { ...parseDig(stdout), stderr };
}

async function metricsOf(admin: SocketAddress): Promise<string> {
  return (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
}

function connect(scope: Scope, at: SocketAddress, options: object): TLSSocket {
  const socket = connectTls({
    host: at.host,
    port: at.port,
    rejectUnauthorized: false,
    ...options,
  });
  socket.on("error", () => socket.destroy());
  atEnd(scope, () => void socket.destroy());
  return socket;
}

describe("DNS over TLS and HTTPS", () => {
  const scope = suiteScope();
  let certificate: TestCertificate;
  let router: RunningDaemon;
  let dot: SocketAddress;
  let doh: SocketAddress;
  let dns: SocketAddress;
  let admin: SocketAddress;

  before(async () => {
    certificate = await makeCertificate(tempDir(scope), HOST);
    ({ router, dot, doh, dns, admin } = await startSecureRouter(scope, certificate));
  });

  it("RFC 7858: kdig gets the same answer over TLS, and believes the certificate", async () => {
    const plain = await kdig(dns, [`+subnet=${SYDNEY}`]);
    assert.equal(plain.answer.length, 1);
    const tls = [`+tls-ca=${certificate.certificate}`, `+tls-hostname=${HOST}`];
    const secure = await kdig(dot, [...tls, `+subnet=${SYDNEY}`]);
    assert.deepEqual(secure.answer, plain.answer);
    assert.match(secure.text, /TLS session \(TLS1\.3\)/);
    const wrong = await kdig(dot, [
      `+tls-ca=${certificate.certificate}`,
      "+tls-hostname=other.test",
    ]);
    assert.equal(wrong.status, "TIMEOUT", "a client that checks the name finds another one");
  });

  for (const [what, options] of [
    ["POST", ["+https"]],
    ["GET", ["+https-get"]],
  ] as const) {
    it(`RFC 8484: kdig gets the same answer over HTTPS with ${what}`, async () => {
      const plain = await kdig(dns, [`+subnet=${SYDNEY}`]);
      const secure = await kdig(doh, [...options, `+subnet=${SYDNEY}`]);
      assert.deepEqual(secure.answer, plain.answer);
      assert.match(secure.text, /HTTP\/2/);
    });
  }

  it("RFC 8467: both are padded if the client pads, plain ones never", async () => {
    const size = (text: string) => Number(/Received (\d+) B/.exec(text)?.[1]);
    const padded = ["+padding=128", "+nsid"];
    for (const [at, options] of [
      [dot, ["+tls", ...padded]],
      [doh, ["+https", ...padded]],
    ] as const) {
      const { text } = await kdig(at, options);
      assert.equal(size(text), 468, text);
      assert.match(text, /NSID: .*"syd-ns"/);
    }
    assert.ok(size((await kdig(dns, ["+tcp", ...padded])).text) < 200);
  });

  it("RFC 7828: a client of a connection hears how long it may be idle", async () => {
    const keepalive = ["+ednsopt=11"];
    const answer = await dig({
      server: dns.host,
      port: dns.port,
      name: NAME,
      options: ["+tcp", ...keepalive],
    });
    assert.match(answer.text, /TCP.KEEPALIVE: 10\.0 secs/i);
    const udp = await dig({ server: dns.host, port: dns.port, name: NAME, options: keepalive });
    assert.doesNotMatch(udp.text, /KEEPALIVE/i);
  });

  it("RFC 8484 s.5.1: curl gets a message that may be kept as long as its TTL", async () => {
    const dir = tempDir(scope);
    const file = join(dir, "query");
    writeFileSync(file, queryBytes({ name: NAME }, 0));
    const url = `https://${HOST}:${doh.port}/dns-query`;
    const args = [
      "-sS",
      "--http1.1",
      "--cacert",
      certificate.certificate,
      "-D",
      "-",
      "-o",
      join(dir, "answer"),
    ];
    args.push("--resolve", `${HOST}:${doh.port}:127.0.0.1`, "--data-binary", `@${file}`);
    args.push("-H", "content-type: application/dns-message", url);
    const { stdout, stderr, code } = await runProcess({ command: "curl", args });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^HTTP\/1\.1 200/);
    assert.match(stdout, /content-type: application\/dns-message/i);
    assert.match(stdout, /cache-control: private, max-age=20\r/i);
    const answer = dnsPacket.decode(readFileSync(join(dir, "answer")));
    assert.equal(answer.answers?.length, 1);
  });

  it("curl --doh-url finds a web site through us", async (t) => {
    const site = createServer((request, response) => response.end(`hello ${request.headers.host}`));
    atEnd(t, () => void site.close());
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
    const { port } = site.address() as AddressInfo;
    const args = ["-sS", "--doh-insecure", "--doh-url", `https://127.0.0.1:${doh.port}/dns-query`];
    const { stdout, stderr } = await runProcess({
      command: "curl",
      args: [...args, `http://${NAME}:${port}/`],
    });
    assert.equal(stdout, `hello ${NAME}:${port}`, stderr);
  });

  it("unbound, as a resolver that speaks TLS to authorities, gets answers", async (t) => {
    const tls = { name: HOST, certificate: certificate.certificate };
    const stubs = [{ zone: "kingcdn.test", at: dot, tls }];
    const resolver = await startUnbound(t, { stubs, sendClientSubnetTo: ["127.0.0.1"] });
    const { host: server, port } = resolver;
    const seen = await dig({ server, port, name: NAME, subnet: SYDNEY });
    assert.equal(seen.status, "NOERROR", seen.text);
    assert.deepEqual(answerData(seen, "A"), ["127.0.0.1"]);
    assert.match(
      await metricsOf(admin),
      /dns_queries_total\{transport="dot",type="A",rcode="NOERROR"\} [1-9]/,
    );
  });

  it("who has gone is gone: no connection is kept for nobody", async (t) => {
    const { dot, doh, admin } = await startSecureRouter(t, certificate);
    for (const options of [["+tls"], ["+https"], ["+https-get"]]) {
      await kdig(options[0] === "+tls" ? dot : doh, options);
    }
    await eventually(
      "all are closed",
      async () => {
        const text = await metricsOf(admin);
        for (const transport of ["dot", "doh"]) {
          assert.match(text, new RegExp(`dns_connections\\{transport="${transport}"\\} 0\\n`));
        }
      },
      { withinMs: 5_000 },
    );
  });

  it("RFC 7858 s.3.1: the protocol is called dot, and others are refused", async () => {
    const session = (...options: string[]) =>
      runProcess({
        command: "openssl",
        args: ["s_client", "-connect", `127.0.0.1:${dot.port}`, "-alpn", ...options],
      });
    assert.match((await session("dot")).stdout, /ALPN protocol: dot/);
    assert.match((await session("http/1.1")).stderr, /alert no application protocol/i);
  });

  it("RFC 9325 s.3.1: TLS 1.2 is good enough, TLS 1.1 is not", async (t) => {
    const old = connect(t, dot, { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
    await once(old, "secureConnect");
    assert.equal(old.getProtocol(), "TLSv1.2");
    const older = connect(t, dot, {
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT:@SECLEVEL=0",
    });
    const [error] = (await once(older, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  });

  it("RFC 7858 s.3.4: a client that comes again resumes its session", async (t) => {
    const first = connect(t, dot, {});
    const [session] = (await once(first, "session")) as [Buffer];
    first.write(framed(QUERY));
    await once(first, "data");
    first.destroy();
    const second = connect(t, dot, { session });
    await once(second, "secureConnect");
    assert.equal(second.isSessionReused(), true);
    second.write(framed(QUERY));
    await once(second, "data");
  });

  it("a renewed certificate is taken, a broken one is not, and connections stay", async (t) => {
    const renewed = await makeCertificate(tempDir(t), "renewed.kingcdn.test");
    const held = connect(t, dot, {});
    await once(held, "secureConnect");
    const seenBy = async (): Promise<string> => {
      const socket = connect(t, dot, {});
      await once(socket, "secureConnect");
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return String(subject.CN);
    };
    assert.equal(await seenBy(), HOST);
    copyFileSync(renewed.certificate, certificate.certificate);
    await router.reload?.();
    assert.equal(await seenBy(), HOST, "certificate and key do not belong together yet");
    copyFileSync(renewed.key, certificate.key);
    await router.reload?.();
    assert.equal(await seenBy(), "renewed.kingcdn.test");
    held.write(framed(QUERY));
    const [answer] = (await once(held, "data")) as [Buffer];
    assert.equal(answer.readUInt16BE(0), answer.length - 2);
    const expiry = /^meridian_dns_certificate_expiry_timestamp_seconds (\S+)/m.exec(
      await metricsOf(admin),
    );
    const { validToDate } = new X509Certificate(readFileSync(renewed.certificate));
    assert.equal(Number(expiry?.[1]) * 1000, validToDate.getTime());
  });
});

it("a router does not start with a certificate that cannot be used", async (t) => {
  const dir = tempDir(t);
  const one = await makeCertificate(dir, "one.test");
  const other = await makeCertificate(dir, "other.test");
  const tls = { certificate: one.certificate, key: other.key };
  const starting = startTestRouter(t, { pops: [], service: serviceConfig({ tls }) });
  await assert.rejects(starting, (error) => {
    assert.ok(error instanceof RouterFilesError);
    assert.match(error.message, /one\.test\.pem and .*other\.test\.key cannot be used together/);
    return true;
  });
});
