import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatProblem } from "../../../common/file-problem.ts";
import { TYPE, typeName } from "../../../router-dns/wire/codes.ts";
import { formatName } from "../../../router-dns/wire/name.ts";
import { findRrset, type Zone } from "../../../router-dns/zone/zone.ts";
import { PROBLEMS_MAX, parseZoneFile } from "../../../router-dns/zone/zone-file.ts";
import { keyOf, zoneOf } from "../dns-world.ts";

const HEAD = `$ORIGIN x.test.
$TTL 60
@ SOA ns h 1 2 3 4 5
@ NS ns
ns A 192.0.2.1
`;

const HEAD_LINES = HEAD.split("\n").length - 1;

/**
 * RRsets of a zone as `name ttl type data` with data in hexadecimal; of the names in `HEAD`, none.
 */
function listing(zone: Zone): readonly string[] {
  const lines: string[] = [];
  for (const [key, node] of zone.nodes) {
    if (key === zone.key || key === keyOf("ns.x.test")) continue;
    for (const { type, ttlSeconds, rdatas } of node.rrsets) {
      const data = rdatas.map(({ prefix, names, suffix }) =>
        [
          Buffer.from(prefix).toString("hex"),
          ...names.map(formatName),
          Buffer.from(suffix).toString("hex"),
        ]
          .filter((part) => part !== "")
          .join(" "),
      );
      lines.push(`${formatName(node.owner)} ${ttlSeconds} ${typeName(type)} ${data.join(", ")}`);
    }
  }
  return lines;
}

