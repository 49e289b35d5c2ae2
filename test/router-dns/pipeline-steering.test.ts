import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, FixedSteering, ipBytes, type Seen, snapshotOf } from "./dns-world.ts";
import { CDN_SOA, CUSTOMER, cdnWorld, cdnZone } from "./netcinema-world.ts";

describe("steering", () => {
  const ECS = 8;

  /** The client subnet of the answer as hexadecimal, or undefined. */
  function echoed({ opt }: Seen): string | undefined {
    const option = opt?.options.find(({ code }) => code === ECS) as { data: Buffer } | undefined;
    return option?.data.toString("hex");
  }

  const cases: readonly {
    readonly title: string;
    readonly option?: string;
    readonly name?: string;
    readonly peer?: string;
    readonly client?: string;
    readonly source?: string;
    readonly echo?: string;
    readonly scope?: number;
  }[] = [
    {
      title: "RFC 7871 s.7.2.1: the client subnet is whom the answer is for",
      option: "0001 18 00 815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "00011810815e00",
    },
    {
      title: "RFC 7871 s.6: a source that ends inside an octet",
      option: "0001 14 00 815e10",
      client: "129.94.16.0/20",
      source: "ecs",
      echo: "00011410815e10",
    },
    {
      title: "RFC 7871 s.7.2.1: the scope may be longer than the source",
      option: "0001 08 00 81",
      client: "129.0.0.0/8",
      source: "ecs",
      echo: "0001081881",
      scope: 24,
    },
    {
      title: "RFC 7871 s.6: IPv6",
      option: "0002 38 00 20010db8000001",
      client: "2001:db8:0:100::/56",
      source: "ecs",
      echo: "0002381020010db8000001",
    },
    {
      title: "RFC 7871 s.6: IPv4 inside IPv6 is IPv4, and its scope counts from the front",
      option: "0002 78 00 00000000000000000000ffff815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "0002787000000000000000000000ffff815e00",
    },
    {
      title: "RFC 7871 s.6: a scope that is too long for the family is cut",
      option: "0001 18 00 815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "00011820815e00",
      scope: 99,
    },
    {
      title: "RFC 7871 s.7.1.2: length 0 is steered by the resolver's address, scope 0",
      option: "0001 00 00",
      client: "198.51.100.1/32",
      source: "resolver",
      echo: "00010000",
    },
    {
      title: "RFC 7871 s.7.1.2: length 0 without a family",
      option: "0000 00 00",
      client: "198.51.100.1/32",
      source: "resolver",
      echo: "00000000",
    },
    {
      title: "RFC 7871 s.6: an unknown family is as if the option were not there",
      option: "0003 18 00 815e00",
      client: "198.51.100.1/32",
      source: "resolver",
    },
    {
      title: "RFC 7871 s.7.2.1: without the option, the resolver's address, and no echo",
      peer: "2001:db8::7",
      client: "2001:db8::7/128",
      source: "resolver",
    },
    {
      title: "RFC 7871 s.7.2.1: a static answer has scope 0",
      name: "syd-1.edge.kingcdn.test",
      option: "0001 18 00 815e00",
      echo: "00011800815e00",
    },
    {
      title: "RFC 7871 s.7.4: a name that does not exist has scope 0",
      name: "nope.kingcdn.test",
      option: "0001 18 00 815e00",
      echo: "00011800815e00",
    },
    {
      title: "RFC 7871 s.7.2.1: a chain to a steered name has the scope of its end",
      name: "video.netcinema.test",
      option: "0001 18 00 815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "00011810815e00",
    },
  ];
  for (const { title, option, name = "netcinema.kingcdn.test", ...expected } of cases) {
    it(title, () => {
      const scopePrefixLength = expected.scope ?? 16;
      const steering = new FixedSteering({ addresses: ["127.0.10.1"], scopePrefixLength });
      const options = option === undefined ? [] : [[ECS, option] as const];
      const peer = expected.peer ?? "198.51.100.1";
      const seen = ask(cdnWorld(steering), { name, options, peer });
      const [asked] = steering.asked;
      if (expected.client === undefined) {
        assert.equal(asked, undefined);
        assert.equal(seen.outcome.steered, undefined);
      } else {
        const [address = "", length] = expected.client.split("/");
        const client = {
          bytes: ipBytes(address),
          prefixLength: Number(length),
          source: expected.source,
        };
        assert.deepEqual(asked, { site: "netcinema", client, family: 4 });
        assert.equal(seen.outcome.steered?.site, "netcinema");
        assert.equal(seen.outcome.steered?.answer.pop, "syd");
      }
      assert.equal(echoed(seen), expected.echo);
    });
  }

  it("RFC 1035 s.3.4.1: AAAA asks for the other family", () => {
    const steering = new FixedSteering({ addresses: ["2001:db8::a"] });
    const seen = ask(cdnWorld(steering), { name: "netcinema.kingcdn.test", type: "AAAA" });
    assert.deepEqual(seen.answer, ["netcinema.kingcdn.test 20 AAAA 2001:db8::a"]);
    assert.equal(steering.asked[0]?.family, 6);
  });

  it("more addresses than fit are TC", () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `127.0.10.${i}`);
    const snapshot = cdnWorld(new FixedSteering({ addresses }));
    const seen = ask(snapshot, { name: "netcinema.kingcdn.test" });
    assert.equal(seen.flags, "aa tc");
    assert.deepEqual(seen.answer, []);
    assert.equal(ask(snapshot, { name: "video.netcinema.test" }).flags, "aa tc");
  });

  it("RFC 8914 s.4.1: steering that throws is SERVFAIL for one query, and reported", () => {
    const failure = new Error("map is gone");
    for (const thrown of [failure, undefined]) {
      const steering = {
        steer: () => {
          throw thrown;
        },
      };
      const snapshot = snapshotOf([cdnZone(), CUSTOMER], steering);
      const seen = ask(snapshot, {
        name: "video.netcinema.test",
        options: [[8, "00011800815e00"]],
      });
      assert.equal(seen.rcode, "SERVFAIL");
      assert.equal(seen.flags, "");
      assert.deepEqual(seen.answer, []);
      assert.equal(echoed(seen), "00011800815e00");
      if (thrown === undefined) assert.ok(seen.outcome.failure instanceof Error);
      else assert.equal(seen.outcome.failure, failure);
    }
  });

  it("quick mode: any name below the domain, one label or more, but not what has data", () => {
    const steering = new FixedSteering({ addresses: ["127.0.10.1"] });
    const snapshot = snapshotOf([cdnZone({ anyNameSite: "any" })], steering);
    for (const name of ["x.kingcdn.test", "a.b.c.kingcdn.test"]) {
      assert.deepEqual(ask(snapshot, { name }).answer, [`${name} 20 A 127.0.10.1`]);
    }
    assert.deepEqual(
      steering.asked.map(({ site }) => site),
      ["any", "any"],
    );
    assert.deepEqual(ask(snapshot, { name: "ns1.kingcdn.test" }).answer, [
      "ns1.kingcdn.test 3600 A 127.0.0.1",
    ]);
    assert.equal(ask(snapshot, { name: "x.edge.kingcdn.test" }).rcode, "NXDOMAIN");
    assert.deepEqual(ask(snapshot, { name: "kingcdn.test" }).authority, [CDN_SOA]);
  });
});
