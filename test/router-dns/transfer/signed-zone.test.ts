import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it, type TestContext } from "node:test";
import type { SocketAddress } from "../../../common/address.ts";
import { type Clock, systemClock } from "../../../common/clock.ts";
import { transferSchema, zoneSchema } from "../../../common/config/zones.ts";
import { type Logger, silentLogger } from "../../../common/log.ts";
import { generateKeys } from "../../../router-dns/data/zone-keys.ts";
import type { SigningPolicy } from "../../../router-dns/sign/online-signer.ts";
import { answerData, type DigAnswer, dig } from "../../support/dig.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { startKnot } from "../../support/knot.ts";
import { runProcess } from "../../support/process.ts";
import { type Scope, suiteScope } from "../../support/scope.ts";
import {
  startBindSecondary,
  startKnotSecondary,
  startNsdSecondary,
} from "../../support/secondaries.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startUnbound } from "../../support/unbound.ts";
import { POLICY } from "../sign/world.ts";
import { edgeConfig, startTestRouter } from "../support.ts";

const KEY = {
  name: "replica",
  secret: Buffer.from("a secret of 32 octets, or nearly").toString("base64"),
};
const TSIG = [{ name: KEY.name, algorithm: "hmac-sha256" as const, secret: KEY.secret }];
const SIGNED = ["-y", `hmac-sha256:${KEY.name}:${KEY.secret}`];
const LOOPBACK = "127.0.0.0/8";
const ZONE = "shop.test";

/** Every kind of name: wildcards, empty non-terminals, delegations with and without DS, DNAME. */
function zoneText(serial: number, more = ""): string {
  return `$ORIGIN shop.test.
$TTL 300
@ SOA ns hostmaster ${serial} 2 2 600 60
@ NS ns
@ MX 10 Mail
ns A 192.0.2.1
Mail A 192.0.2.25
Mail AAAA 2001:db8::25
*.wild 60 TXT "w"
a.b.ent A 192.0.2.9
old DNAME wild
ins NS ns1.ins
ns1.ins A 127.0.0.1
sec NS ns1.sec
sec DS 4711 13 2 ${"ab".repeat(32)}
ns1.sec A 127.0.0.1
zz\\000\\255 TXT "odd"
svc HTTPS 1 . alpn=h2
${more}`;
}

interface SignedPrimary {
  readonly at: SocketAddress;
  readonly ds: string;
  readonly write: (serial: number, more?: string) => Promise<void>;
}

async function startSigned(
  scope: Scope,
  options: {
    readonly policy?: SigningPolicy;
    readonly algorithm?: "ecdsap256sha256" | "ed25519";
    readonly clock?: Clock;
    readonly log?: Logger;
    readonly notify?: readonly number[];
    readonly primaries?: readonly SocketAddress[];
  } = {},
): Promise<SignedPrimary> {
  const { policy = POLICY, algorithm = "ecdsap256sha256", clock = systemClock } = options;
  const dir = tempDir(scope);
  const folder = join(dir, "keys");
  const file = join(dir, "shop.zone");
  const made = generateKeys({ folder, zone: ZONE, policy }, algorithm, clock.now() - 60_000);
  assert.ok(made.ok, made.ok ? "" : JSON.stringify(made.error));
  const ds = made.value.keys.find((key) => key.ds !== null)?.ds ?? assert.fail();
  const isFile = options.primaries === undefined;
  if (isFile) writeFileSync(file, zoneText(1));
  const notify = (options.notify ?? []).map((port) => ({
    address: `127.0.0.1:${port}`,
    key: KEY.name,
  }));
  const transfer = transferSchema.parse({ to: [LOOPBACK], keys: [KEY.name], notify });
  const primaries = options.primaries?.map(({ host, port }) => `${host}:${port}`);
  const zone = zoneSchema.parse({ file, ...(primaries ? { primaries, name: ZONE } : {}) });
  const { router, dns } = await startTestRouter(scope, {
    pops: [{ name: "syd", location: [0, 0], edges: [edgeConfig("syd-1", "192.0.2.10")] }],
    probe: { kind: "none" },
    clock,
    log: options.log ?? silentLogger,
    zoneFiles: isFile ? [file] : [],
    dnssec: { folder, rollsOver: true, zones: [{ name: ZONE, policy }] },
    transfers: { tsig: TSIG, zones: [{ ...zone, transfer }] },
  });
  return {
    at: dns,
    ds,
    write: async (serial, more) => {
      writeFileSync(file, zoneText(serial, more));
      await router.reload?.();
    },
  };
}