/** What lines behind `HEAD` make. */
const READ: readonly (readonly [title: string, text: string, ...lines: string[]])[] = [
  ["RFC 1035 s.5.1: relative names get the origin", "a A 192.0.2.1", "a.x.test. 60 A c0000201"],
  ["RFC 1035 s.5.1: absolute names do not", "a.x.test. A 192.0.2.1", "a.x.test. 60 A c0000201"],
  ["RFC 4343 s.4.1: case is kept", "MiXed A 192.0.2.1", "MiXed.x.test. 60 A c0000201"],
  ["RFC 1035 s.5.1: TTL before class", "a 5 IN A 192.0.2.1", "a.x.test. 5 A c0000201"],
  ["RFC 1035 s.5.1: class before TTL", "a IN 5 A 192.0.2.1", "a.x.test. 5 A c0000201"],
  ["RFC 1035 s.5.1: words in any case", "a in 5 a 192.0.2.1", "a.x.test. 5 A c0000201"],
  ["times with units", "a 1w2d3h4m5s A 192.0.2.1", "a.x.test. 788645 A c0000201"],
  ["RFC 2181 s.8: the largest TTL", "a 2147483647 A 192.0.2.1", "a.x.test. 2147483647 A c0000201"],
  [
    "RFC 2308 s.4: $TTL counts from where it stands",
    "$TTL 1h\na A 192.0.2.1",
    "a.x.test. 3600 A c0000201",
  ],
  [
    "RFC 1035 s.5.1: $ORIGIN may be relative",
    "$ORIGIN sub\na A 192.0.2.1",
    "a.sub.x.test. 60 A c0000201",
  ],
  [
    "RFC 1035 s.5.1: a blank owner is the last one",
    "a A 192.0.2.1\n\tAAAA ::1",
    "a.x.test. 60 A c0000201",
    `a.x.test. 60 AAAA ${"0".repeat(31)}1`,
  ],
  [
    "RFC 1035 s.5.1: empty lines and comments between",
    "a A 192.0.2.1 ; one\n\n  ; two\n A 192.0.2.2",
    "a.x.test. 60 A c0000201, c0000202",
  ],
  [
    "RFC 1035 s.5.1: parentheses join lines",
    "a MX ( 10 ; first\n\n  m ) ; end",
    "a.x.test. 60 MX 000a m.x.test.",
  ],
  [
    "Windows line ends",
    "a A 192.0.2.1\r\nb A 192.0.2.2\r",
    "a.x.test. 60 A c0000201",
    "b.x.test. 60 A c0000202",
  ],
  [
    "RFC 1035 s.5.1: quoted strings keep spaces and semicolons",
    'a TXT "x; (y)" "" z',
    "a.x.test. 60 TXT 06783b2028792900017a",
  ],
  [
    "RFC 1035 s.5.1: escapes in strings",
    'a TXT "\\"\\\\\\065" \\;',
    "a.x.test. 60 TXT 03225c41013b",
  ],
  ["text beyond ASCII is UTF-8", 'a TXT "ü€😀"', "a.x.test. 60 TXT 09c3bce282acf09f9880"],
  ["RFC 1035 s.5.1: @ in data is the origin", "a CNAME @", "a.x.test. 60 CNAME x.test."],
  ["RFC 1035 s.3.3.12: PTR", "1 PTR host", "1.x.test. 60 PTR host.x.test."],
  ["RFC 2782: SRV", "_s._tcp SRV 1 2 3 @", "_s._tcp.x.test. 60 SRV 0001000200030178047465737400"],
  [
    "RFC 8659 s.4.1: CAA",
    "a CAA 128 Issue ca.test",
    "a.x.test. 60 CAA 8005497373756563612e74657374",
  ],
  [
    "RFC 4034 s.5.3: DS at a delegation, its digest in pieces",
    "a NS n.\na DS 258 13 2 AB cd",
    "a.x.test. 60 NS n.",
    "a.x.test. 60 DS 01020d02abcd",
  ],
  [
    "RFC 7344 s.3: CDS, and the one that takes a DS back (RFC 8078 s.4)",
    "@ CDS 258 13 2 abcd\nb CDS 0 0 0 00",
    "b.x.test. 60 CDS 0000000000",
  ],
  [
    "RFC 4034 s.2.2: a DNSKEY, its key in pieces",
    "a DNSKEY 257 3 13 AQI DBA==",
    "a.x.test. 60 DNSKEY 0101030d01020304",
  ],
  ["RFC 8078 s.4: the empty CDNSKEY", "a CDNSKEY 0 3 0 AA==", "a.x.test. 60 CDNSKEY 0000030000"],
  [
    "RFC 6672 s.2.1: DNAME, also at the top",
    "a DNAME b",
    "a.x.test. 60 DNAME 01620178047465737400",
  ],
  ["RFC 1035 s.3.3.2: HINFO", 'a HINFO VAX "VMS 5"', "a.x.test. 60 HINFO 0356415805564d532035"],
  [
    "RFC 3403 s.4.1: NAPTR with a regular expression",
    'a NAPTR 100 50 "u" "E2U+sip" "!^.*$!sip:i@x.test!" .',
    "a.x.test. 60 NAPTR 00640032017507" +
      Buffer.from("E2U+sip").toString("hex") +
      "13" +
      Buffer.from("!^.*$!sip:i@x.test!").toString("hex") +
      "00",
  ],
  [
    "RFC 3403 s.4.1: NAPTR with a replacement, never compressed",
    'a NAPTR 1 2 s SIP+D2U "" b',
    "a.x.test. 60 NAPTR 000100020173075349502b4432550001620178047465737400",
  ],
  ["RFC 4255 s.3.2: SSHFP", "a SSHFP 4 2 AB cd", "a.x.test. 60 SSHFP 0402abcd"],
  ["RFC 6698 s.2.2: TLSA", "_443._tcp TLSA 3 1 1 00ff", "_443._tcp.x.test. 60 TLSA 03010100ff"],
  ["RFC 8162 s.2: SMIMEA", "a SMIMEA 3 0 0 0a", "a.x.test. 60 SMIMEA 0300000a"],
  ["RFC 7929 s.2.3: OPENPGPKEY", "a OPENPGPKEY AQ ==", "a.x.test. 60 OPENPGPKEY 01"],
  [
    "RFC 7553 s.4.5: URI",
    'a URI 10 1 "http://x.test/"',
    `a.x.test. 60 URI 000a0001${Buffer.from("http://x.test/").toString("hex")}`,
  ],
  [
    "RFC 9460 s.2.4.2: an alias",
    "@ HTTPS 0 www\na HTTPS 0 b",
    "a.x.test. 60 HTTPS 000001620178047465737400",
  ],
  ["RFC 9460 s.2.4.3: a service without parameters", "a SVCB 1 .", "a.x.test. 60 SVCB 000100"],
  [
    "RFC 9460 s.2.2: parameters are written in the order of their numbers",
    "a HTTPS 16 . port=53 alpn=h2,h3",
    "a.x.test. 60 HTTPS 00100000010006026832026833000300020035",
  ],
  [
    "RFC 9460 s.2.1: a value in quotes, and parameters without one",
    'a HTTPS 1 . alpn="h2" no-default-alpn ohttp',
    "a.x.test. 60 HTTPS 000100000100030268320002000000080000",
  ],
  [
    "RFC 9460 s.8: mandatory names parameters in the order of their numbers",
    "a SVCB 1 . mandatory=ipv4hint,alpn alpn=h2 ipv4hint=192.0.2.1,192.0.2.2",
    "a.x.test. 60 SVCB 00010000000004000100040001000302683200040008c0000201c0000202",
  ],
  [
    "RFC 9460 s.7.3, RFC 9461 s.5: addresses of six, a key for ECH, a path for DoH",
    'a SVCB 1 . ipv6hint=2001:db8::1 ech=AQID dohpath="/q{?dns}"',
    "a.x.test. 60 SVCB 000100000500030102030006001020010db8000000000000000000000001" +
      `00070008${Buffer.from("/q{?dns}").toString("hex")}`,
  ],
  [
    "RFC 9460 appendix D.2: a parameter by its number, with escapes of decimals",
    'a SVCB 1 foo key667="hello\\210qoo"',
    "a.x.test. 60 SVCB 000103666f6f0178047465737400029b000968656c6c6fd2716f6f",
  ],
  [
    "RFC 9460 appendix D.2: a comma and a backslash in a protocol name",
    'a SVCB 16 . alpn="f\\\\\\\\oo\\\\,bar,h2"\nb SVCB 16 . alpn=f\\\\\\\\oo\\\\,bar,h2',
    "a.x.test. 60 SVCB 0010000001000c08665c6f6f2c626172026832",
    "b.x.test. 60 SVCB 0010000001000c08665c6f6f2c626172026832",
  ],
  [
    "RFC 3597 s.5: a type by its number, its data in hexadecimal",
    "a TYPE65280 \\# 4 0A00 0001",
    "a.x.test. 60 TYPE65280 0a000001",
  ],
  ["RFC 3597 s.5: no data", "a TYPE65280 \\# 0", "a.x.test. 60 TYPE65280 "],
  ["RFC 3597 s.5: a number of a type with a name", "a TYPE1 192.0.2.1", "a.x.test. 60 A c0000201"],
  ["RFC 4592 s.2.1.1: a wildcard is a name", "* A 192.0.2.1", "*.x.test. 60 A c0000201"],
  [
    "RFC 2181 s.5.2: different TTLs become the smallest",
    "a 9 A 192.0.2.1\na 8 A 192.0.2.2",
    "a.x.test. 8 A c0000201, c0000202",
  ],
  [
    "RFC 2181 s.5: the same record twice is one",
    "a A 192.0.2.1\na A 192.0.2.1",
    "a.x.test. 60 A c0000201",
  ],
  [
    "an owner may look like a type or a class",
    "a A 192.0.2.1\nIN A 192.0.2.2\nMX IN A 192.0.2.3",
    "a.x.test. 60 A c0000201",
    "IN.x.test. 60 A c0000202",
    "MX.x.test. 60 A c0000203",
  ],
];

