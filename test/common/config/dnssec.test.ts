import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { signedZones } from "../../../common/config/dnssec.ts";
import { parseConfig } from "../../../common/config/load.ts";
import { formatProblem } from "../../../common/file-problem.ts";

const REST = `cdn: { domain: kingcdn.test, nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }] }
pops: [{ name: syd, location: [0, 0], edges: [{ name: syd-1, address: 127.0.0.2 }] }]
`;

function problems(dnssec: string, rest = REST): string {
  const config = parseConfig(`${rest}dnssec: ${dnssec}\n`, "cdn.yaml");
  return config.ok ? "" : config.error.map(formatProblem).join("\n");
}

describe("dnssec in a configuration", () => {
  it("a zone has what it says itself, and otherwise what holds for all", () => {
    const text =
      "{ keys: k, zskLifetime: 90d, zones: [{ name: KingCDN.test. }, { name: b, scheme: csk, zskLifetime: 0s }] }";
    const config = parseConfig(`${REST}dnssec: ${text}\n`, "cdn.yaml");
    assert.ok(config.ok && config.value.dnssec);
    const [a, b] = signedZones(config.value.dnssec);
    assert.equal(config.value.dnssec.rollover, "automatic");
    assert.deepEqual(
      [a?.name, a?.scheme, a?.zskLifetime],
      ["kingcdn.test", "ksk-zsk", 90 * 86_400_000],
    );
    assert.deepEqual([b?.name, b?.scheme, b?.zskLifetime], ["b", "csk", 0]);
    assert.equal(b?.dnskeyTtl, 3_600_000);
  });

  it("times that do not fit together are problems where they are written", () => {
    const cases: readonly (readonly [dnssec: string, message: RegExp])[] = [
      ["{ keys: k, zones: [] }", /dnssec\.zones/],
      ["{ keys: k, zones: [{ name: a }, { name: a }] }", /signed zone "a" is there already/],
      ["{ keys: k, zones: [{ name: 'a b' }] }", /must be the name of a zone/],
      [
        "{ keys: k, signatureLifetime: 3d, zones: [{ name: a }] }",
        /dnssec\.signatureLifetime: .*four times/,
      ],
      [
        "{ keys: k, zones: [{ name: a, zskLifetime: 1d }] }",
        /zones\[0\]\.zskLifetime: .*a rollover/,
      ],
      [
        "{ keys: k, zones: [{ name: a, kskLifetime: 2d }] }",
        /zones\[0\]\.kskLifetime: .*a rollover/,
      ],
      ["{ keys: k, propagation: 0s, zones: [{ name: a }] }", /dnssec\.propagation: .*at least 1s/],
      [
        "{ keys: k, maxTtl: 5s, zones: [{ name: kingcdn.test }] }",
        /dnssec\.maxTtl: is less than cdn\.ttl/,
      ],
      ["{ keys: k, zones: [{ name: a, algorithm: rsasha256 }] }", /algorithm/],
    ];
    for (const [dnssec, message] of cases) {
      const found = problems(dnssec);
      assert.match(found, message, dnssec);
      assert.match(found, /^cdn\.yaml:3:\d+: /, dnssec);
    }
  });

  it("what is wrong for all zones is said once", () => {
    const found = problems("{ keys: k, signatureLifetime: 3d, zones: [{ name: a }, { name: b }] }");
    assert.equal(found.split("\n").length, 1, found);
  });

  it("zones that come or go by transfer are signed too, but for the one with steered names", () => {
    const signed = "{ keys: k, zones: [{ name: a.test }] }";
    const from = `${REST}zones: [{ name: a.test, file: a, primaries: ["127.0.0.1:53"] }]\n`;
    assert.equal(problems(signed, from), "");
    const out = `${REST}zones: [{ file: a, transfer: { to: [127.0.0.0/8] } }]\n`;
    assert.equal(problems(signed, out), "");
    const own = REST.replace("cdn: {", "cdn: { transfer: { to: [127.0.0.0/8] },");
    assert.notEqual(own, REST);
    assert.match(problems("{ keys: k, zones: [{ name: kingcdn.test }] }", own), /steered names/);
  });
});