function ask({ host, port }: SocketAddress, name: string, type: string, ...options: string[]) {
  return dig({ server: host, port, name, type, options });
}

async function serialOf(at: SocketAddress): Promise<number> {
  const [soa = ""] = answerData(await ask(at, ZONE, "SOA"), "SOA");
  return Number(soa.split(" ")[2]);
}

/** What `ldns-verify-zone` says of the zone as it is transferred. */
async function verify(t: TestContext, at: SocketAddress): Promise<string> {
  const { text } = await ask(at, ZONE, "AXFR", "+onesoa", ...SIGNED);
  const file = join(tempDir(t), "axfr.zone");
  writeFileSync(file, `${text.replace(/^.*\bTSIG\b.*$/gm, "")}\n`);
  const done = await runProcess({ command: "ldns-verify-zone", args: ["-V", "3", file] }, 20_000);
  return `${done.stdout}${done.stderr}`;
}

for (const algorithm of ["ecdsap256sha256", "ed25519"] as const) {
  it(`ldns-verify-zone finds nothing wrong in a whole zone signed with ${algorithm}`, async (t) => {
    const scheme = algorithm === "ed25519" ? "csk" : "ksk-zsk";
    const { at, write } = await startSigned(t, { algorithm, policy: { ...POLICY, scheme } });
    assert.match(await verify(t, at), /Zone is verified and complete/);
    const before = await serialOf(at);
    await write(2, "new A 192.0.2.77\n");
    assert.equal(await serialOf(at), before + 1);
    await eventually("the new version is sent", async () => {
      const { text } = await ask(at, ZONE, "AXFR", ...SIGNED);
      assert.match(text, /192\.0\.2\.77/);
    });
    assert.match(await verify(t, at), /Zone is verified and complete/);
    // Differences are not kept: whoever asks for them gets the zone.
    const changes = await ask(at, ZONE, `IXFR=${before}`, ...SIGNED);
    assert.match(changes.text, /wild\.shop\.test/);
  });
}

it("a zone that is damaged on its way does not verify: ldns-verify-zone does look", async (t) => {
  const { at } = await startSigned(t);
  const { text } = await ask(at, ZONE, "AXFR", "+onesoa", ...SIGNED);
  const file = join(tempDir(t), "axfr.zone");
  writeFileSync(file, text.replace("192.0.2.25", "192.0.2.26").replace(/^.*\bTSIG\b.*$/gm, ""));
  const done = await runProcess({ command: "ldns-verify-zone", args: [file] }, 20_000);
  assert.match(`${done.stdout}${done.stderr}`, /Bogus/i);
});

const SECONDARIES = [
  ["BIND", startBindSecondary],
  ["Knot", startKnotSecondary],
  ["NSD", startNsdSecondary],
] as const;

