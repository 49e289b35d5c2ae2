import type { KnotZone } from "../support/knot.ts";

const L63 = "l".repeat(63);

/** An owner of exactly 255 octets: three labels of 63 and one of 51 before `peer.test`. */
export const LONGEST_NAME = `${"m".repeat(51)}.${L63}.${L63}.${L63}.peer.test.`;

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** A zone with every kind of node that the two servers can hold. */
const PARENT = `$ORIGIN peer.test.
$TTL 300
@         3600 IN SOA ns1 hostmaster 2026010101 7200 900 1209600 60
@         IN NS ns1
@         IN NS Ns2.Out.Example.
@         IN MX 10 mail
@         IN MX 20 mx.out.example.
@         IN TXT "apex"
@         IN CAA 0 issue "ca.test"
ns1       IN A 192.0.2.1
ns1       IN AAAA 2001:db8::1
mail      IN A 192.0.2.25
www       IN A 192.0.2.80
www       IN A 192.0.2.81
www       IN AAAA 2001:db8::80
www       60 IN TXT "hello" "world" ""
MixedCase.Name IN A 192.0.2.82
mixed     IN CNAME MixedCase.NAME
_sip._tcp IN SRV 1 2 5060 WWW
ptr       IN PTR Host.Example.
esc\\.aped IN TXT "a dot in a label"
sp\\032ace IN A 192.0.2.83
high\\255  IN A 192.0.2.84
a.b.ent   IN A 192.0.2.85
x.c.d.e.ent IN TXT "deep"
generic   IN TYPE65280 \\# 5 0102030405
generic   IN TYPE65281 \\# 0
; other types
svc       IN HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
svc       IN HTTPS 0 www
svc       IN SVCB 16 Target.Example. mandatory=port,alpn alpn=h2 port=53 key667="x\\210y"
naptr     IN NAPTR 100 50 "u" "E2U+sip" "!^.*$!sip:i@peer.test!" .
naptr     IN NAPTR 100 51 "s" "SIP+D2U" "" _sip._udp
keys      IN SSHFP 4 2 ${"ab".repeat(32)}
keys      IN TLSA 3 1 1 ${"cd".repeat(32)}
keys      IN SMIMEA 3 0 0 0a0b
keys      IN OPENPGPKEY AQIDBA==
keys      IN HINFO "VAX" "VMS 5"
keys      IN URI 10 1 "http://peer.test/"
; names that live elsewhere
old       IN DNAME New.peer.test.
old       IN TXT "the owner of a DNAME is not moved"
new       IN A 192.0.2.95
www.new   IN A 192.0.2.96
*.w.new   IN A 192.0.2.97
to-old    IN CNAME www.old
gone      IN DNAME nowhere.peer.test.
far-off   IN DNAME Out.Example.
circle    IN DNAME sub.circle2
circle2   IN DNAME circle
; wildcards
*.wild    IN A 192.0.2.90
*.wild    IN TXT "wild"
host.wild IN A 192.0.2.91
sub.host.wild IN TXT "below a name beside a wildcard"
b.ent.wild IN A 192.0.2.92
below.*.wild IN TXT "below the asterisk itself"
*.*.twice IN A 192.0.2.93
*.cwild   IN CNAME www
*.gwild   IN CNAME nowhere
*.loopwild IN CNAME x.loopwild
*.mwild   IN MX 5 mail
cut.wild  IN NS ns.cut.wild
ns.cut.wild IN A 192.0.2.94
; delegations
glued     IN NS ns1.glued
glued     IN NS ns2.glued
ns1.glued IN A 192.0.2.53
ns1.glued IN AAAA 2001:db8::53
ns2.glued IN A 192.0.2.54
bare      IN NS ns.out.example.
bare      IN NS ns2.out.example.
glued     IN DS 12345 13 2 ${"ab".repeat(32)}
sibling   IN NS ns1.glued
sibling   IN NS ns.bare-too
bare-too  IN NS ns.bare-too
ns.bare-too IN AAAA 2001:db8::55
far.away  IN NS ns1
child     IN NS ns.child
child     IN DS 54321 13 2 ${"cd".repeat(32)}
ns.child  IN A 192.0.2.60
d.e.e.p   IN NS ns.d.e.e.p
ns.d.e.e.p IN A 192.0.2.61
; chains
c0 IN CNAME c1
c1 IN CNAME c2
c2 IN CNAME c3
c3 IN CNAME www
to-ent    IN CNAME b.ent
to-nx     IN CNAME nx.nowhere
to-out    IN CNAME www.Out.Example.
to-cut    IN CNAME www.glued
to-cut-itself IN CNAME bare
to-wild   IN CNAME some.wild
to-apex   IN CNAME @
to-child  IN CNAME www.child
loop-a    IN CNAME loop-b
loop-b    IN CNAME loop-a
self      IN CNAME self
${numbers(14)
  .map((i) => `n${i} IN CNAME n${i + 1}`)
  .join("\n")}
n14 IN A 192.0.2.99
; sizes
${numbers(40)
  .map((i) => `many IN A 198.51.100.${i}`)
  .join("\n")}
${numbers(12)
  .map((i) => `large IN TXT "${String(i).padStart(3, "0").repeat(60)}"`)
  .join("\n")}
to-large IN CNAME large
${numbers(30)
  .map((i) => `crowd IN NS ns${i}.crowd\nns${i}.crowd IN A 203.0.113.${i}`)
  .join("\n")}
${LONGEST_NAME} IN TXT "as long as names get"
*.${L63}.${L63}.peer.test. IN CNAME ${"t".repeat(40)}.${L63}.peer.test.
`;

/** A zone below the first one, on the same server. */
const CHILD = `$ORIGIN child.peer.test.
$TTL 120
@    IN SOA ns hostmaster.peer.test. 7 7200 900 1209600 1800
@    IN NS ns
ns   IN A 192.0.2.60
www  IN A 192.0.2.61
up   IN CNAME www.peer.test.
down IN NS ns.down
ns.down IN A 192.0.2.62
`;

/** A zone without anything but its head, whose names have one label. */
const TOP = `$ORIGIN topzone.
$TTL 86400
@ IN SOA a.nic hostmaster.nic 1 1800 900 604800 86400
@ IN NS a.nic
a.nic IN A 192.0.2.70
peer IN NS ns1.peer.test.
`;

/** What both servers serve. */
export const PEER_ZONES: readonly KnotZone[] = [
  { name: "peer.test.", text: PARENT },
  { name: "child.peer.test.", text: CHILD },
  { name: "topzone.", text: TOP },
];
