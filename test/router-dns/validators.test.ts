import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import { httpsSchema } from "../../common/config/https.ts";
import type { DnssecOptions } from "../../router-dns/data/live-signing.ts";
import { generateKeys, reportKeys } from "../../router-dns/data/zone-keys.ts";
import { answerData, type DigAnswer, dig } from "../support/dig.ts";
import { runProcess } from "../support/process.ts";
import { type Scope, suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startUnbound } from "../support/unbound.ts";
import { POLICY } from "./sign/world.ts";
import { fivePops, startFiveEdges, startTestRouter } from "./support.ts";

const CUSTOMER = `$ORIGIN netcinema.test.
$TTL 300
@        SOA ns1 hostmaster 1 7200 900 1209600 60
         NS ns1
         MX 10 Mail
         CAA 0 issue "ca.test"
@        60 ALIAS netcinema.kingcdn.test.
fixed    ALIAS Mail
*.alias  ALIAS netcinema.kingcdn.test.
ns1      A 127.0.0.1
Mail     A 192.0.2.25
video    CNAME netcinema.kingcdn.test.
c1       CNAME c2
c2       CNAME video
*.wild   TXT "wild"
*.ali    CNAME Mail
old      DNAME wild
a.b.ent  A 192.0.2.9
ins      NS ns1.ins
ns1.ins  A 127.0.0.1
_sip._tcp SRV 1 2 5060 Mail
`;

/** What each algorithm and scheme is shown with. */
const KINDS = [
  ["ecdsap256sha256", "ksk-zsk"],
  ["ed25519", "csk"],
] as const;

