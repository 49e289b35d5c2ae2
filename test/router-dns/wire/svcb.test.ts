import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { httpsService, serviceRdata } from "../../../router-dns/wire/svcb.ts";
import { findRrset } from "../../../router-dns/zone/zone.ts";
import { ipBytes, keyOf, zoneOf } from "../dns-world.ts";

/** The data that a zone file makes of an HTTPS record. */
function written(text: string): string {
  const head = "$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
  const node = zoneOf(`${head}@ HTTPS ${text}\n`).nodes.get(keyOf("x.test"));
  const [rdata] = findRrset(node, TYPE.HTTPS)?.rdatas ?? [];
  return Buffer.from(rdata?.prefix ?? []).toString("hex");
}

describe("HTTPS records that are made for a client", () => {
  const cases: readonly (readonly [string, string, Parameters<typeof httpsService>[0]])[] = [
    [
      "all of it",
      "1 . alpn=h2,http/1.1 port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1",
      { alpn: ["h2", "http/1.1"], port: 8443, hasHints: true },
    ],
    [
      "RFC 9460 s.9.1.1: clients speak HTTP/1.1 unless told not to",
      "1 . alpn=h2 no-default-alpn ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1",
      { alpn: ["h2"], port: 443, hasHints: true },
    ],
    [
      "without hints",
      "1 . alpn=h3,h2,http/1.1",
      { alpn: ["h3", "h2", "http/1.1"], port: 443, hasHints: false },
    ],
  ];
  for (const [title, text, fields] of cases) {
    it(title, () => {
      const v4 = ["192.0.2.1", "192.0.2.2"].map(ipBytes);
      const rdata = serviceRdata(httpsService(fields), v4, [ipBytes("2001:db8::1")]);
      assert.equal(Buffer.from(rdata).toString("hex"), written(text));
    });
  }

  it("a family without an address has no hint, for an empty one is malformed", () => {
    const service = httpsService({ alpn: ["http/1.1"], port: 443, hasHints: true });
    const v6 = Buffer.from(serviceRdata(service, [], [ipBytes("2001:db8::1")])).toString("hex");
    assert.equal(v6, written("1 . alpn=http/1.1 ipv6hint=2001:db8::1"));
    const none = Buffer.from(serviceRdata(service, [], [])).toString("hex");
    assert.equal(none, written("1 . alpn=http/1.1"));
  });
});
