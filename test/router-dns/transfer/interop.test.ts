import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { SocketAddress } from "../../../common/address.ts";
import { type TransferConfig, transferSchema, zoneSchema } from "../../../common/config/zones.ts";
import { type DigAnswer, dig } from "../../support/dig.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { startKnot } from "../../support/knot.ts";
import {
  type ForeignSecondary,
  startBindSecondary,
  startKnotSecondary,
  startNsdSecondary,
} from "../../support/secondaries.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { edgeConfig, startTestRouter } from "../support.ts";

const KEY = {
  name: "replica",
  secret: Buffer.from("a secret of 32 octets, or nearly").toString("base64"),
};
const TSIG = [{ name: KEY.name, algorithm: "hmac-sha256" as const, secret: KEY.secret }];
const LOOPBACK = "127.0.0.0/8";

/** Makes the zone larger than its changes: otherwise sending all of it is cheaper. */
const PADDING = `"${"x".repeat(250)}"`;

function zoneText(serial: number, more = ""): string {
  return `$ORIGIN shop.test.
$TTL 300
@ SOA ns hostmaster ${serial} 2 2 600 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.80
old DNAME new
svc HTTPS 1 . alpn=h2
*.wild TXT "w"
pad1 TXT ${PADDING}
pad2 TXT ${PADDING}
${more}`;
}

interface Primary {
  readonly at: SocketAddress;
  /** Another version of the zone, loaded. */
  readonly write: (serial: number, more?: string) => Promise<void>;
}

async function startPrimary(
  t: TestContext,
  transfer: Partial<TransferConfig> = {},
): Promise<Primary> {
  const file = join(tempDir(t), "shop.zone");
  writeFileSync(file, zoneText(1));
  const config = { to: [LOOPBACK], keys: [KEY.name] };
  const { router, dns } = await startTestRouter(t, {
    pops: [
      { name: "syd", location: [-33.87, 151.21], edges: [edgeConfig("syd-1", "192.0.2.10")] },
      { name: "fra", location: [50.11, 8.68], edges: [edgeConfig("fra-1", "192.0.2.20")] },
    ],
    probe: { kind: "none" },
    zoneFiles: [file],
    transfers: {
      tsig: TSIG,
      cdn: transferSchema.parse({ to: [LOOPBACK] }),
      zones: [
        {
          ...zoneSchema.parse({ file, transfer: config }),
          transfer: { ...transferSchema.parse(config), ...transfer },
        },
      ],
    },
  });
  return {
    at: dns,
    write: async (serial, more) => {
      writeFileSync(file, zoneText(serial, more));
      await router.reload?.();
    },
  };
}

function ask({ host, port }: SocketAddress, name: string, type: string, ...options: string[]) {
  return dig({ server: host, port, name, type, options });
}

const SIGNED = ["-y", `hmac-sha256:${KEY.name}:${KEY.secret}`];

/** The records of a transfer, which dig prints without sections: name, type and data. */
function records({ text }: DigAnswer): readonly (readonly [string, string, string])[] {
  return [...text.matchAll(/^(\S+)\s+\d+\s+IN\s+(\S+)\s+(.*)$/gm)].map(
    ([, name = "", type = "", data = ""]) => [name, type, data],
  );
}

/** The types of the records of a transfer, in order. */
function types(answer: DigAnswer): string {
  return records(answer)
    .map(([, type]) => type)
    .join(" ");
}

describe("zones out, as dig takes them", () => {
  it("RFC 5936: AXFR with the key, refused without", async (t) => {
    const { at } = await startPrimary(t);
    const whole = await ask(at, "shop.test", "AXFR", ...SIGNED);
    assert.equal(types(whole), "SOA NS A A DNAME HTTPS TXT TXT TXT SOA");
    assert.doesNotMatch(whole.text, /could not be validated|Transfer failed/);
    const refused = await ask(at, "shop.test", "AXFR");
    assert.match(refused.text, /Transfer failed/);
    const wrong = await ask(at, "shop.test", "AXFR", "-y", `hmac-sha256:${KEY.name}:d3Jvbmc=`);
    assert.match(wrong.text, /NOTAUTH|BADSIG|Transfer failed/);
    const elsewhere = await ask(at, "www.shop.test", "AXFR", ...SIGNED);
    assert.match(elsewhere.text, /Transfer failed/);
  });

  it("RFC 1995: IXFR by changes, whole, and nothing new", async (t) => {
    const { at, write } = await startPrimary(t);
    await write(2, "www2 A 192.0.2.82\n");
    await write(3, "www2 A 192.0.2.83\n");
    const changes = await ask(at, "shop.test", "IXFR=1", ...SIGNED);
    assert.equal(types(changes), "SOA SOA SOA A SOA A SOA A SOA");
    assert.equal(types(await ask(at, "shop.test", "IXFR=3", ...SIGNED)), "SOA");
    const unknown = await ask(at, "shop.test", "IXFR=77", ...SIGNED);
    assert.equal(types(unknown), "SOA");
    const older = await ask(at, "shop.test", "IXFR=4294967295", ...SIGNED);
    assert.match(types(older), /^SOA NS .* SOA$/);
  });

  it("RFC 8945: a signed question gets a signed answer", async (t) => {
    const { at } = await startPrimary(t);
    const answer = await ask(at, "www.shop.test", "A", ...SIGNED);
    assert.equal(answer.status, "NOERROR");
    assert.match(answer.text, /TSIG PSEUDOSECTION/);
    assert.doesNotMatch(answer.text, /could not be validated/);
  });

  it("the CDN's own zone has all edges where it steers", async (t) => {
    const { at } = await startPrimary(t);
    const whole = await ask(at, "kingcdn.test", "AXFR");
    const steered = records(whole).filter(([name]) => name.startsWith("netcinema."));
    assert.deepEqual(
      steered.map(([, , data]) => data),
      ["192.0.2.10", "192.0.2.20"],
    );
  });
});

