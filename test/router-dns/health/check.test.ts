import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { createSecureContext } from "node:tls";
import { formatSocketAddress } from "../../../common/address.ts";
import { systemClock } from "../../../common/clock.ts";
import { silentLogger } from "../../../common/log.ts";
import { withTrust } from "../../../router-dns/data/check-trust.ts";
import { BODY_BYTES_MAX, isExpected, probe } from "../../../router-dns/health/probe.ts";
import {
  type ProbeConfig,
  type TrustingProbe,
  watchedEdges,
} from "../../../router-dns/health/targets.ts";
import { RouterFilesError } from "../../../router-dns/server.ts";
import { makeCertificate, type TestCertificate } from "../../support/certificate.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { freePort } from "../../support/free-port.ts";
import { runProcess, startProcess } from "../../support/process.ts";
import { type Scope, suiteScope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { edgeConfig, startTestRouter } from "../support.ts";

const NAME = "syd-1.edge.kingcdn.test";
const HTTPS = { kind: "https", path: "/healthz", expect: [200], verify: true } as const;
const HTTP = { kind: "http", path: "/healthz", expect: [200] } as const;

const FOLLOWED = { clock: systemClock, log: silentLogger };

describe("a check of nginx behind a certificate of its own", () => {
  const scope = suiteScope();
  let port: number;
  let plainPort: number;
  let own: TestCertificate;
  let other: TestCertificate;

  before(async () => {
    const folder = tempDir(scope);
    chmodSync(folder, 0o755);
    own = await makeCertificate(folder, NAME);
    other = await makeCertificate(folder, "other.test");
    [port, plainPort] = [await freePort(), await freePort()];
    const file = join(folder, "nginx.conf");
    writeFileSync(file, nginxConfiguration(folder, { port, plainPort, own }));
    startProcess(scope, { command: "nginx", args: ["-p", folder, "-c", file] });
    await eventually("nginx answers", async () => {
      const args = ["-sf", `http://127.0.0.1:${plainPort}/healthz`];
      assert.equal((await runProcess({ command: "curl", args })).code, 0);
    });
  });

  function check(config: ProbeConfig): ReturnType<typeof probe> {
    const edge = edgeConfig("syd-1", "127.0.0.1", plainPort);
    return probeOnce(edge, withTrust(config, FOLLOWED));
  }

  it("works with the authority that signed it", async () => {
    const { works, detail } = await check({ ...HTTPS, port, caFile: own.certificate });
    assert.match(detail, /^200 in \d+ ms$/);
    assert.equal(works, true);
  });

  it("says why the certificate is refused, unless any will do", async () => {
    const usual = await check({ ...HTTPS, port });
    assert.equal(usual.works, false);
    assert.match(usual.detail, /^certificate refused: self-signed certificate/);
    const wrong = await check({ ...HTTPS, port, caFile: other.certificate });
    assert.match(wrong.detail, /^certificate refused: /);
    const any = await check({ ...HTTPS, port, verify: false });
    assert.equal(any.works, true, any.detail);
  });

  it("wants the certificate for the host that is asked for", async () => {
    const caFile = own.certificate;
    const result = await check({ ...HTTPS, port, caFile, authority: "www.cdn.test" });
    assert.equal(result.works, false);
    assert.match(result.detail, /^certificate refused: Hostname.*www\.cdn\.test/);
  });

  it("asks for the host by SNI and by Host", async () => {
    const authority = "www.cdn.test";
    const echo = { ...HTTPS, port, verify: false, path: "/names", authority };
    const result = await check({ ...echo, body: "www.cdn.test www.cdn.test" });
    assert.equal(result.works, true, result.detail);
  });

  it("notices that the port does not speak TLS", async () => {
    const result = await check({ ...HTTPS, port: plainPort, verify: false });
    assert.deepEqual(result, { works: false, detail: "does not speak TLS" });
  });

  it("takes the statuses and classes that are expected, and no others", async () => {
    const asked = { ...HTTP, path: "/empty" };
    assert.match((await check(asked)).detail, /^204 in/);
    assert.equal((await check(asked)).works, false);
    assert.equal((await check({ ...asked, expect: ["2xx"] })).works, true);
    assert.equal((await check({ ...asked, expect: [200, 204] })).works, true);
    assert.equal((await check({ ...asked, expect: [200, "3xx"] })).works, false);
  });

  it("looks for the text in the content", async () => {
    assert.equal((await check({ ...HTTP, body: "all is well" })).works, true);
    const { works, detail } = await check({ ...HTTP, body: "degraded" });
    assert.equal(works, false);
    assert.match(detail, /^200 without "degraded" in its content in \d+ ms$/);
  });

  it("decides in a running router whether an edge is up", async () => {
    const pops = [
      {
        name: "syd",
        location: [-33.87, 151.21] as [number, number],
        edges: [edgeConfig("syd-1", "127.0.0.1", plainPort)],
      },
    ];
    for (const [caFile, isUp] of [
      [own.certificate, 1],
      [other.certificate, 0],
    ] as const) {
      const router = await startTestRouter(scope, { pops, probe: { ...HTTPS, port, caFile } });
      const metrics = `http://${formatSocketAddress(router.admin)}/metrics`;
      await eventually("the router has judged", async () => {
        const text = await (await fetch(metrics)).text();
        assert.match(text, new RegExp(`^meridian_dns_edge_health\\{edge="syd-1"\\} ${isUp}$`, "m"));
      });
    }
  });

  it("takes a file of authorities that has changed, and keeps the last good one", async (t) => {
    const caFile = join(tempDir(t), "ca.pem");
    writeFileSync(caFile, readFileSync(other.certificate));
    const clock = new FakeClock();
    const events: unknown[] = [];
    const note = (entry: object) => events.push((entry as { event: string }).event);
    const log = { ...silentLogger, info: note, error: note } as unknown as typeof silentLogger;
    const trusting = withTrust({ ...HTTPS, port, caFile }, { clock, log });
    const edge = edgeConfig("syd-1", "127.0.0.1", plainPort);
    const works = async (expected: boolean) => {
      clock.advance(2_000);
      assert.equal((await probeOnce(edge, trusting)).works, expected);
    };
    await works(false);
    writeFileSync(caFile, readFileSync(own.certificate));
    await eventually("the new one is trusted", () => works(true));
    writeFileSync(caFile, "no certificate\n");
    await eventually("the broken one is seen", async () => {
      await works(true);
      assert.deepEqual(events, ["check-trust-read", "check-trust-kept"]);
    });
    await works(true);
  });

  it("does not start with a file of authorities that it cannot use", (t) => {
    const file = join(tempDir(t), "ca.pem");
    const start = () => withTrust({ ...HTTPS, caFile: file }, FOLLOWED);
    assert.throws(start, missing(/ca\.pem: cannot be used for health\.check\.ca: ENOENT/));
    writeFileSync(file, "no certificate\n");
    assert.throws(start, missing(/ca\.pem: has no certificate/));
  });
});

describe("what comes back", () => {
  async function serve(scope: Scope, content: readonly Buffer[], cut = false) {
    const server = createServer((_request, response) => {
      for (const chunk of content) response.write(chunk);
      if (cut) response.socket?.end();
      else response.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve());
    });
    scope.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return edgeConfig("syd-1", "127.0.0.1", (server.address() as AddressInfo).port);
  }

  it("may be in pieces", async (t) => {
    const edge = await serve(t, [Buffer.from("all is we"), Buffer.from("ll")]);
    assert.equal((await probeOnce(edge, { ...HTTP, body: "all is well" })).works, true);
  });

  it("is read up to a limit", async (t) => {
    const edge = await serve(t, [Buffer.alloc(BODY_BYTES_MAX, "."), Buffer.from("all is well")]);
    const { works, detail } = await probeOnce(edge, { ...HTTP, body: "well" });
    assert.equal(works, false);
    assert.match(detail, /^200 without "well" in its first 65536 octets in/);
  });

  it("fails when it is cut off", async (t) => {
    const edge = await serve(t, [Buffer.from("all is")], true);
    const result = await probeOnce(edge, { ...HTTP, body: "well" });
    assert.deepEqual(result, { works: false, detail: "connection reset" });
  });

  it("is expected by status or by class", () => {
    assert.equal(isExpected(200, [200]), true);
    assert.equal(isExpected(204, [200]), false);
    assert.equal(isExpected(204, ["2xx"]), true);
    assert.equal(isExpected(404, [200, "3xx", 503]), false);
    assert.equal(isExpected(503, [200, "3xx", 503]), true);
  });
});

