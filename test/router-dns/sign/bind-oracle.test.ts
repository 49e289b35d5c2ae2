import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readKeyFolder, writeKey } from "../../../router-dns/data/key-folder.ts";
import { ALGORITHM, ENTRY_KEY, ZONE_KEY } from "../../../router-dns/sign/dnskey.ts";
import { generateKeyPair } from "../../../router-dns/sign/key-pair.ts";
import { rrsigRdata, signedOctets } from "../../../router-dns/sign/rrsig.ts";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { formatName, parseName } from "../../../router-dns/wire/name.ts";
import { runProcess } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { keyOf, zoneOf } from "../dns-world.ts";
import { NEW_YEAR } from "./world.ts";

/*
 * BIND signs a zone with our key files, and we sign it with the same keys. Ed25519 makes the same
 * signature of the same octets, so that every signature must be the same: the canonical form, order
 * and Labels field of every type in the zone.
 */

const ZONE = `$ORIGIN example.test.
$TTL 300
@        SOA Ns1 HostMaster 7 3600 900 604800 60
         NS Ns1
         NS ns2.Other.Example.
         MX 10 Mail
         MX 5 mail2
         TXT "b" "A"
         TXT "a"
         CAA 0 issue "CA.test"
Ns1      A 192.0.2.2
         A 192.0.2.1
         AAAA 2001:db8::1
Mail     A 192.0.2.25
mail2    A 192.0.2.26
WWW      CNAME Target.Example.
*        TXT "star"
*.deep.a PTR Some.Where.
_sip._tcp SRV 1 2 5060 Mail
         SRV 0 5 5061 mail2
sec      NS ns.sec
         DS 12345 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF
ns.sec   A 192.0.2.53
odd      TYPE65280 \\# 5 41424344FF
naptr    NAPTR 1 2 "S" "SIP+D2U" "" _Sip._Udp.Foo.Test.
afsdb    TYPE18 \\# 9 0001 05 41424344 45 00
rp       TYPE17 \\# 6 01 41 00 01 42 00
https    HTTPS 1 Target.Example. alpn=h2
dname    DNAME Other.Example.
`;

describe("signatures of BIND", () => {
  it("are ours, octet for octet, for every set of a zone with one of everything", async (t) => {
    const dir = tempDir(t);
    const name = parseName("example.test");
    assert.ok(name.ok);
    for (const flags of [ENTRY_KEY, ZONE_KEY] as const) {
      const pair = generateKeyPair(ALGORITHM.ed25519);
      const times = { created: NEW_YEAR, publish: NEW_YEAR, activate: NEW_YEAR };
      writeKey(dir, name.value, { pair, flags, times: { ...times, dsPublished: undefined } });
    }
    const apex = keyOf("example.test");
    const folder = readKeyFolder(dir, new Set([apex]));
    assert.ok(folder.ok);
    const keys = folder.value.get(apex) ?? [];
    const signed = await signWithBind(
      dir,
      keys.map(({ file }) => file),
    );
    let compared = 0;
    const zone = zoneOf(ZONE);
    for (const [owner, { rrsets, cut }] of zone.nodes) {
      for (const rrset of rrsets) {
        if (cut !== undefined && rrset.type !== TYPE.DS) continue;
        const title = `${formatName(Buffer.from(owner, "latin1"))} ${rrset.type}`;
        const theirs = signed.get(title);
        assert.ok(theirs, `BIND has no signature of ${title}`);
        const key = keys.find(({ tag }) => tag === theirs.keyTag);
        assert.ok(key, title);
        const head = { algorithm: 15, signer: apex, ...theirs };
        const octets = signedOctets(owner, rrset, head);
        const ours = rrsigRdata(octets, key.sign(octets.octets)).subarray(octets.rdataBytes);
        assert.equal(Buffer.from(ours).toString("base64"), theirs.signature, title);
        assert.equal(octets.octets[3], theirs.labels, title);
        compared += 1;
      }
    }
    assert.ok(compared >= 19, `only ${compared} sets were compared`);
  });
});

interface BindSignature {
  readonly labels: number;
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  readonly signature: string;
}

/** Signatures by owner and type number, as `dnssec-signzone` writes them, one record a line. */
async function signWithBind(
  dir: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, BindSignature>> {
  const file = join(dir, "zone");
  const publicKeys = keys.map((key) => readFileSync(key.replace(/private$/, "key"), "utf8"));
  writeFileSync(file, ZONE + publicKeys.join(""));
  const times = ["-s", "20260101000000", "-e", "20260201000000"];
  const { code, stdout, stderr } = await runProcess({
    command: "dnssec-signzone",
    args: ["-P", "-d", dir, "-O", "full", "-o", "example.test", ...times, "-f", "-", file, ...keys],
  });
  assert.equal(code, 0, stderr);
  const found = new Map<string, BindSignature>();
  for (const line of stdout.split("\n")) {
    const fields = line.split(/\s+/);
    const [owner = "", , , type, covered = "", , labels, , end = "", start = "", tag] = fields;
    if (type !== "RRSIG") continue;
    found.set(`${owner.toLowerCase()} ${typeNumber(covered)}`, {
      labels: Number(labels),
      expiration: seconds(end),
      inception: seconds(start),
      keyTag: Number(tag),
      signature: fields.slice(12).join(""),
    });
  }
  return found;
}

function typeNumber(name: string): number {
  const others: Record<string, number> = { AFSDB: 18, RP: 17 };
  return others[name] ?? (TYPE as Record<string, number>)[name] ?? Number(name.replace("TYPE", ""));
}

function seconds(text: string): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.map(Number) ?? [];
  return Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second) / 1000;
}
