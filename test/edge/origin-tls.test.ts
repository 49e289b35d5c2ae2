import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { type OriginTls, originTlsSchema } from "../../common/config/origin-tls.ts";
import { makeCertificate, type TestCertificate } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { runProcess, startProcess } from "../support/process.ts";
import { suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestEdge } from "./harness.ts";

const NAME = "origin.test";

/** nginx with certificates of its own, which tells what it was shown. */
describe("TLS to origins", () => {
  const scope = suiteScope();
  let folder: string;
  let port: number;
  let strictPort: number;
  let own: TestCertificate;
  let client: TestCertificate;

  before(async () => {
    folder = tempDir(scope);
    chmodSync(folder, 0o755);
    own = await makeCertificate(folder, NAME);
    client = await makeCertificate(folder, "edge.test");
    [port, strictPort] = [await freePort(), await freePort()];
    const file = join(folder, "nginx.conf");
    writeFileSync(file, configuration(folder, { port, strictPort, own, client }));
    startProcess(scope, { command: "nginx", args: ["-p", folder, "-c", file] });
    await eventually("nginx answers", async () => {
      const args = ["-skf", `https://127.0.0.1:${port}/`];
      assert.equal((await runProcess({ command: "curl", args })).code, 0);
    });
  });

  const ca = (): string => readFileSync(own.certificate, "utf8");

  async function startEdge(tls: OriginTls | undefined, at = port) {
    return await startTestEdge(scope, {
      origins: [`https://127.0.0.1:${at}`],
      originCertificates: { mine: client },
      ...(tls === undefined ? {} : { originTls: tls }),
    });
  }

  it("is refused where the certificate leads nowhere, and nothing is sent", async () => {
    const edge = await startEdge(undefined);
    const answer = await edge.get("/a");
    assert.equal(answer.status, 502);
    assert.match(answer.field("cache-status") ?? "", /detail="origin-refused"/);
  });

  it("verifies the address of the URL, or the name that is said, by the authority that is", async () => {
    const plain = await (await startEdge({ ca: ca() })).get("/a");
    assert.equal(plain.status, 200);
    // RFC 6066 section 3: an address is no name, so none is asked for.
    assert.equal(plain.field("x-sni"), undefined);
    const named = await (await startEdge({ ca: ca(), serverName: NAME })).get("/a");
    assert.equal(named.field("x-sni"), NAME);
    const wrong = await (await startEdge({ ca: ca(), serverName: "www.origin.test" })).get("/a");
    assert.equal(wrong.status, 502);
    const other = readFileSync(client.certificate, "utf8");
    assert.equal((await (await startEdge({ ca: other })).get("/a")).status, 502);
  });

  it("takes any certificate only where that is said", async () => {
    assert.equal((await (await startEdge({ verify: false })).get("/a")).status, 200);
    const both = originTlsSchema.safeParse({ ca: ca(), verify: false });
    assert.match(both.error?.issues[0]?.message ?? "", /leave one of them out/);
    const broken = originTlsSchema.safeParse({ ca: "-----BEGIN CERTIFICATE-----" });
    assert.match(broken.error?.issues[0]?.message ?? "", /certificates in PEM/);
  });

  it("keeps one connection whatever host clients ask for", async () => {
    const edge = await startEdge({ ca: ca() });
    const hosts = ["shop.example", "shop.cdn.test"];
    const connections = new Set<string | undefined>();
    for (let i = 0; i < 4; i += 1) {
      const headers = { host: hosts[i % 2] ?? "" };
      const answer = await edge.get(`/${i}`, { headers });
      assert.equal(answer.status, 200);
      connections.add(answer.field("x-connection"));
    }
    assert.equal(connections.size, 1);
  });

  it("shows the certificate that the site names, and sends nothing without it", async () => {
    const without = await (await startEdge({ ca: ca() }, strictPort)).get("/a");
    assert.equal(without.status, 400);
    const shown = await startEdge({ ca: ca(), clientCertificate: "mine" }, strictPort);
    const answer = await shown.get("/a");
    assert.equal(answer.status, 200);
    assert.match(answer.field("x-client") ?? "", /CN=edge\.test/);
    const missing = await startEdge({ ca: ca(), clientCertificate: "another" }, strictPort);
    assert.equal((await missing.get("/a")).status, 502);
  });

  it("passes WebSocket handshakes by the same rules", async () => {
    const good = await startEdge({ ca: ca() });
    const args = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10"];
    const headers = ["Connection: Upgrade", "Upgrade: websocket", "Host: shop.example"];
    const handshake = async (edge: typeof good) => {
      const url = `http://${edge.at.host}:${edge.at.port}/ws`;
      const all = [...args, ...headers.flatMap((line) => ["-H", line]), url];
      return (await runProcess({ command: "curl", args: all })).stdout;
    };
    assert.equal(await handshake(good), "200");
    assert.equal(await handshake(await startEdge(undefined)), "502");
  });
});

function configuration(
  folder: string,
  to: {
    readonly port: number;
    readonly strictPort: number;
    readonly own: TestCertificate;
    readonly client: TestCertificate;
  },
): string {
  const server = (port: number, more: string) => `
    server {
      listen 127.0.0.1:${port} ssl;
      ssl_certificate ${to.own.certificate};
      ssl_certificate_key ${to.own.key};
      ${more}
      location / {
        add_header X-SNI "$ssl_server_name";
        add_header X-Client "$ssl_client_s_dn";
        add_header X-Connection "$connection";
        add_header Cache-Control "max-age=60";
        return 200 "hello";
      }
    }`;
  const strict = `ssl_client_certificate ${to.client.certificate}; ssl_verify_client on;`;
  return `
    daemon off;
    master_process off;
    pid ${folder}/nginx.pid;
    error_log ${folder}/error.log;
    events {}
    http {
      access_log off;
      ${server(to.port, "")}
      ${server(to.strictPort, strict)}
    }`;
}