const KNOWN_TYPES =
  "there are A, AAAA, NS, CNAME, DNAME, PTR, SOA, MX, TXT, SRV, CAA, DS, CDS, DNSKEY, CDNSKEY, " +
  "HINFO, NAPTR, SSHFP, TLSA, SMIMEA, OPENPGPKEY, URI, SVCB, HTTPS, ALIAS, and TYPE99 for type 99";

/** Data of SVCB records that is refused: title, data, problem. */
const SVCB_REFUSED: readonly (readonly [string, string, string])[] = [
  [
    "s.2.4.2 an alias with parameters",
    "0 b port=1",
    "1:12: an alias, whose priority is 0, has no parameters",
  ],
  ["s.2.1 a parameter twice", "1 . port=1 port=2", "1:19: port is given twice"],
  [
    "s.2.1 a parameter that is not known",
    "1 . prot=1",
    '1:12: "prot" is not a parameter: there are mandatory, alpn, no-default-alpn, port, ' +
      "ipv4hint, ech, ipv6hint, dohpath, ohttp, and key65000",
  ],
  [
    "s.2.1 a number with a zero in front",
    "1 . key01=1",
    '1:12: "key01" is not a parameter: there are mandatory, alpn, no-default-alpn, port, ' +
      "ipv4hint, ech, ipv6hint, dohpath, ohttp, and key65000",
  ],
  [
    "s.7.1.1 no-default-alpn alone",
    "1 . no-default-alpn",
    "1:12: no-default-alpn needs alpn, for else no protocol is left",
  ],
  [
    "s.7.1.1 no-default-alpn with a value",
    "1 . alpn=h2 no-default-alpn=1",
    "1:20: no-default-alpn has no value",
  ],
  ["s.7.1 alpn without a value", "1 . alpn", "1:12: alpn needs a value"],
  ["s.7.1 an empty protocol", "1 . alpn=h2,,h3", "1:12: alpn has an empty protocol"],
  [
    "s.7.1 a long protocol",
    `1 . alpn=${"p".repeat(256)}`,
    "1:12: alpn has a protocol of more than 255 octets",
  ],
  ["s.7.2 no port", "1 . port=65536", '1:12: "65536" is not a port from 0 to 65535'],
  ["s.7.3 no address", "1 . ipv4hint=192.0.2.1,x", '1:12: "x" is not an IPv4 address'],
  ["s.7.3 the other family", "1 . ipv6hint=192.0.2.1", '1:12: "192.0.2.1" is not an IPv6 address'],
  ["s.9 no base64", "1 . ech=?", "1:12: ech is not base64"],
  ["s.8 mandatory of itself", "1 . mandatory=mandatory", "1:12: mandatory does not name itself"],
  ["s.8 mandatory twice", "1 . port=1 mandatory=port,port", "1:19: mandatory names port twice"],
  [
    "s.8 mandatory of nothing known",
    "1 . mandatory=x",
    '1:12: mandatory names "x", which is not a parameter',
  ],
  [
    "s.8 mandatory of what is not there",
    "1 . mandatory=port",
    "1:12: mandatory names port, which is not given",
  ],
  [
    "s.2.1 a broken escape",
    "1 . key667=\\999",
    "1:12: a backslash is followed by three digits up to 255, or no digit",
  ],
];

