import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { silentLogger } from "../../../common/log.ts";
import { systemRandom } from "../../../common/random.ts";
import { readKeyFolder, withFolderLock } from "../../../router-dns/data/key-folder.ts";
import { LiveSigning } from "../../../router-dns/data/live-signing.ts";
import {
  confirmDs,
  generateKeys,
  reportKeys,
  rollKeys,
} from "../../../router-dns/data/zone-keys.ts";
import type { SigningPolicy } from "../../../router-dns/sign/online-signer.ts";
import type { AheadSubjects } from "../../../router-dns/sign/sign-ahead.ts";
import type { SteeredSet } from "../../../router-dns/signing.ts";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { httpsService, serviceRdata } from "../../../router-dns/wire/svcb.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import type { Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { ipBytes, keyOf, snapshotOf, zoneOf } from "../dns-world.ts";
import { cdnZone } from "../netcinema-world.ts";
import { POLICY } from "../sign/world.ts";

const APEX = keyOf("kingcdn.test");
const SITE = keyOf("netcinema.kingcdn.test");
const DAY_MS = 86_400_000;

function steered(...addresses: string[]): SteeredSet {
  return { type: TYPE.A, ttlSeconds: 20, rdatas: addresses.map(ipBytes) };
}

/** Signing of kingcdn.test with keys of its own, on a clock of its own. */
function world(scope: Scope, options: { policy?: SigningPolicy; rollsOver?: boolean } = {}) {
  const { policy = POLICY, rollsOver = true } = options;
  const folder = join(tempDir(scope), "keys");
  const clock = new FakeClock();
  const order = { folder, zone: "kingcdn.test", policy };
  assert.ok(generateKeys(order, "ecdsap256sha256", clock.now()).ok);
  const subjects: { -readonly [K in keyof AheadSubjects]: AheadSubjects[K] } = {
    zones: snapshotOf([cdnZone()]).zones,
    steered: [steered("192.0.2.1"), steered("192.0.2.2")],
    pairs: [],
  };
  const signing = new LiveSigning({
    folder,
    rollsOver,
    zones: [{ name: "kingcdn.test", policy }],
    clock,
    random: systemRandom,
    log: silentLogger,
    subjects: () => subjects,
    onChange: () => undefined,
  });
  scope.after(() => signing.stop());
  return { folder, clock, order, subjects, signing };
}

/** Why something was not done, as text. */
function failureOf(result: { ok: true } | { ok: false; error: unknown }): string {
  return result.ok ? "" : JSON.stringify(result.error);
}