for (const [algorithm, scheme] of KINDS) {
  describe(`a validator believes every answer, signed with ${algorithm}, ${scheme}`, () => {
    const scope = suiteScope();
    const policy = { ...POLICY, scheme };
    const zones = ["kingcdn.test", "netcinema.test", "sec.netcinema.test"];
    let dns: SocketAddress;
    let resolver: SocketAddress;
    let anchors: string;
    let dsOf: (zone: string) => string;
    let edges: Awaited<ReturnType<typeof startFiveEdges>>;

    before(async () => {
      const dir = tempDir(scope);
      const folder = join(dir, "keys");
      const keys: Record<string, { dnskey: string; ds: string }> = {};
      for (const zone of zones) {
        const made = generateKeys({ folder, zone, policy }, algorithm, Date.now());
        assert.ok(made.ok, made.ok ? "" : JSON.stringify(made.error));
        const entry = made.value.keys.find(({ ds }) => ds !== null);
        assert.ok(entry?.ds);
        keys[zone] = { dnskey: entry.dnskey, ds: entry.ds };
      }
      dsOf = (zone) => keys[zone]?.ds.replace(/^.* DS /, "") ?? "";
      const child = join(dir, "sec.zone");
      writeFileSync(
        child,
        "$ORIGIN sec.netcinema.test.\n$TTL 300\n@ SOA ns1 h 1 2 3 4 60\n NS ns1\nns1 A 127.0.0.1\nwww A 192.0.2.44\n",
      );
      const parent = join(dir, "netcinema.zone");
      const ds = keys["sec.netcinema.test"]?.ds.replace(" IN ", " ");
      writeFileSync(parent, `${CUSTOMER}sec NS ns1.sec\nns1.sec A 127.0.0.1\n${ds}\n`);
      edges = await startFiveEdges(scope);
      const dnssec: DnssecOptions = {
        folder,
        rollsOver: true,
        zones: zones.map((name) => ({ name, policy })),
      };
      const router = await startTestRouter(scope, {
        pops: fivePops(edges),
        zoneFiles: [parent, child],
        https: httpsSchema.parse({}),
        dnssec,
      });
      dns = router.dns;
      anchors = join(dir, "anchors");
      writeFileSync(anchors, delvAnchors(keys));
      resolver = await startUnbound(scope, {
        stubs: ["kingcdn.test", "netcinema.test", "sec.netcinema.test", "ins.netcinema.test"].map(
          (zone) => ({ zone, at: dns }),
        ),
        trustAnchors: [keys["kingcdn.test"]?.ds ?? "", keys["netcinema.test"]?.ds ?? ""],
        sendClientSubnetTo: ["127.0.0.1"],
      });
    });

    /** Asks delv, which validates for itself from the keys of the zone. */
    async function delv(name: string, type: string): Promise<string> {
      const root = name.endsWith("kingcdn.test") ? "kingcdn.test" : "netcinema.test";
      const at = [`@${dns.host}`, "-p", String(dns.port)];
      const args = [...at, "-a", anchors, `+root=${root}`, name, type];
      const { stdout, stderr } = await runProcess({ command: "delv", args }, 20_000);
      return `${stdout}\n${stderr}`;
    }

    function ask(name: string, type = "A", subnet?: string): Promise<DigAnswer> {
      return dig({
        server: resolver.host,
        port: resolver.port,
        name,
        type,
        options: ["+dnssec"],
        ...(subnet === undefined ? {} : { subnet }),
      });
    }

    const POSITIVE = [
      ["kingcdn.test", "SOA"],
      ["kingcdn.test", "DNSKEY"],
      ["kingcdn.test", "NS"],
      ["netcinema.kingcdn.test", "A"],
      ["syd-1.edge.kingcdn.test", "A"],
      ["netcinema.test", "MX"],
      ["netcinema.test", "CAA"],
      ["mail.netcinema.test", "A"],
      ["_sip._tcp.netcinema.test", "SRV"],
      ["x.y.wild.netcinema.test", "TXT"],
      ["*.wild.netcinema.test", "TXT"],
      ["x.ali.netcinema.test", "A"],
      ["sec.netcinema.test", "DS"],
      ["netcinema.test", "NSEC"],
      ["netcinema.test", "A"],
      ["netcinema.test", "HTTPS"],
      ["netcinema.kingcdn.test", "HTTPS"],
      ["fixed.netcinema.test", "A"],
      ["x.alias.netcinema.test", "A"],
      ["x.alias.netcinema.test", "HTTPS"],
    ] as const;
    const NEGATIVE = [
      ["netcinema.kingcdn.test", "AAAA"],
      ["netcinema.kingcdn.test", "TXT"],
      ["nothing.kingcdn.test", "A"],
      ["edge.kingcdn.test", "A"],
      ["kingcdn.test", "CDS"],
      ["mail.netcinema.test", "TXT"],
      ["nothing.netcinema.test", "A"],
      ["a.b.c.nothing.netcinema.test", "A"],
      ["ent.netcinema.test", "A"],
      ["b.ent.netcinema.test", "A"],
      ["x.wild.netcinema.test", "A"],
      ["ins.netcinema.test", "DS"],
      ["mail.netcinema.test", "DS"],
      ["netcinema.test", "AAAA"],
      ["netcinema.test", "TXT"],
      ["fixed.netcinema.test", "HTTPS"],
      ["fixed.netcinema.test", "AAAA"],
      ["x.alias.netcinema.test", "AAAA"],
    ] as const;

    it("delv: what there is", async () => {
      for (const [name, type] of POSITIVE) {
        const text = await delv(name, type);
        assert.match(text, /^; fully validated$/m, `${name} ${type}\n${text}`);
      }
    });

    it("delv: what there is not", async () => {
      for (const [name, type] of NEGATIVE) {
        const text = await delv(name, type);
        assert.match(text, /^; negative response, fully validated$/m, `${name} ${type}\n${text}`);
      }
    });

    it("delv: an insecure delegation, and nothing else, is not signed", async () => {
      const text = await delv("x.ins.netcinema.test", "A");
      assert.doesNotMatch(text, /fully validated/, text);
    });

    it("unbound: what there is, also below a signed delegation and behind a DNAME", async () => {
      const more = [
        ["www.sec.netcinema.test", "A"],
        ["video.netcinema.test", "A"],
        ["c1.netcinema.test", "A"],
        ["x.old.netcinema.test", "TXT"],
      ] as const;
      for (const [name, type] of [...POSITIVE, ...more]) {
        const answer = await ask(name, type);
        assert.equal(answer.status, "NOERROR", `${name} ${type}\n${answer.text}`);
        assert.ok(answer.flags.includes("ad"), `${name} ${type}\n${answer.text}`);
        assert.ok(answer.answer.length > 0, answer.text);
      }
    });

    it("unbound: what there is not", async () => {
      for (const [name, type] of NEGATIVE) {
        const answer = await ask(name, type);
        assert.ok(answer.flags.includes("ad"), `${name} ${type}\n${answer.text}`);
        assert.deepEqual(answer.answer, []);
      }
    });

    it("unbound: below an insecure delegation answers are neither believed nor refused", async () => {
      const answer = await ask("ns1.ins.netcinema.test");
      assert.notEqual(answer.status, "TIMEOUT");
      assert.ok(!answer.flags.includes("ad"), answer.text);
    });

    it("unbound: each client's own answer, and the one after a failover", async () => {
      const clients = { syd: "129.94.0.0/24", fra: "5.9.0.0/24", gru: "200.147.3.0/24" };
      for (const [pop, subnet] of Object.entries(clients)) {
        const answer = await ask("netcinema.kingcdn.test", "A", subnet);
        assert.deepEqual(answerData(answer, "A"), [edges[pop]?.host], answer.text);
        assert.ok(answer.flags.includes("ad"), answer.text);
        const apex = await ask("netcinema.test", "A", subnet);
        assert.deepEqual(answerData(apex, "A"), [edges[pop]?.host], "behind an alias too");
        assert.ok(apex.flags.includes("ad"), apex.text);
        const service = await ask("netcinema.test", "HTTPS", subnet);
        const data = `1 . alpn="h2,http/1.1" ipv4hint=${edges[pop]?.host}`;
        assert.deepEqual(answerData(service, "HTTPS"), [data], service.text);
      }
    });

    it("dnsviz: no errors and no warnings", async () => {
      const asked = {
        "kingcdn.test": ["kingcdn.test", "netcinema.kingcdn.test", "syd-1.edge.kingcdn.test"],
        "netcinema.test": ["netcinema.test", "mail.netcinema.test", "x.y.wild.netcinema.test"],
      };
      for (const [zone, names] of Object.entries(asked)) {
        const told = { scope, zone, names, dns, ds: dsOf(zone) };
        assert.deepEqual(await complaintsOfDnsviz(told), [], zone);
      }
      const zone = "kingcdn.test";
      const late = { scope, zone, names: [zone], dns, ds: dsOf(zone), year: "2099" };
      assert.ok((await complaintsOfDnsviz(late)).includes("EXPIRED"), "dnsviz does look");
    });

    it("a wrong trust anchor makes all of this fail: the validators do look", async () => {
      const other = join(tempDir(scope), "other");
      const made = reportKeysOfAnother(policy, algorithm, tempDir(scope));
      writeFileSync(other, delvAnchors({ "kingcdn.test": made }));
      const at = [`@${dns.host}`, "-p", String(dns.port)];
      const args = [...at, "-a", other, "+root=kingcdn.test", "kingcdn.test", "SOA"];
      const { stdout, stderr } = await runProcess({ command: "delv", args }, 20_000);
      assert.doesNotMatch(`${stdout}\n${stderr}`, /^; fully validated$/m);
    });
  });
}