/** What is wrong with lines behind `HEAD`: line within them, column, and words of the message. */
const REFUSED: readonly (readonly [title: string, text: string, ...problems: string[]])[] = [
  [
    "$INCLUDE",
    "$INCLUDE other.zone",
    "1:1: $INCLUDE is not supported: put the records into this file",
  ],
  [
    "another directive",
    "$GENERATE 1-3 a A 1",
    "1:1: $GENERATE is not known; there are $ORIGIN and $TTL",
  ],
  ["a directive with too much", "$TTL 5 6", '1:8: "6" is one field too many'],
  ["a directive with too little", "$ORIGIN", "1:1: the origin is missing"],
  [
    "a type that is not known",
    "a LOC 1",
    '1:3: "LOC" is not a record type that is served; ' + KNOWN_TYPES,
  ],
  ...["TYPE0", "TYPE24", "TYPE41", "TYPE46", "TYPE255", "TYPE65535", "TYPE70000"].map(
    (type): [string, string, string] => [
      `RFC 6895 s.3.1: ${type}, which is not data or has to be acted on`,
      `a ${type} \\# 0`,
      `1:3: "${type}" is not a record type that is served; ${KNOWN_TYPES}`,
    ],
  ),
  [
    "RFC 3597 s.5: data of a number in words",
    "a TYPE99 abc",
    "1:10: data of a type without a name is \\#, its length, and hexadecimal",
    "1:10: the length is missing",
  ],
  ["RFC 3597 s.5: another length", "a TYPE99 \\# 3 0001", "1:10: there are 2 octets, not 3"],
  [
    "RFC 3597 s.5: half an octet",
    "a TYPE99 \\# 1 000",
    "1:10: there are 0 octets, not 1",
    "1:15: the data is pairs of hexadecimal digits",
  ],
  [
    "RFC 4648 s.4: no base64",
    "a DNSKEY 0 3 13 A!",
    "1:17: the key is base64, with its = at the end",
  ],
  ["a NAPTR flag", 'a NAPTR 1 1 "-" "" "" .', "1:13: the flags of NAPTR are letters and digits"],
  [
    "RFC 3403 s.4.1: two ways at once",
    'a NAPTR 1 1 u "" "!x!y!" b',
    "1:13: NAPTR has a regular expression or a replacement, not both",
  ],
  ["a URI of nothing", 'a URI 1 1 ""', "1:11: the URI is empty"],
  ...SVCB_REFUSED.map(([title, params, problem]): [string, string, string] => [
    `RFC 9460: ${title}`,
    `a SVCB ${params}`,
    problem,
  ]),
  ["a record without type", "a 5 IN", "1:5: the type is missing"],
  ["a record without data", "a A", "1:3: an IPv4 address is missing"],
  ["a class that is not served", "a CH A 192.0.2.1", "1:3: only class IN is served, not CH"],
  ["a TTL that is no time", "a 5x A 192.0.2.1", '1:3: "5x" is not a TTL like 3600, 1h or 1d12h'],
  [
    "RFC 2181 s.8: a TTL of 2^31",
    "a 2147483648 A 192.0.2.1",
    '1:3: "2147483648" is not a TTL like 3600, 1h or 1d12h',
  ],
  ["two TTLs", "a 5 6 A 192.0.2.1", '1:5: "6" is not a record type that is served; ' + KNOWN_TYPES],
  ["a broken address", "a A 192.0.2", '1:5: "192.0.2" is not an IPv4 address'],
  ["an address of the other family", "a AAAA 192.0.2.1", '1:8: "192.0.2.1" is not an IPv6 address'],
  ["IPv4 inside IPv6", "a AAAA ::ffff:192.0.2.1", '1:8: "::ffff:192.0.2.1" is not an IPv6 address'],
  ["a field too many", "a A 192.0.2.1 192.0.2.2", '1:15: "192.0.2.2" is one field too many'],
  [
    "a number that is too large",
    "a MX 65536 m",
    '1:6: the preference is a number from 0 to 65535, not "65536"',
  ],
  ["a broken name", "a CNAME b..c", '1:9: "b..c" has an empty label'],
  [
    "a string of 256 octets",
    `a TXT ${"x".repeat(256)}`,
    "1:7: a text has 256 octets; the most is 255",
  ],
  [
    "a broken escape in a string",
    "a TXT \\256",
    "1:7: a backslash is followed by three digits up to 255, or no digit",
  ],
  ["TXT without text", "a TXT", "1:3: a text is missing"],
  [
    "a CAA tag with a hyphen",
    'a CAA 0 is-sue "x"',
    '1:9: "is-sue" is not a CAA tag such as issue, issuewild or iodef',
  ],
  ["CAA without anything", "a CAA", "1:3: the flag octet is missing"],
  [
    "a time in a SOA",
    "b SOA ns h 1 2 3 4 5z",
    '1:20: the negative TTL is a time like 3600, 1h or 1d12h, not "5z"',
  ],
  ["a mailbox with @", "b SOA ns h@x 1 2 3 4 5", '1:10: write the @ of "h@x" as a dot'],
  ["a string without end", 'a TXT "x', "1:7: this quoted string is not closed on its line"],
  ["a backslash at the end", "a TXT x\\", "1:8: a backslash needs a character behind it"],
  [
    "nested parentheses",
    "a TXT ( x ( y ) )",
    "1:11: parentheses cannot be nested",
    "1:17: this parenthesis was never opened",
  ],
  ["an open parenthesis", "a TXT ( x\nb TXT y", "1:7: this parenthesis is never closed"],
  [
    "a second SOA",
    "@ SOA ns h 1 2 3 4 6",
    "1:1: a zone has one SOA record, and there is one before",
  ],
  ["a name outside", "a.y.test. A 192.0.2.1", "1:1: a.y.test. is not in the zone"],
  [
    "RFC 1034 s.3.6.2: CNAME beside data",
    "a CNAME b\na A 192.0.2.1",
    "1:1: a.x.test. is a CNAME, so it cannot have A (line 7)",
  ],
  [
    "RFC 1034 s.3.6.2: two CNAMEs",
    "a CNAME b\na CNAME c\na CNAME b",
    "2:1: a.x.test. is a CNAME already (line 6)",
  ],
  [
    "RFC 1912 s.2.4: CNAME at the top",
    "@ CNAME a",
    "1:1: the top of a zone has SOA and NS records, so it cannot be a CNAME",
  ],
  [
    "RFC 6672 s.2.4: two DNAMEs",
    "a DNAME b\na DNAME c",
    "2:1: a name has one DNAME, and there is one on line 6",
  ],
  [
    "RFC 6672 s.2.4: something below a DNAME",
    "a DNAME b\nc.d.a TXT x",
    "2:1: nothing can be below the DNAME of a.x.test. (line 6)",
  ],
  [
    "RFC 6672 s.2.4: a DNAME at a delegation",
    "a NS n.\na DNAME b",
    "2:1: a name that is delegated has no DNAME",
  ],
  ["RFC 4592 s.4.4: a DNAME at a wildcard", "* DNAME b", "1:1: a wildcard cannot have a DNAME"],
  [
    "RFC 1034 s.3.6.2: CNAME beside DNAME",
    "a CNAME b\na DNAME c",
    "1:1: a.x.test. is a CNAME, so it cannot have DNAME (line 7)",
  ],
  [
    "RFC 1034 s.4.2.1: a delegation without glue",
    "sub NS ns.sub",
    "1:1: the NS record points at ns.sub.x.test., which has no address in this zone",
  ],
  [
    "a name server without address",
    "@ NS ns2",
    "1:1: the NS record points at ns2.x.test., which has no address in this zone",
  ],
  [
    "RFC 2181 s.10.3: NS at a CNAME",
    "@ NS c\nc CNAME ns",
    "1:1: the NS record points at c.x.test., which is a CNAME",
  ],
  [
    "RFC 4592 s.4.2: a wildcard delegation",
    "* NS ns.y.test.",
    "1:1: a wildcard cannot be delegated",
  ],
  [
    "an RRset larger than a message",
    Array.from({ length: 260 }, (_, i) => `a TXT ${String(i).padStart(250, "x")}`).join("\n"),
    "1:1: the TXT records here do not fit one message",
  ],
];

