import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { describe, it } from "node:test";
import {
  ALGORITHM,
  dnskeyRdata,
  dnskeyText,
  dsRdata,
  dsText,
  ENTRY_KEY,
  keyTag,
} from "../../../router-dns/sign/dnskey.ts";
import { generateKeyPair, loadKeyPair, sha256 } from "../../../router-dns/sign/key-pair.ts";
import { rrsigRdata, signatureTimes, signedOctets } from "../../../router-dns/sign/rrsig.ts";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { parseName } from "../../../router-dns/wire/name.ts";
import { mxRdata } from "../../../router-dns/wire/rdata.ts";
import { keyOf } from "../dns-world.ts";

/** The example of RFC 8080 section 6.1. */
const EXAMPLE = {
  privateKey: Buffer.from("ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=", "base64"),
  publicKey: "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
  ds: "3613 15 2 3AA5AB37EFCE57F737FC1627013FEE07BDF241BD10F3B1964AB55C78E79A304B",
  signature:
    "oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
};

function examplePair() {
  const pair = loadKeyPair(ALGORITHM.ed25519, EXAMPLE.privateKey);
  assert.ok(pair.ok);
  return { ...pair.value, flags: ENTRY_KEY } as const;
}

describe("RFC 8080 section 6.1", () => {
  it("the private half makes the DNSKEY record", () => {
    assert.equal(dnskeyText(examplePair()), `257 3 15 ${EXAMPLE.publicKey}`);
  });

  it("the DNSKEY record makes the key tag and the DS record", () => {
    const rdata = dnskeyRdata(examplePair());
    assert.equal(keyTag(rdata), 3613);
    assert.equal(dsText(dsRdata(keyOf("example.com"), rdata, sha256)), EXAMPLE.ds);
  });

  it("the MX record makes the signature, octet for octet", () => {
    const pair = examplePair();
    const mail = parseName("mail.example.com");
    assert.ok(mail.ok);
    const rrset = { type: TYPE.MX, ttlSeconds: 3600, rdatas: [mxRdata(10, mail.value)] };
    const head = {
      algorithm: 15,
      keyTag: 3613,
      signer: keyOf("example.com"),
      inception: 1_438_207_200,
      expiration: 1_440_021_600,
    };
    const signed = signedOctets(keyOf("example.com"), rrset, head);
    const rdata = rrsigRdata(signed, pair.sign(signed.octets));
    const signature = Buffer.from(rdata.subarray(signed.rdataBytes)).toString("base64");
    assert.equal(signature, EXAMPLE.signature);
    assert.equal(rdata.length, 18 + "example.com".length + 2 + 64);
  });
});

describe("ECDSA P-256", () => {
  it("RFC 6605 section 4: a signature is two numbers of 32 octets, also when they are short", () => {
    const pair = generateKeyPair(ALGORITHM.ecdsap256sha256);
    const [x = "", y = ""] = [pair.publicKey.subarray(0, 32), pair.publicKey.subarray(32)].map(
      (octets) => Buffer.from(octets).toString("base64url"),
    );
    const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
    // One number in 256 begins with a zero octet, so that some of these are short in DER.
    for (let i = 0; i < 1_000; i += 1) {
      const octets = Buffer.from(`record ${i}`);
      const signature = pair.sign(octets);
      assert.equal(signature.length, 64);
      assert.ok(verify("sha256", octets, { key, dsaEncoding: "ieee-p1363" }, signature), `${i}`);
    }
  });

  it("a private half that was written down makes the same key again", () => {
    for (const algorithm of Object.values(ALGORITHM)) {
      const made = generateKeyPair(algorithm);
      const loaded = loadKeyPair(algorithm, made.privateKey);
      assert.ok(loaded.ok);
      assert.deepEqual(Buffer.from(loaded.value.publicKey), Buffer.from(made.publicKey));
    }
  });

  it("a private half that makes no key is a sentence", () => {
    const zero = loadKeyPair(ALGORITHM.ecdsap256sha256, new Uint8Array(32));
    assert.match(zero.ok ? "" : zero.error, /not one of this algorithm/);
    const short = loadKeyPair(ALGORITHM.ed25519, new Uint8Array(31));
    assert.match(short.ok ? "" : short.error, /has 31 octets, not 32/);
  });
});

describe("the time of a signature", () => {
  it("begins an hour ago for slow clocks, and ends up to an eighth early", () => {
    assert.deepEqual(signatureTimes(100_000, 8_000, 0), { inception: 96_400, expiration: 108_000 });
    assert.deepEqual(signatureTimes(100_000, 8_000, 1), { inception: 96_400, expiration: 107_000 });
  });
});