/** Everything that dnsviz has to say against names of a zone; `year`: if it were that already. */
async function complaintsOfDnsviz(told: {
  readonly scope: Scope;
  readonly zone: string;
  readonly names: readonly string[];
  readonly dns: SocketAddress;
  readonly ds: string;
  readonly year?: string;
}): Promise<readonly string[]> {
  const { scope, zone, names, dns, ds, year } = told;
  const ns = `ns1.${zone}`;
  const at = ["-x", `${zone}+:${ns}=${dns.host}:${dns.port}`, "-N", `${zone}:${ns}=${dns.host}`];
  const args = ["probe", "-A", "-4", "-d", "1", ...at, "-D", `${zone}:${ds}`, ...names];
  const { stdout: probe, stderr } = await runProcess({ command: "dnsviz", args }, 60_000);
  const file = join(tempDir(scope), "probe.json");
  const analysed = /("analysis_(?:start|end)": ")\d{4}/g;
  writeFileSync(file, year === undefined ? probe : probe.replace(analysed, `$1${year}`));
  const grok = ["grok", "-l", "info", "-r", file];
  const { stdout } = await runProcess({ command: "dnsviz", args: grok }, 60_000);
  assert.match(stdout, /"status": "[A-Z]+"/, stderr);
  const valid = ["NOERROR", "NXDOMAIN", "VALID"];
  const statuses = [...stdout.matchAll(/"status": "([^"]*)"/g)].map(([, text = ""]) => text);
  const wrong = [...stdout.matchAll(/"(errors|warnings)": \[/g)].map(([, what = ""]) => what);
  return [...wrong, ...statuses.filter((status) => !valid.includes(status))];
}

function reportKeysOfAnother(
  policy: typeof POLICY,
  algorithm: "ecdsap256sha256" | "ed25519",
  folder: string,
): { readonly dnskey: string } {
  const order = { folder, zone: "kingcdn.test", policy };
  generateKeys(order, algorithm, Date.now());
  const report = reportKeys(order, Date.now());
  assert.ok(report.ok);
  const entry = report.value.keys.find(({ ds }) => ds !== null);
  assert.ok(entry);
  return entry;
}

/** Keys in the syntax of `delv -a`. */
function delvAnchors(keys: Readonly<Record<string, { readonly dnskey: string }>>): string {
  const lines = Object.values(keys).map(({ dnskey }) => {
    const [zone, , , flags, protocol, algorithm, key] = dnskey.split(" ");
    return `  "${zone}" static-key ${flags} ${protocol} ${algorithm} "${key}";`;
  });
  return `trust-anchors {\n${lines.join("\n")}\n};\n`;
}