/** What may be served and is odd. */
const WARNED: readonly (readonly [title: string, text: string, ...warnings: string[]])[] = [
  [
    "RFC 2181 s.5.2: TTLs that differ",
    "a 9 A 192.0.2.1\na 8 A 192.0.2.2",
    "2:1: the A records of a.x.test. have different TTLs; the smallest is used for all",
  ],
  [
    "RFC 2181 s.5: the same record twice",
    "a CNAME B\nA CNAME b",
    "2:1: the same record is on line 6",
  ],
  [
    "RFC 1034 s.4.2.1: data at a delegation",
    "sub NS ns\nsub TXT x\nsub A 192.0.2.1",
    "2:1: the TXT record of sub.x.test. is never answered: the name is delegated",
  ],
  [
    "RFC 1034 s.4.2.1: data below a delegation",
    "sub NS ns\na.sub MX 1 @\na.sub NS ns\nns.sub A 192.0.2.1",
    "2:1: the MX record of a.sub.x.test. is never answered: the name is delegated",
    "3:1: the NS record of a.sub.x.test. is never answered: the name is delegated",
  ],
  [
    "RFC 2181 s.10.3: MX at a CNAME",
    "@ MX 1 c\nc CNAME ns",
    "1:1: the MX record points at c.x.test., which is a CNAME",
  ],
  ["nothing: glue that another delegation has", "sub NS ns.other\nother NS ns.y.test."],
];

