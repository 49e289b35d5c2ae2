import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseProbe, parseQuickEdge, quickConfig } from "../../../control/cli/quick-router.ts";

describe("an edge on the command line", () => {
  const read: readonly (readonly [string, object])[] = [
    [
      "syd=192.0.2.1@-33.87,151.21",
      { name: "syd", address: "192.0.2.1", location: [-33.87, 151.21] },
    ],
    ["fra=2001:db8::1@50,8", { name: "fra", address: "2001:db8::1", location: [50, 8] }],
  ];
  for (const [text, edge] of read) {
    it(`reads ${text}`, () => assert.deepEqual(parseQuickEdge(text), { ok: true, value: edge }));
  }
  for (const text of ["", "syd", "syd=192.0.2.1", "syd=192.0.2.1@1", "=192.0.2.1@1,2", "a=b@c,d"]) {
    it(`refuses "${text}"`, () => assert.equal(parseQuickEdge(text).ok, false));
  }
});

describe("a probe on the command line", () => {
  const read: readonly (readonly [string, object])[] = [
    ["none", { kind: "none" }],
    ["tcp:443", { kind: "tcp", port: 443 }],
    ["http:8080/healthz", { kind: "http", port: 8080, path: "/healthz", expect: [200] }],
    ["http:80/a?b=c", { kind: "http", port: 80, path: "/a?b=c", expect: [200] }],
  ];
  for (const [text, probe] of read) {
    it(`reads ${text}`, () => assert.deepEqual(parseProbe(text), { ok: true, value: probe }));
  }
  for (const text of ["", "http", "http:80", "tcp:0", "tcp:65536", "tcp:1/a", "icmp", "http:x/"]) {
    it(`refuses "${text}"`, () => assert.equal(parseProbe(text).ok, false));
  }
});

describe("the configuration of a quick router", () => {
  const edges = [{ name: "syd", address: "192.0.2.1", location: [-33.87, 151.21] }] as const;

  it("makes a PoP of each edge and a name server of itself", () => {
    const listen = [{ host: "192.0.2.53", port: 53 }];
    const config = quickConfig({ listen, zone: "KingCDN.test.", edges });
    assert.ok(config.ok);
    assert.equal(config.value.cdn.domain, "kingcdn.test");
    assert.equal(config.value.cdn.nameservers[0]?.address, "192.0.2.53");
    assert.deepEqual(config.value.router.listen, listen);
    assert.deepEqual(config.value.pops[0]?.location, [-33.87, 151.21]);
  });

  it("answers over TLS and HTTPS, and defends itself, as it is told", () => {
    const at = (port: number) => ({ host: "192.0.2.53", port });
    const config = quickConfig({
      listen: [at(53)],
      zone: "z.test",
      edges,
      service: {
        tlsCert: "a.pem",
        tlsKey: "a.key",
        dot: [at(853)],
        doh: [at(443)],
        nsid: "syd",
        rateLimit: "dry-run",
      },
    });
    assert.ok(config.ok);
    const { tls, doh, nsid, rateLimit } = config.value.router;
    assert.deepEqual(tls, { certificate: "a.pem", key: "a.key", listen: [at(853)] });
    assert.deepEqual(doh, { listen: [at(443)], path: "/dns-query" });
    assert.deepEqual([nsid, rateLimit.mode], ["syd", "dry-run"]);
  });

  it("never names 0.0.0.0 as a name server", () => {
    const config = quickConfig({ listen: [{ host: "0.0.0.0", port: 53 }], zone: "z.test", edges });
    assert.ok(config.ok);
    assert.equal(config.value.cdn.nameservers[0]?.address, "127.0.0.1");
  });

  it("says which option is wrong", () => {
    const listen = [{ host: "127.0.0.1", port: 53 }];
    const wrong = (quick: Partial<Parameters<typeof quickConfig>[0]>) => {
      const config = quickConfig({ listen, zone: "z.test", edges, ...quick });
      return config.ok ? "" : config.error;
    };
    assert.match(wrong({ zone: "test" }), /^--zone: /);
    assert.match(wrong({ service: { nsid: "\u00e9" } }), /^--nsid: must be printable ASCII/);
    assert.match(wrong({ edges: [{ ...edges[0], address: "here" }] }), /^--edge syd: .*here/);
    assert.match(wrong({ edges: [{ ...edges[0], location: [91, 0] }] }), /^--edge syd: /);
    assert.match(wrong({ edges: [edges[0], edges[0]] }), /^--edge syd: there are two/);
  });
});
