import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALGORITHM, ENTRY_KEY, ZONE_KEY } from "../../../router-dns/sign/dnskey.ts";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { addressRdata } from "../../../router-dns/wire/rdata.ts";
import { ipBytes, keyOf } from "../dns-world.ts";
import { KSK, NEW_YEAR, POLICY, testKey, testSigner, ZSK } from "./world.ts";

const OWNER = keyOf("www.example.com");
const DAY = 86_400;
const NOW = NEW_YEAR + 10 * DAY;

function addresses(...texts: string[]) {
  return {
    type: TYPE.A,
    ttlSeconds: 20,
    rdatas: texts.map((text) => addressRdata(ipBytes(text))),
  };
}

function steered(...texts: string[]) {
  return { type: TYPE.A, ttlSeconds: 20, rdatas: texts.map(ipBytes) };
}

/** Numbers of an RRSIG record's data. */
function read(rrsig: Uint8Array | undefined) {
  const view = new DataView(Uint8Array.from(rrsig ?? []).buffer);
  return {
    type: view.getUint16(0),
    expiration: view.getUint32(8),
    inception: view.getUint32(12),
    keyTag: view.getUint16(16),
  };
}

describe("an online signer", () => {
  it("signs what it has not signed yet, and only that", () => {
    const { signer, made } = testSigner("example.com");
    const first = signer.sign(OWNER, addresses("192.0.2.1"));
    assert.equal(made(), 1);
    assert.equal(
      signer.sign(OWNER, addresses("192.0.2.1")),
      first,
      "another set, the same records",
    );
    assert.equal(made(), 1);
    signer.sign(keyOf("mail.example.com"), addresses("192.0.2.1"));
    signer.sign(OWNER, addresses("192.0.2.2"));
    signer.sign(OWNER, { ...addresses("192.0.2.1"), ttlSeconds: 21 });
    signer.sign(OWNER, { ...addresses("192.0.2.1"), type: TYPE.TXT });
    assert.equal(made(), 5);
  });

  it("signs addresses that were chosen for a client once, in whatever order they came", () => {
    const { signer, made } = testSigner("example.com");
    const [there] = signer.signSteered(OWNER, steered("192.0.2.1", "192.0.2.2"));
    const [back] = signer.signSteered(OWNER, steered("192.0.2.2", "192.0.2.1"));
    assert.deepEqual(there, back);
    assert.equal(made(), 1);
    const [plain] = signer.sign(OWNER, addresses("192.0.2.1", "192.0.2.2"));
    assert.deepEqual(plain, there, "Ed25519 makes the same signature of the same records");
  });

  it("makes another when a quarter of the lifetime is left", () => {
    const { signer, made, setNow } = testSigner("example.com");
    const [first] = signer.sign(OWNER, addresses("192.0.2.1"));
    assert.deepEqual(read(first), {
      type: TYPE.A,
      inception: NOW - 3600,
      expiration: NOW + POLICY.signatureLifetime,
      keyTag: ZSK.tag,
    });
    setNow(NOW + POLICY.signatureLifetime * 0.75 - 1);
    assert.equal(signer.sign(OWNER, addresses("192.0.2.1"))[0], first);
    setNow(NOW + POLICY.signatureLifetime * 0.75);
    const [second] = signer.sign(OWNER, addresses("192.0.2.1"));
    assert.notEqual(second, first);
    assert.equal(made(), 2);
  });

  it("RFC 4035 s.2.2: the KSK signs keys, the ZSK everything else", () => {
    const { signer } = testSigner("example.com");
    const apex = keyOf("example.com");
    assert.deepEqual(
      signer.apexRrsets.map(({ type }) => type),
      [TYPE.DNSKEY, TYPE.CDS, TYPE.CDNSKEY],
    );
    for (const rrset of signer.apexRrsets) {
      assert.deepEqual(
        signer.sign(apex, rrset).map((rrsig) => read(rrsig).keyTag),
        [KSK.tag],
      );
    }
    const denial = signer.deny(apex, [TYPE.SOA], 60);
    assert.deepEqual(
      denial.rrsigs.map((rrsig) => read(rrsig).keyTag),
      [ZSK.tag],
    );
  });

  it("RFC 7583 s.3.3.1: while KSKs change both sign the keys, and CDS names one", () => {
    const next = testKey(ENTRY_KEY, 3, { times: { publish: NOW - 100 } });
    const { signer } = testSigner("example.com", [KSK, next, ZSK]);
    const [dnskey, cds] = signer.apexRrsets;
    assert.ok(dnskey && cds);
    assert.equal(dnskey.rdatas.length, 3);
    const tags = signer.sign(keyOf("example.com"), dnskey).map((rrsig) => read(rrsig).keyTag);
    assert.deepEqual(new Set(tags), new Set([KSK.tag, next.tag]));
    assert.equal(tags.length, 2);
    assert.equal(cds.rdatas.length, 1, "nobody knows the new one yet");
    assert.equal(
      new DataView(Uint8Array.from(cds.rdatas[0]?.prefix ?? []).buffer).getUint16(0),
      KSK.tag,
    );
  });

  it("has no CDS while it is too early for any DS", () => {
    const young = testKey(ENTRY_KEY, 4, { times: { publish: NOW - 100, activate: NOW - 100 } });
    const policy = { ...POLICY, scheme: "csk" } as const;
    const { signer } = testSigner("example.com", [young], policy);
    assert.deepEqual(
      signer.apexRrsets.map(({ type }) => type),
      [TYPE.DNSKEY],
    );
  });

  it("denies by the types that a name has, and keeps the denial", () => {
    const { signer, made } = testSigner("example.com");
    const first = signer.deny(OWNER, [TYPE.A], 60);
    assert.equal(signer.deny(OWNER, [TYPE.A], 60), first);
    assert.notEqual(signer.deny(OWNER, [TYPE.A], 20), first);
    assert.notEqual(signer.deny(OWNER, [TYPE.AAAA], 60), first);
    assert.notEqual(signer.deny(OWNER, undefined, 60), signer.deny(OWNER, [], 60));
    assert.equal(made(), 5);
  });

  it("signs with ECDSA as it does with Ed25519", () => {
    const algorithm = ALGORITHM.ecdsap256sha256;
    const keys = [testKey(ENTRY_KEY, 5, { algorithm }), testKey(ZONE_KEY, 6, { algorithm })];
    const { signer } = testSigner("example.com", keys);
    const [rrsig] = signer.sign(OWNER, addresses("192.0.2.1"));
    assert.equal(rrsig?.length, 18 + keyOf("example.com").length + 64);
    assert.equal(rrsig?.[2], 13);
  });
});