/** The serial that a server has of the zone, or what it says instead. */
async function serialAt(at: SocketAddress): Promise<string> {
  const { answer, status } = await ask(at, "shop.test", "SOA");
  return answer[0]?.data.split(" ")[2] ?? status;
}

const MAKES: readonly (readonly [
  string,
  (t: TestContext, options: ForeignSecondary) => Promise<SocketAddress>,
])[] = [
  ["BIND", startBindSecondary],
  ["Knot", startKnotSecondary],
  ["NSD", startNsdSecondary],
];

describe("zones out, as other servers take them", { concurrency: 1 }, () => {
  for (const [make, start] of MAKES) {
    it(`${make} is a secondary: AXFR, then a notice and IXFR, all signed`, {
      timeout: 60_000,
    }, async (t) => {
      const port = await freePort();
      const notify = [{ address: { host: "127.0.0.1", port }, key: KEY.name }];
      const primary = await startPrimary(t, { notify });
      const at = await start(t, { zone: "shop.test.", primary: primary.at, key: KEY, port });
      await eventually("the serial", async () => assert.equal(await serialAt(at), "1"));
      await primary.write(2, "new A 192.0.2.99\n");
      await eventually("the serial", async () => assert.equal(await serialAt(at), "2"));
      const added = await ask(at, "new.shop.test", "A");
      assert.equal(added.answer[0]?.data, "192.0.2.99");
      const moved = await ask(at, "x.old.shop.test", "A");
      assert.match(moved.text, /DNAME\s+new\.shop\.test/);
    });
  }
});

describe("zones in", { concurrency: 1 }, () => {
  it("we are a secondary of Knot, keep what we have, and say SERVFAIL until there is something", {
    timeout: 60_000,
  }, async (t) => {
    const dir = tempDir(t);
    const port = await freePort();
    const zone = zoneSchema.parse({
      file: join(dir, "kept", "shop.test"),
      name: "shop.test",
      primaries: [`127.0.0.1:${port}`],
    });
    const options = {
      pops: [],
      probe: { kind: "none" as const },
      transfers: { tsig: [], zones: [zone] },
    };
    const first = await startTestRouter(t, options);
    assert.equal((await ask(first.dns, "www.shop.test", "A")).status, "SERVFAIL");
    const knot = await startKnot(t, {
      zones: [{ name: "shop.test.", text: zoneText(7) }],
      maxUdpBytes: 1232,
      port,
      transferTo: LOOPBACK,
    });
    assert.equal(knot.port, port);
    await eventually("the serial", async () => assert.equal(await serialAt(first.dns), "7"), {
      withinMs: 15_000,
    });
    await first.router.stop(100);
    // The primary is gone for this one: it serves what was kept.
    const elsewhere = { ...zone, primaries: [{ host: "127.0.0.1", port: await freePort() }] };
    const second = await startTestRouter(t, {
      ...options,
      transfers: { tsig: [], zones: [elsewhere] },
    });
    assert.equal(await serialAt(second.dns), "7");
    const svc = await ask(second.dns, "svc.shop.test", "HTTPS");
    assert.match(svc.text, /alpn="h2"/);
    await second.router.stop(100);
    // A damaged file is no zone, and nothing to die of.
    writeFileSync(zone.file, "meridian-zone 1 5\ngarbage");
    const third = await startTestRouter(t, {
      ...options,
      transfers: { tsig: [], zones: [elsewhere] },
    });
    assert.equal(await serialAt(third.dns), "SERVFAIL");
    rmSync(zone.file);
  });

  it("RFC 1996: a notice of a primary is followed at once, one of others refused", {
    timeout: 60_000,
  }, async (t) => {
    const port = await freePort();
    const primary = await startPrimary(t, { notify: [{ address: { host: "127.0.0.1", port } }] });
    const zone = zoneSchema.parse({
      file: join(tempDir(t), "shop.test"),
      name: "shop.test",
      primaries: [`127.0.0.1:${primary.at.port}`],
      key: KEY.name,
    });
    const { dns } = await startTestRouter(t, {
      listen: [{ host: "127.0.0.1", port }],
      pops: [],
      probe: { kind: "none" },
      domain: "other.test",
      transfers: { tsig: TSIG, zones: [zone] },
    });
    await eventually("the serial", async () => assert.equal(await serialAt(dns), "1"));
    await primary.write(5, "extra TXT x\n");
    await eventually("the serial", async () => assert.equal(await serialAt(dns), "5"));
    const refused = await ask(dns, "other.test", "SOA", "+opcode=notify");
    assert.equal(refused.status, "REFUSED");
    const known = await ask(dns, "shop.test", "SOA", "+opcode=notify");
    assert.equal(known.status, "NOERROR");
    assert.ok(known.flags.includes("aa"));
  });
});
