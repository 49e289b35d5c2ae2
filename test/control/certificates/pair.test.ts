import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { certificateFacts, checkPair, coversHost } from "../../../control/certificates/pair.ts";
import { renewalTime } from "../../../control/certificates/schedule.ts";
import { type IssuedCertificate, issueCertificate, type Wanted } from "../../support/authority.ts";

const DAY = 86_400_000;

async function issued(wanted: Wanted): Promise<IssuedCertificate> {
  const dir = mkdtempSync(join(tmpdir(), "meridian-test-"));
  try {
    return await issueCertificate(dir, wanted);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe("a chain and a key", () => {
  let good: IssuedCertificate;
  let other: IssuedCertificate;
  before(async () => {
    good = await issued({ hosts: ["www.shop.example", "*.Shop.example"] });
    other = await issued({ hosts: ["other.example"] });
  });

  const refused = (chain: string, key: string, now = Date.now()): string => {
    const result = checkPair({ chain, key }, now);
    assert.ok(!result.ok);
    return `${result.error.field} ${result.error.message}`;
  };

  it("that belong together are taken, with hosts and dates, and without what else is there", () => {
    const chain = `subject=/CN=leaf\n${good.chain}\nthe end`;
    const result = checkPair({ chain, key: good.key }, Date.now());
    assert.ok(result.ok);
    const { hosts, notBefore, notAfter } = result.value;
    assert.deepEqual(hosts, ["www.shop.example", "*.shop.example"]);
    assert.equal(notAfter - notBefore, 30 * DAY);
    assert.match(result.value.chain, /^-----BEGIN CERTIFICATE-----/);
    assert.doesNotMatch(result.value.chain, /subject|the end/);
    assert.match(result.value.key, /^-----BEGIN PRIVATE KEY-----/);
    assert.equal(checkPair({ chain: good.leaf, key: good.key }, Date.now()).ok, true);
    const whole = good.chain + good.root;
    assert.equal(checkPair({ chain: whole, key: good.key }, Date.now()).ok, true);
  });

  it("that do not belong together are refused", () => {
    assert.match(refused(good.chain, other.key), /^key is not the key of the first certificate/);
    assert.match(refused(good.intermediate + good.leaf, good.key), /^chain is not in order/);
    assert.match(refused(good.leaf + other.intermediate, good.key), /^chain is not in order/);
    assert.match(refused(good.leaf + good.root, good.key), /certificate 1 is not signed by/);
  });

  it("that have ended are refused, and those that begin later are not", () => {
    assert.match(refused(good.chain, good.key, Date.now() + 31 * DAY), /^chain has ended on 20/);
    assert.equal(checkPair(good, Date.now() - 31 * DAY).ok, true);
  });

  it("that name no host, or are too weak, are refused", async () => {
    const nameless = await issued({ hosts: [] });
    assert.match(refused(nameless.chain, nameless.key), /^chain names no host/);
    const weak = await issued({ hosts: ["a.example"], keyOptions: ["-newkey", "rsa:1024"] });
    assert.match(refused(weak.chain, weak.key), /^key must be an ECDSA key, or an RSA key of 2048/);
  });

  it("that are no PEM at all are refused for what they are", () => {
    assert.match(refused("", good.key), /^chain has no certificate in PEM/);
    assert.match(refused(good.key, good.key), /^chain has no certificate in PEM/);
    const broken = good.leaf.replace(/[A-Za-z0-9]{20}\n/, "AAAA\n");
    assert.match(refused(broken, good.key), /^chain certificate 1 of it cannot be read/);
    assert.match(refused(good.chain, good.chain), /^key is no private key in PEM/);
    const encrypted =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    assert.match(refused(good.chain, encrypted), /^key is encrypted with a passphrase/);
    assert.match(refused(good.leaf.repeat(11), good.key), /has 11 certificates: at most 10/);
    assert.match(refused("x".repeat(65_537), good.key), /^chain is longer than 65536 bytes/);
  });

  it("have facts for people", () => {
    const facts = certificateFacts(good.chain);
    assert.match(facts?.fingerprint ?? "", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    assert.equal(facts?.issuer, "CN=middle");
    assert.equal(certificateFacts("nonsense"), undefined);
  });
});

it("RFC 9525 s.6.3: a wildcard stands for one whole label", () => {
  const hosts = ["shop.example", "*.shop.example"];
  for (const host of ["shop.example", "www.shop.example"]) assert.ok(coversHost(hosts, host), host);
  for (const host of ["a.b.shop.example", "example", "xshop.example"]) {
    assert.equal(coversHost(hosts, host), false, host);
  }
});

describe("a renewal", () => {
  const cert = { name: "www.shop.example", notBefore: 0, notAfter: 90 * DAY };

  it("comes due a little before two thirds of a life, differently for each name", () => {
    const times = ["a", "b", "c", "www.shop.example"].map((name) => renewalTime({ ...cert, name }));
    assert.equal(new Set(times).size, 4);
    for (const time of times) assert.ok(time > 57 * DAY - 1 && time <= 60 * DAY, `${time / DAY}`);
    assert.equal(renewalTime(cert), renewalTime(cert));
  });

  it("comes so long before the end as is wanted, but never in the first third of a life", () => {
    const wanted = renewalTime(cert, 10 * DAY);
    assert.ok(wanted > 77 * DAY && wanted <= 80 * DAY);
    const short = renewalTime({ ...cert, notAfter: 6 * DAY }, 10 * DAY);
    assert.ok(short > 1.8 * DAY && short <= 2 * DAY);
  });
});