/** Lines that count from the one behind `HEAD`. */
function relative(
  problems: readonly { line: number; column: number; message: string }[],
): string[] {
  return problems.map(({ line, column, message }) => `${line - HEAD_LINES}:${column}: ${message}`);
}

describe("zone files that can be served", () => {
  for (const [title, text, ...lines] of READ) {
    it(title, () => assert.deepEqual(listing(zoneOf(HEAD + text)), lines));
  }

  for (const [title, text, ...warnings] of WARNED) {
    it(`warns of ${title}`, () => {
      assert.deepEqual(relative(zoneOf(HEAD + text).warnings), warnings);
    });
  }
});

describe("zone files that cannot be served", () => {
  for (const [title, text, ...problems] of REFUSED) {
    it(`refuses ${title}`, () => {
      const zone = parseZoneFile(HEAD + text, "x.zone");
      assert.deepEqual(zone.ok ? [] : relative(zone.error), problems);
    });
  }

  it("says everything that is wrong at once, in the order of the file", () => {
    const zone = parseZoneFile("a A 1\n@ SOA\n  B\n$TTL x\n", "a/b.zone");
    assert.deepEqual(
      zone.ok ? [] : zone.error.map(formatProblem).map((text) => text.slice(0, 13)),
      [
        "a/b.zone:1:1:",
        "a/b.zone:1:1:",
        "a/b.zone:1:5:",
        "a/b.zone:2:1:",
        "a/b.zone:2:3:",
        "a/b.zone:3:3:",
        "a/b.zone:4:6:",
      ],
    );
  });

  it(`shows at most ${PROBLEMS_MAX} problems`, () => {
    const zone = parseZoneFile("a A 1\n".repeat(PROBLEMS_MAX), "x.zone");
    assert.equal(zone.ok ? 0 : zone.error.length, PROBLEMS_MAX);
  });

  const WHOLE: readonly (readonly [title: string, text: string, problem: string])[] = [
    ["an empty file", "", "x.zone:1:1: the zone has no SOA record"],
    ["no SOA", "a.test. 5 A 192.0.2.1", "x.zone:1:1: the zone has no SOA record"],
    [
      "no NS at the top",
      "a.test. 5 SOA ns.b. h.b. 1 2 3 4 5",
      "x.zone:1:1: a.test. has no NS record",
    ],
    [
      "a blank owner at the start",
      " 5 A 192.0.2.1\na. 5 SOA b. b. 1 2 3 4 5",
      "x.zone:1:2: there is no record before this whose owner could go on",
    ],
    [
      "a relative name before $ORIGIN",
      "a 5 SOA b. b. 1 2 3 4 5",
      'x.zone:1:1: "a" is relative; end it with a dot or write $ORIGIN first',
    ],
    [
      "no TTL",
      "a. SOA b. b. 1 2 3 4 5\na. NS b.",
      "x.zone:1:1: there is no TTL: write one here, or a $TTL line at the top",
    ],
  ];
  for (const [title, text, problem] of WHOLE) {
    it(`refuses ${title}`, () => {
      const zone = parseZoneFile(text, "x.zone");
      assert.equal(zone.ok ? "accepted" : zone.error.map(formatProblem)[0], problem);
    });
  }
});

