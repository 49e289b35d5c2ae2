import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import { httpsSchema } from "../../common/config/https.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { parsePrefix } from "../../common/ip.ts";
import { answerData, dig } from "../support/dig.ts";
import { runProcess } from "../support/process.ts";
import { suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { fivePops, siteConfig, startFiveEdges, startTestRouter } from "./support.ts";

function shopZone(target: string): string {
  return `$ORIGIN shop.test.
$TTL 300
@   SOA ns1 h 1 2 3 4 5
    NS ns1
@   60 ALIAS ${target}
ns1 A 192.0.2.1
`;
}

/** Where the database puts this client, Sydney is closest. */
const AUSTRALIA = "129.94.0.0/24";
const SYDNEY = "127.0.20.1";

describe("names that a router makes", () => {
  const scope = suiteScope();
  let dns: SocketAddress;
  let router: RunningDaemon;
  let file: string;

  before(async () => {
    file = join(tempDir(scope), "shop.zone");
    writeFileSync(file, shopZone("netcinema.kingcdn.test."));
    const network = parsePrefix("127.0.20.0/24");
    assert.ok(network.ok);
    const plain = { ...siteConfig("plain"), https: httpsSchema.parse({ enabled: false }) };
    const other = {
      ...siteConfig("other"),
      https: httpsSchema.parse({ alpn: ["h3"], port: 8443 }),
    };
    const started = await startTestRouter(scope, {
      pops: fivePops(await startFiveEdges(scope)),
      zoneFiles: [file],
      reverse: [network.value],
      https: httpsSchema.parse({}),
      sites: [siteConfig("netcinema"), plain, other],
    });
    dns = started.dns;
    router = started.router;
  });

  async function asked(name: string, type: string): Promise<readonly string[]> {
    const { host: server, port } = dns;
    const answer = await dig({ server, port, name, type, subnet: AUSTRALIA });
    return answerData(answer, type === "TYPE65" ? "HTTPS" : type);
  }

  it("dig: an alias, its address and its HTTPS record by name and by number", async () => {
    assert.deepEqual(await asked("shop.test", "A"), [SYDNEY]);
    const service = [`1 . alpn="h2,http/1.1" ipv4hint=${SYDNEY}`];
    assert.deepEqual(await asked("shop.test", "HTTPS"), service);
    assert.deepEqual(await asked("netcinema.kingcdn.test", "TYPE65"), service);
  });

  it("dig: what a site says of itself comes before what the CDN says", async () => {
    assert.deepEqual(await asked("plain.kingcdn.test", "HTTPS"), []);
    const other = [`1 . alpn="h3" no-default-alpn port=8443 ipv4hint=${SYDNEY}`];
    assert.deepEqual(await asked("other.kingcdn.test", "HTTPS"), other);
  });

  it("kdig: reads the same", async () => {
    const args = [`@${dns.host}`, "-p", String(dns.port), "+short", `+subnet=${AUSTRALIA}`];
    const command = { command: "kdig", args: [...args, "shop.test", "HTTPS"] };
    const { stdout } = await runProcess(command, 10_000);
    assert.equal(stdout.trim(), `1 . alpn=h2,http/1.1 ipv4hint=${SYDNEY}`);
  });

  it("dig: the name of an edge's address", async () => {
    assert.deepEqual(await asked("2.20.0.127.in-addr.arpa", "PTR"), ["fra-1.edge.kingcdn.test."]);
    const { host: server, port } = dns;
    const none = await dig({ server, port, name: "9.20.0.127.in-addr.arpa", type: "PTR" });
    assert.equal(none.status, "NXDOMAIN");
  });

  it("an alias is another one after a reload, and stays if the file gets worse", async () => {
    writeFileSync(file, shopZone("ns1"));
    await router.reload?.();
    assert.deepEqual(await asked("shop.test", "A"), ["192.0.2.1"]);
    writeFileSync(file, shopZone("www.example.com."));
    await router.reload?.();
    assert.deepEqual(await asked("shop.test", "A"), ["192.0.2.1"]);
    writeFileSync(file, shopZone("netcinema.kingcdn.test."));
    await router.reload?.();
    assert.deepEqual(await asked("shop.test", "A"), [SYDNEY]);
  });
});
