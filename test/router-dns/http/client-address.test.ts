import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatIp, parseIp, parsePrefix } from "../../../common/ip.ts";
import { clientAddress, type TrustedProxies } from "../../../router-dns/http/client-address.ts";

const TRUST = ["10.0.0.0/8", "2001:db8:aa::/48"].map((text) => {
  const prefix = parsePrefix(text);
  assert.ok(prefix.ok);
  return prefix.value;
});

function clientOf(
  peer: string,
  field: string | undefined,
  clientField: TrustedProxies["clientField"] = "X-Forwarded-For",
): string {
  const bytes = parseIp(peer);
  assert.ok(bytes.ok);
  return formatIp(clientAddress(bytes.value, field, { trust: TRUST, clientField }));
}

describe("who a client is behind proxies", () => {
  for (const [peer, field, expected, why] of [
    ["192.0.2.1", undefined, "192.0.2.1", "nobody says anything"],
    ["192.0.2.1", "203.0.113.9", "192.0.2.1", "who is not trusted may say what it likes"],
    ["10.0.0.1", undefined, "10.0.0.1", "a proxy that asks for itself"],
    ["10.0.0.1", "203.0.113.9", "203.0.113.9", "one proxy"],
    ["10.0.0.1", "203.0.113.9, 10.1.1.1 , 10.2.2.2", "203.0.113.9", "a chain of ours"],
    ["10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9", "what a client has put before it"],
    ["10.0.0.1", "10.3.3.3", "10.3.3.3", "all of them are ours: the first"],
    ["10.0.0.1", "203.0.113.9, unknown, 10.1.1.1", "10.1.1.1", "a gap ends what is known"],
    ["10.0.0.1", "", "10.0.0.1", "an empty field"],
    ["10.0.0.1", "203.0.113.9:4711", "203.0.113.9", "with a port"],
    ["10.0.0.1", "[2001:db8::7]:443", "2001:db8::7", "IPv6 with a port"],
    ["10.0.0.1", "2001:db8::7", "2001:db8::7", "IPv6 as it is"],
    ["10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9", "IPv4 inside IPv6"],
    ["2001:db8:aa::1", "203.0.113.9", "203.0.113.9", "a proxy with IPv6"],
  ] as const) {
    test(`X-Forwarded-For: ${why}`, () => assert.equal(clientOf(peer, field), expected));
  }

  for (const [field, expected, why] of [
    ["for=203.0.113.9", "203.0.113.9", "section 4"],
    ['For="[2001:db8::7]:4711";proto=http;by=10.0.0.1', "2001:db8::7", "section 6: quoted IPv6"],
    ["for=198.51.100.1, proto=http;for=203.0.113.9", "203.0.113.9", "section 7.1: the last one"],
    ["for=203.0.113.9, for=_hidden", "10.0.0.1", "section 6.3: an obfuscated name"],
    ['for="a,for=198.51.100.1";x, for=203.0.113.9', "203.0.113.9", "a comma between quotes"],
    ["proto=http", "10.0.0.1", "no word of the client"],
    ["xfor=203.0.113.9", "10.0.0.1", "another parameter"],
  ] as const) {
    test(`RFC 7239 ${why}: ${field}`, () => {
      assert.equal(clientOf("10.0.0.1", field, "Forwarded"), expected);
    });
  }
});
