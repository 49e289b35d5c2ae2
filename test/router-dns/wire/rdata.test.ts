import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as dns from "dns-packet";
import { parseName } from "../../../router-dns/wire/name.ts";
import {
  addressRdata,
  caaRdata,
  mxRdata,
  nameRdata,
  type Rdata,
  rdataBytesMax,
  soaRdata,
  srvRdata,
  txtRdata,
} from "../../../router-dns/wire/rdata.ts";
import { ipBytes } from "../dns-world.ts";

function nameOf(text: string): Uint8Array {
  const name = parseName(text);
  assert.ok(name.ok);
  return name.value;
}

/** What another library encodes as data of one record: a message of one, without all before it. */
function encodedByOthers(record: object): Buffer {
  const answer = { name: ".", ttl: 0, class: "IN", ...record } as dns.Answer;
  return dns.encode({ answers: [answer] }).subarray(12 + 11);
}

const CASES: readonly (readonly [title: string, ours: Rdata, record: object])[] = [
  ["RFC 1035 s.3.4.1: A", addressRdata(ipBytes("192.0.2.1")), { type: "A", data: "192.0.2.1" }],
  [
    "RFC 3596 s.2.2: AAAA",
    addressRdata(ipBytes("2001:db8::1")),
    { type: "AAAA", data: "2001:db8::1" },
  ],
  ["RFC 1035 s.3.3.11: NS", nameRdata(nameOf("ns.test")), { type: "NS", data: "ns.test" }],
  [
    "RFC 1035 s.3.3.9: MX",
    mxRdata(258, nameOf("mx.test")),
    { type: "MX", data: { preference: 258, exchange: "mx.test" } },
  ],
  [
    "RFC 1035 s.3.3.13: SOA",
    soaRdata({
      primary: nameOf("ns.test"),
      hostmaster: nameOf("h.test"),
      serial: 4_294_967_295,
      refreshSeconds: 0x01020304,
      retrySeconds: 5,
      expireSeconds: 2_147_483_648,
      minimumSeconds: 7,
    }),
    {
      type: "SOA",
      data: {
        mname: "ns.test",
        rname: "h.test",
        serial: 4_294_967_295,
        refresh: 0x01020304,
        retry: 5,
        expire: 2_147_483_648,
        minimum: 7,
      },
    },
  ],
  [
    "RFC 1035 s.3.3.14: TXT",
    txtRdata([Buffer.from("one"), Buffer.from(""), Buffer.alloc(255, 0x78)]),
    { type: "TXT", data: ["one", "", "x".repeat(255)] },
  ],
  [
    "RFC 2782: SRV",
    srvRdata({ priority: 1, weight: 515, port: 5060, target: nameOf("sip.test") }),
    { type: "SRV", data: { priority: 1, weight: 515, port: 5060, target: "sip.test" } },
  ],
  [
    "RFC 8659 s.4.1: CAA",
    caaRdata({ flags: 128, tag: "issue", value: Buffer.from("ca.test; policy=ev") }),
    {
      type: "CAA",
      data: { flags: 128, tag: "issue", value: "ca.test; policy=ev", issuerCritical: true },
    },
  ],
];

describe("record data against another encoder", () => {
  for (const [title, ours, record] of CASES) {
    it(title, () => {
      const whole = Buffer.concat([ours.prefix, ...ours.names, ours.suffix]);
      assert.equal(whole.toString("hex"), encodedByOthers(record).toString("hex"));
      assert.equal(rdataBytesMax(ours), whole.length);
    });
  }
});
