import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { SocketAddress } from "../../../common/address.ts";
import { catalogSchema } from "../../../common/config/catalogs.ts";
import { zoneSchema } from "../../../common/config/zones.ts";
import { answerData, dig } from "../../support/dig.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { startKnot } from "../../support/knot.ts";
import type { Scope } from "../../support/scope.ts";
import { startBindSecondary, startKnotSecondary } from "../../support/secondaries.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { edgeConfig, startTestRouter } from "../support.ts";

const KEY = {
  name: "replica",
  secret: Buffer.from("a secret of 32 octets, or nearly").toString("base64"),
};
const TSIG = [{ name: KEY.name, algorithm: "hmac-sha256" as const, secret: KEY.secret }];
const LOOPBACK = "127.0.0.0/8";
const REST = {
  pops: [
    { name: "syd", location: [0, 0] as [number, number], edges: [edgeConfig("s", "192.0.2.9")] },
  ],
  probe: { kind: "none" as const },
};

function memberText(name: string, address: string): string {
  return `$ORIGIN ${name}.\n$TTL 60\n@ SOA ns h 1 2 2 600 60\n@ NS ns\nns A ${address}\n`;
}

function catalogText(serial: number, rows: readonly string[]): string {
  const head = `@ SOA invalid. invalid. ${serial} 2 2 600 0\n@ NS invalid.\nversion TXT "2"\n`;
  return `$ORIGIN cat.test.\n$TTL 0\n${head}${rows.join("\n")}\n`;
}

async function addressAt(at: SocketAddress, name: string): Promise<string> {
  const answer = await dig({ server: at.host, port: at.port, name: `ns.${name}`, type: "A" });
  return answer.status === "NOERROR" ? answerData(answer, "A").join() : answer.status;
}

async function becomes(at: SocketAddress, name: string, wanted: string): Promise<void> {
  await eventually(`${name} is ${wanted}`, async () => {
    assert.equal(await addressAt(at, name), wanted);
  });
}

/** A router that gives two zones and a catalog of them. */
async function startProducer(scope: Scope, port: number): Promise<SocketAddress> {
  const dir = tempDir(scope);
  const zones = ["one.test", "two.test"].map((name, i) => {
    const file = join(dir, name);
    writeFileSync(file, memberText(name, `192.0.2.${i + 1}`));
    return zoneSchema.parse({ file, group: "shops", transfer: { keys: [KEY.name] } });
  });
  const notify = [{ address: `127.0.0.1:${port}`, key: KEY.name }];
  const catalog = { name: "cat.test", transfer: { keys: [KEY.name], notify } };
  const { dns } = await startTestRouter(scope, {
    ...REST,
    zoneFiles: zones.map(({ file }) => file),
    transfers: { tsig: TSIG, zones, catalogs: [catalogSchema.parse(catalog)] },
  });
  return dns;
}

describe("RFC 9432: a catalog that we give", () => {
  for (const [make, start] of [
    ["BIND", startBindSecondary],
    ["Knot", startKnotSecondary],
  ] as const) {
    it(`makes ${make} serve its members`, async (t) => {
      const port = await freePort();
      const primary = await startProducer(t, port);
      const options = { zone: "cat.test.", primary, key: KEY, port, isCatalog: true };
      const secondary = await start(t, options);
      await becomes(secondary, "one.test", "192.0.2.1");
      await becomes(secondary, "two.test", "192.0.2.2");
    });
  }
});

/** A router that serves the members of catalogs. */
async function startConsumer(
  scope: Scope,
  catalogs: readonly object[],
): Promise<SocketAddress & { readonly stop: () => Promise<void> }> {
  const { dns, router } = await startTestRouter(scope, {
    ...REST,
    transfers: {
      tsig: TSIG,
      zones: [],
      catalogs: catalogs.map((each) => catalogSchema.parse(each)),
    },
  });
  return { ...dns, stop: () => router.stop(500) };
}

describe("RFC 9432: a catalog that we take", () => {
  it("from Knot: members are served, also by a restart without Knot", async (t) => {
    const zones = [
      { name: "cat.test.", text: catalogText(1, ["m1.zones PTR one.test."]) },
      { name: "one.test.", text: memberText("one.test", "192.0.2.1") },
    ];
    const knot = await startKnot(t, { zones, maxUdpBytes: 1232, transferTo: LOOPBACK });
    const folder = join(tempDir(t), "kept");
    const catalog = { name: "cat.test", primaries: [`${knot.host}:${knot.port}`], folder };
    const first = await startConsumer(t, [catalog]);
    await becomes(first, "one.test", "192.0.2.1");
    await first.stop();
    const again = await startConsumer(t, [{ ...catalog, primaries: ["127.0.0.1:1"] }]);
    assert.equal(await addressAt(again, "one.test"), "192.0.2.1");
  });

  it("members come, go, start anew, and broken versions change nothing", async (t) => {
    const dir = tempDir(t);
    const file = join(dir, "cat.zone");
    const port = await freePort();
    writeFileSync(file, catalogText(1, ["m1.zones PTR one.test."]));
    for (const [name, address] of [
      ["one.test", "192.0.2.1"],
      ["two.test", "192.0.2.2"],
    ] as const) {
      writeFileSync(join(dir, name), memberText(name, address));
    }
    const transfer = { to: [LOOPBACK] };
    const zones = [
      zoneSchema.parse({
        file,
        transfer: { ...transfer, notify: [{ address: `127.0.0.1:${port}` }] },
      }),
      ...["one.test", "two.test"].map((name) =>
        zoneSchema.parse({ file: join(dir, name), transfer }),
      ),
    ];
    const primary = await startTestRouter(t, {
      ...REST,
      zoneFiles: zones.map((zone) => zone.file),
      transfers: { tsig: TSIG, zones },
    });
    const at = `${primary.dns.host}:${primary.dns.port}`;
    const folder = join(dir, "kept");
    mkdirSync(folder);
    const { dns } = await startTestRouter(t, {
      ...REST,
      listen: [{ host: "127.0.0.1", port }],
      transfers: {
        tsig: TSIG,
        zones: [],
        catalogs: [catalogSchema.parse({ name: "cat.test", primaries: [at], folder })],
      },
    });
    const write = async (serial: number, rows: readonly string[]) => {
      writeFileSync(file, catalogText(serial, rows));
      await primary.router.reload?.();
    };
    await becomes(dns, "one.test", "192.0.2.1");
    assert.equal(await addressAt(dns, "two.test"), "REFUSED");
    await write(2, ["m1.zones PTR one.test.", "m2.zones PTR two.test."]);
    await becomes(dns, "two.test", "192.0.2.2");
    // Broken: one name twice. Then right again, without the first.
    await write(3, ["m2.zones PTR two.test.", "m3.zones PTR two.test."]);
    await write(4, ["m9.zones PTR two.test."]);
    await becomes(dns, "one.test", "REFUSED");
    await becomes(dns, "two.test", "192.0.2.2");
    const names = await dig({ server: dns.host, port, name: "cat.test", type: "SOA" });
    assert.equal(names.status, "REFUSED");
  });
});
