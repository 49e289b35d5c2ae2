import assert from "node:assert/strict";
import { test } from "node:test";
import { tooLongTtl } from "../../../router-dns/data/zones.ts";
import { zoneOf } from "../dns-world.ts";

const HEAD = "$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

test("the longest TTL of a signed zone holds for records and for aliases", () => {
  const zone = zoneOf(`${HEAD}www 300 A 192.0.2.2\n@ 600 ALIAS ns\n`);
  assert.equal(tooLongTtl(zone, undefined), undefined);
  assert.equal(tooLongTtl(zone, 600), undefined);
  assert.match(tooLongTtl(zone, 599) ?? "", /^the TTL 600 \(ALIAS of x\.test\.\) .* 599 s$/);
  assert.match(tooLongTtl(zone, 299) ?? "", /^the TTL 300 \(A of www\.x\.test\.\)/);
});