describe("keys of a folder", () => {
  it("are files that only their owner can read", (t) => {
    const { folder } = world(t);
    const files = readdirSync(folder);
    assert.equal(files.length, 4, files.join());
    for (const file of files) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  it("that are missing or broken are problems with their place, all at once", (t) => {
    const { folder } = world(t);
    const zones = new Set([APEX]);
    const privates = readdirSync(folder).filter((file) => file.endsWith(".private"));
    const [one = "", two = ""] = privates.map((file) => join(folder, file));
    const good = readFileSync(one, "utf8");
    writeFileSync(one, good.replace(/PrivateKey: ..../, "PrivateKey: AAAA"));
    writeFileSync(two, "nothing");
    const both = readKeyFolder(folder, zones);
    assert.ok(!both.ok);
    assert.deepEqual(
      both.error.map(({ file }) => file),
      [one, two],
    );
    assert.match(both.error[0]?.message ?? "", /not the private half of/);
    assert.match(both.error[1]?.message ?? "", /no Private-key-format/);
    const none = readKeyFolder(join(folder, "nowhere"), zones);
    assert.match(none.ok ? "" : (none.error[0]?.message ?? ""), /no such folder/);
  });

  it("of two algorithms cannot sign one zone (RFC 4035 s.2.2)", (t) => {
    const { folder, order } = world(t);
    const other = join(tempDir(t), "other");
    assert.ok(generateKeys({ ...order, folder: other }, "ed25519", 0).ok);
    for (const file of readdirSync(other)) renameSync(join(other, file), join(folder, file));
    const keys = readKeyFolder(folder, new Set([APEX]));
    assert.match(keys.ok ? "" : (keys.error[0]?.message ?? ""), /different algorithms/);
  });

  it("are changed by one process at a time; a lock that was left behind does not last", (t) => {
    const { folder } = world(t);
    const now = Date.now();
    let inner: boolean | undefined;
    assert.equal(
      withFolderLock(folder, now, () => {
        inner = withFolderLock(folder, now, () => assert.fail("both at once"));
      }),
      true,
    );
    assert.equal(inner, false);
    writeFileSync(join(folder, ".lock"), "");
    assert.equal(
      withFolderLock(folder, now, () => undefined),
      false,
    );
    assert.equal(
      withFolderLock(folder, now + 60_000, () => undefined),
      true,
    );
  });
});

describe("zone keys", () => {
  it("says why it does not do what would break the zone", (t) => {
    const { order, clock } = world(t);
    const now = clock.now();
    const again = generateKeys(order, "ed25519", now);
    assert.match(failureOf(again), /has keys already/);
    const report = reportKeys(order, now);
    assert.ok(report.ok);
    assert.equal(report.value.parentDs, null, "resolvers may know the zone unsigned");
    const [ksk, zsk] = report.value.keys.toSorted((a, b) => b.flags - a.flags);
    assert.ok(ksk && zsk);
    const early = confirmDs(order, ksk.tag, now);
    assert.match(failureOf(early), /must not be at the parent before/);
    const wrong = confirmDs(order, zsk.tag, now);
    assert.match(failureOf(wrong), /the parent never names it/);
    const unknown = confirmDs(order, (ksk.tag + 1) % 65_536, now);
    assert.match(failureOf(unknown), /has no key/);
    const roll = rollKeys(order, "ksk", now);
    assert.match(failureOf(roll), /waits for its DS/);
    const later = now + 2 * DAY_MS;
    assert.ok(confirmDs(order, ksk.tag, later).ok);
    assert.ok(rollKeys(order, "ksk", later + 2 * DAY_MS).ok);
    assert.ok(rollKeys(order, "zsk", later + 2 * DAY_MS).ok);
    const twice = rollKeys(order, "zsk", later + 2 * DAY_MS);
    assert.match(failureOf(twice), /is about to take over/);
  });
});

describe("signing that goes on", () => {
  it("signs ahead what steering can answer, so that queries do not wait", async (t) => {
    const { signing, subjects } = world(t);
    assert.ok(signing.load().ok);
    signing.signAhead();
    await signing.look();
    const signer = signing.signers().get(APEX);
    assert.ok(signer);
    const { ahead } = signing.figures().signatures;
    assert.ok(ahead >= 8, `${ahead}`);
    for (const set of subjects.steered) signer.signSteered(SITE, set);
    signer.deny(SITE, [TYPE.A, TYPE.AAAA], 60);
    signer.deny(SITE, [TYPE.A], 20);
    for (const rrset of signer.apexRrsets) signer.sign(APEX, rrset);
    assert.equal(signing.figures().signatures.query, 0);
    signer.signSteered(SITE, steered("192.0.2.3"));
    assert.equal(signing.figures().signatures.query, 1, "nobody could know");
    signing.signAhead();
    await signing.look();
    assert.equal(signing.figures().signatures.ahead, ahead, "what is good is not made again");
  });

  it("signs ahead what aliases can be answered with", async (t) => {
    const text = `$ORIGIN kingcdn.test.
$TTL 300
@     SOA ns1 hostmaster 7 3600 900 604800 60
      NS ns1
@     10 ALIAS netcinema.cdn2.test.
ns1   A 192.0.2.1
fixed ALIAS ns1
`;
    const { signing, subjects } = world(t);
    const service = httpsService({ alpn: ["h2"], port: 443, hasHints: true });
    const services = new Map([["netcinema", service]]);
    subjects.zones = snapshotOf([zoneOf(text), cdnZone({ domain: "cdn2.test", services })]).zones;
    const pair = { ttlSeconds: 20, v4: [ipBytes("192.0.2.1")], v6: [] };
    subjects.pairs = [pair];
    assert.ok(signing.load().ok);
    signing.signAhead();
    await signing.look();
    const signer = signing.signers().get(APEX);
    assert.ok(signer);
    for (const set of subjects.steered) signer.signSteered(APEX, { ...set, ttlSeconds: 10 });
    const https = { type: TYPE.HTTPS, rdatas: [serviceRdata(service, pair.v4, pair.v6)] };
    signer.signSteered(APEX, { ...https, ttlSeconds: 10 });
    signer.signSteered(keyOf("fixed.kingcdn.test"), { ...steered("192.0.2.1"), ttlSeconds: 300 });
    signer.deny(APEX, [TYPE.SOA, TYPE.NS, TYPE.A, TYPE.AAAA, TYPE.HTTPS], 60);
    signer.deny(APEX, [TYPE.SOA, TYPE.NS, TYPE.A, TYPE.HTTPS], 10);
    assert.equal(signing.figures().signatures.query, 0);
    signer.signSteered(APEX, { ...steered("192.0.2.1"), ttlSeconds: 11 });
    assert.equal(signing.figures().signatures.query, 1, "another TTL is another set");
  });

  it("makes a successor in time, and signs ahead with it before it is used", async (t) => {
    const { signing, clock, folder, subjects } = world(t);
    assert.ok(signing.load().ok);
    const before = signing.signers().get(APEX)?.keys.zoneSigner.tag;
    clock.advance(30 * DAY_MS - 3_600_000);
    await signing.look();
    assert.equal(readdirSync(folder).length, 6, "a second ZSK");
    assert.equal(signing.signers().get(APEX)?.keys.zoneSigner.tag, before);
    assert.equal(signing.signers().get(APEX)?.keys.published.length, 3);
    clock.advance(2 * 3_600_000);
    await signing.look();
    const signer = signing.signers().get(APEX);
    assert.notEqual(signer?.keys.zoneSigner.tag, before);
    const made = signing.figures().signatures.query;
    for (const set of subjects.steered) signer?.signSteered(SITE, set);
    assert.equal(signing.figures().signatures.query, made);
  });

  it("only reads the folder where rollovers are somebody else's", async (t) => {
    const { signing, clock, folder } = world(t, { rollsOver: false });
    assert.ok(signing.load().ok);
    clock.advance(60 * DAY_MS);
    await signing.look();
    assert.equal(readdirSync(folder).length, 4);
    assert.ok(signing.signers().get(APEX), "an old key beats none");
  });

  it("goes on with the keys it has while the folder cannot be read, and says so", async (t) => {
    const { signing, folder } = world(t);
    assert.ok(signing.load().ok);
    const tag = signing.signers().get(APEX)?.keys.zoneSigner.tag;
    const [file = ""] = readdirSync(folder).filter((name) => name.endsWith(".private"));
    const good = readFileSync(join(folder, file));
    writeFileSync(join(folder, file), "half a f");
    await signing.look();
    assert.equal(signing.figures().areKeysGood, false);
    assert.equal(signing.signers().get(APEX)?.keys.zoneSigner.tag, tag);
    writeFileSync(join(folder, file), good);
    chmodSync(join(folder, file), 0o600);
    await signing.look();
    assert.equal(signing.figures().areKeysGood, true);
  });

  it("does not begin without the keys of a zone", (t) => {
    const { signing, folder } = world(t);
    for (const file of readdirSync(folder))
      renameSync(join(folder, file), join(folder, `${file}.off`));
    const loaded = signing.load();
    assert.match(loaded.ok ? "" : (loaded.error[0]?.message ?? ""), /zone keys generate/);
  });
});