describe("the name of the zone", () => {
  it("RFC 1035 s.5.1: without $TTL, a record without TTL has the last one that was said", () => {
    const zone = zoneOf("x.test. 7 SOA a. b. 1 2 3 4 5\n NS a.\nw.x.test. 9 A 192.0.2.1\n TXT t");
    assert.equal(findRrset(zone.nodes.get(zone.key), TYPE.NS)?.ttlSeconds, 7);
    assert.equal(findRrset(zone.nodes.get(keyOf("w.x.test")), TYPE.TXT)?.ttlSeconds, 9);
  });

  it("may be given instead of $ORIGIN", () => {
    const zone = parseZoneFile("@ 5 SOA ns.a. h 1 2 3 4 5\n NS ns.a.", "x.zone", {
      origin: "y.test",
    });
    assert.ok(zone.ok);
    assert.equal(formatName(zone.value.origin), "y.test.");
  });

  it("that is given must be that of the SOA", () => {
    const text = "a 5 SOA ns.a. h 1 2 3 4 5\n NS ns.a.";
    const zone = parseZoneFile(text, "x.zone", { origin: "y.test" });
    assert.deepEqual(zone.ok ? [] : zone.error.map(formatProblem), [
      "x.zone:1:1: the SOA belongs to the top of the zone",
    ]);
    assert.ok(!parseZoneFile(text, "x.zone", { origin: "y..test" }).ok);
  });

  it("RFC 1034 s.3.1: can be the root", () => {
    const zone = zoneOf(
      ". 5 SOA a. b. 1 2 3 4 5\n. NS a.\na. A 192.0.2.1\ntest. NS ns.test.\nns.test. A 192.0.2.2",
    );
    assert.equal(formatName(zone.origin), ".");
    assert.equal(zone.nodes.get(keyOf("ns.test"))?.cut?.key, keyOf("test"));
  });
});