describe("where an edge is asked", () => {
  const edge = edgeConfig("syd-1", "192.0.2.1", 8080);
  const context = createSecureContext();

  it("is its own port in plain, and 443 with TLS", () => {
    const at = { host: "192.0.2.1", port: 8080 };
    assert.deepEqual(targetOf(edge, HTTP), { ...HTTP, ...at, authority: NAME });
    assert.deepEqual(targetOf(edge, { kind: "tcp" }), { kind: "tcp", ...at });
    const { port } = targetOf(edge, { ...HTTPS, context }) as { port: number };
    assert.equal(port, 443);
  });
});

function targetOf(edge: ReturnType<typeof edgeConfig>, config: TrustingProbe) {
  const pops = [{ name: "syd", location: [0, 0] as [number, number], edges: [edge] }];
  return watchedEdges(pops, config, "kingcdn.test")[0]?.target;
}

function probeOnce(edge: ReturnType<typeof edgeConfig>, config: TrustingProbe) {
  const target = targetOf(edge, config);
  assert.ok(target !== undefined);
  return probe(target, 5_000);
}

function missing(message: RegExp) {
  return (error: unknown) => error instanceof RouterFilesError && message.test(error.message);
}

function nginxConfiguration(
  folder: string,
  { port, plainPort, own }: { port: number; plainPort: number; own: TestCertificate },
): string {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  return `daemon off;
pid ${join(folder, "nginx.pid")};
error_log stderr;
events {}
http {
  access_log off;
  ${temp.join("\n  ")}
  server {
    listen 127.0.0.1:${plainPort};
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${own.certificate};
    ssl_certificate_key ${own.key};
    location = /healthz { return 200 "all is well\\n"; }
    location = /names { return 200 "$ssl_server_name $host\\n"; }
    location = /empty { return 204; }
  }
}
`;
}