for (const [make, start] of SECONDARIES) {
  describe(`${make} as a secondary of a signed zone`, () => {
    const scope = suiteScope();
    let primary: SignedPrimary;
    let secondary: SocketAddress;
    let resolver: SocketAddress;

    before(async () => {
      const port = await freePort();
      primary = await startSigned(scope, { notify: [port] });
      secondary = await start(scope, { zone: `${ZONE}.`, primary: primary.at, key: KEY, port });
      await eventually("the zone is there", async () => {
        assert.equal(await serialOf(secondary), await serialOf(primary.at));
      });
      resolver = await startUnbound(scope, {
        stubs: [{ zone: ZONE, at: secondary }],
        trustAnchors: [primary.ds],
      });
    });

    function resolve(name: string, type: string): Promise<DigAnswer> {
      return ask(resolver, `${name}.${ZONE}`.replace(/^@\./, ""), type, "+dnssec");
    }

    it("unbound believes what there is", async () => {
      const all = ["@ SOA", "@ DNSKEY", "@ MX", "mail A", "x.y.wild TXT", "x.old TXT", "sec DS"];
      for (const asked of [...all, "svc HTTPS", "*.wild TXT"]) {
        const [name = "", type = ""] = asked.split(" ");
        const answer = await resolve(name, type);
        assert.ok(answer.flags.includes("ad"), answer.text);
        assert.ok(answer.answer.length > 0, answer.text);
      }
    });

    it("unbound believes what there is not", async () => {
      const names = ["nothing A", "mail TXT", "ent A", "x.wild A", "a.nothing MX", "zzz A"];
      for (const asked of [...names, "ins DS", "aaa.b.ent A"]) {
        const [name = "", type = ""] = asked.split(" ");
        const answer = await resolve(name, type);
        assert.ok(answer.flags.includes("ad"), answer.text);
        assert.deepEqual(answer.answer, []);
      }
      assert.equal((await resolve("nothing", "A")).status, "NXDOMAIN");
    });

    it("a new version comes, and is believed", async () => {
      await primary.write(2, "new A 192.0.2.77\n");
      await eventually("the new version is there", async () => {
        assert.deepEqual(answerData(await ask(secondary, `new.${ZONE}`, "A"), "A"), ["192.0.2.77"]);
      });
      const answer = await resolve("new", "A");
      assert.ok(answer.flags.includes("ad"), answer.text);
    });
  });
}

it("signatures are made anew, with a new serial, long before they end", async (t) => {
  let offsetMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + offsetMs };
  const { at } = await startSigned(t, { clock, policy: { ...POLICY, propagation: 1 } });
  const serial = await serialOf(at);
  // The key is a day-old one too now, so that nothing but the day is new.
  offsetMs = 86_400_000;
  await eventually("the serial has moved", async () => {
    assert.ok((await serialOf(at)) > serial);
  });
  assert.ok((await serialOf(at)) <= serial + 2 * 1_440);
});

it("a zone with an alias stays as it was: what it leads to may be steered", async (t) => {
  const lines: string[] = [];
  const error = (entry: object) => void lines.push(JSON.stringify(entry));
  const { at, write } = await startSigned(t, { log: { ...silentLogger, error } as Logger });
  const before = await serialOf(at);
  await write(2, "@ ALIAS netcinema.kingcdn.test.\n");
  assert.match(lines.join("\n"), /zones-kept.*shop\.test\. is signed and has steered names/);
  assert.equal(await serialOf(at), before);
});

it("a zone of a primary is signed here, and goes on to others", async (t) => {
  const text = zoneText(7);
  const zones = [{ name: `${ZONE}.`, text }];
  const knot = await startKnot(t, { zones, maxUdpBytes: 1232, transferTo: LOOPBACK });
  const { at, ds } = await startSigned(t, { primaries: [knot] });
  await eventually("the zone has come", async () => {
    assert.equal((await ask(at, `mail.${ZONE}`, "A")).status, "NOERROR");
  });
  assert.match(await verify(t, at), /Zone is verified and complete/);
  const resolver = await startUnbound(t, { stubs: [{ zone: ZONE, at }], trustAnchors: [ds] });
  for (const name of ["mail", "x.y.wild", "nothing"]) {
    const answer = await ask(resolver, `${name}.${ZONE}`, "TXT", "+dnssec");
    assert.ok(answer.flags.includes("ad"), answer.text);
  }
});

it("a zone that its primary has signed is not taken, and the log says why", async (t) => {
  const signed = await startSigned(t);
  const lines: string[] = [];
  const file = join(tempDir(t), "kept");
  const primaries = [`${signed.at.host}:${signed.at.port}`];
  const zone = zoneSchema.parse({ file, name: ZONE, primaries, key: KEY.name });
  const warn = (entry: object) => void lines.push(JSON.stringify(entry));
  const { dns } = await startTestRouter(t, {
    pops: [{ name: "syd", location: [0, 0], edges: [edgeConfig("syd-1", "192.0.2.10")] }],
    probe: { kind: "none" },
    transfers: { tsig: TSIG, zones: [zone] },
    log: { ...silentLogger, warn } as Logger,
  });
  await eventually("it is refused", () => {
    assert.match(lines.join("\n"), /transfer-failed.*is signed by its primary/);
  });
  assert.equal((await ask(dns, ZONE, "SOA")).status, "SERVFAIL");
});
