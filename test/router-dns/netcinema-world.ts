import assert from "node:assert/strict";
import type { Snapshot } from "../../router-dns/pipeline.ts";
import { buildCdnZone, type CdnZoneOptions } from "../../router-dns/zone/cdn-zone.ts";
import type { Zone } from "../../router-dns/zone/zone.ts";
import { FixedSteering, snapshotOf, zoneOf } from "./dns-world.ts";

/** A customer's zone with one of everything. */
export const CUSTOMER = zoneOf(`
$ORIGIN netcinema.test.
$TTL 300
@      IN SOA ns1 hostmaster 7 3600 900 604800 60
       IN NS ns1
ns1    IN A 192.0.2.1
       IN AAAA 2001:db8::1
video  IN CNAME netcinema.kingcdn.test.
alias  IN CNAME www
www    IN A 192.0.2.80
       IN TXT "hello" "world"
gone   IN CNAME nowhere
away   IN CNAME www.example.com.
loop-a IN CNAME loop-b
loop-b IN CNAME loop-a
self   IN CNAME self
mail   IN MX 10 mx.mail
mx.mail IN A 192.0.2.25
_sip._tcp IN SRV 1 2 5060 www
@      IN CAA 0 issue "ca.test"
*.wild IN TXT "any"
*.wild IN MX 5 www
deep.a.b IN PTR www
sub    IN NS ns.sub
sub    IN NS ns.other
ns.sub IN A 192.0.2.53
other  IN NS ns.other
ns.other IN A 192.0.2.54
to-sub IN CNAME x.sub
c0     IN CNAME c1
c1     IN CNAME c2
c2     IN CNAME c3
c3     IN CNAME c4
c4     IN CNAME c5
c5     IN CNAME c6
c6     IN CNAME c7
c7     IN CNAME c8
c8     IN CNAME c9
c9     IN CNAME www
`);

/** What negative answers of that zone carry. */
export const SOA =
  "netcinema.test 60 SOA ns1.netcinema.test hostmaster.netcinema.test 7 3600 900 604800 60";

/** What negative answers of the CDN zone carry. */
export const CDN_SOA =
  "kingcdn.test 60 SOA ns1.kingcdn.test hostmaster.kingcdn.test 9 7200 900 1209600 60";

/** The zone of the CDN domain: one site, one edge. */
export function cdnZone(
  options: Partial<Pick<CdnZoneOptions, "anyNameSite" | "domain" | "services">> = {},
): Zone {
  const zone = buildCdnZone({
    domain: "kingcdn.test",
    nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
    ttlSeconds: 20,
    serial: 9,
    sites: ["netcinema"],
    edges: [{ name: "syd-1", address: "127.0.10.1" }],
    ...options,
  });
  assert.ok(zone.ok);
  return zone.value;
}

/** A server for both zones. */
export function cdnWorld(
  steering = new FixedSteering({ addresses: ["127.0.10.1", "127.0.10.2"] }),
): Snapshot {
  return snapshotOf([CUSTOMER, cdnZone()], steering);
}
