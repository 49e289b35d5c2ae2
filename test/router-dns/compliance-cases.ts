import { parseName } from "../../router-dns/wire/name.ts";
import { words } from "./dns-world.ts";

/** A packet, and what must come back. Everything that is left out is as in `PLAIN`. */
export interface ComplianceCase {
  readonly title: string;
  readonly packet: Buffer;
  readonly rcode?: number;
  /** The second word of the header without QR and the response code. */
  readonly flags?: number;
  /** Records in question, answer, authority and additional section. */
  readonly counts?: readonly [number, number, number, number];
  /** The OPT record in hexadecimal, spaces left out; undefined: there is none. */
  readonly opt?: string;
}

const AA = 0x0400;
const RD = 0x0100;
const CD = 0x0010;

const FORMERR = 1;
const NOTIMP = 4;
const REFUSED = 5;
const BADVERS = 16;

/** What the SOA of the zone gets without EDNS. */
export const PLAIN = { rcode: 0, flags: AA, counts: [1, 1, 0, 0] } as const;

/** Root, OPT, 1232 octets, NOERROR, version 0, no flags. */
const HEAD = "00002904d00000";
const OPT = `${HEAD}00000000`;
const EMPTY = [1, 0, 0, 1] as const;
const ANSWER = [1, 1, 0, 1] as const;

function question(text: string, type = 6, rrclass = 1): Buffer {
  const name = parseName(text);
  return Buffer.concat([name.ok ? name.value : Buffer.alloc(0), words(type, rrclass)]);
}

const SOA = question("netcinema.test.");

function query(flags: number, body: Buffer = SOA, counts = [1, 0, 0, 0]): Buffer {
  return Buffer.concat([words(0, flags, ...counts), body]);
}

/** A query with an OPT record: extended code, version, flags, and options in hexadecimal. */
function edns(
  { code = 0, version = 0, flags = 0, size = 1232, header = 0 }: Record<string, number> = {},
  options = "",
  body: Buffer = SOA,
): Buffer {
  const rdata = Buffer.from(options.replaceAll(" ", ""), "hex");
  const fields = words(41, size, (code << 8) | version, flags, rdata.length);
  return query(header, Buffer.concat([body, Buffer.from([0]), fields, rdata]), [1, 0, 0, 1]);
}

const formerr = { rcode: FORMERR, flags: 0 };
const headerOnly = { counts: [0, 0, 0, 0] as const };
const brokenOptions = { ...formerr, counts: EMPTY, opt: OPT };
const badVersion = { rcode: BADVERS, flags: 0, counts: EMPTY };
const ede = (code: string) => `${HEAD}00000006000f0002${code}`;

const HEADERS: readonly ComplianceCase[] = [
  { title: "RFC 8906 s.8.1.1: a plain query", packet: query(0) },
  { title: "RFC 1035 s.4.1.1: RD is copied, RA stays clear", packet: query(RD), flags: AA | RD },
  { title: "RFC 4035 s.3.1.6: CD is copied", packet: query(CD), flags: AA | CD },
  { title: "RFC 8906 s.8.1.3.2: AD is not copied", packet: query(0x0020) },
  { title: "RFC 8906 s.8.1.3.3: the last Z bit is clear", packet: query(0x0040) },
  { title: "RFC 1035 s.4.1.1: RA, TC and AA of a query mean nothing", packet: query(0x0680) },
  {
    title: "RFC 8906 s.8.1.2: an unknown type is NODATA",
    packet: query(0, question("netcinema.test.", 1000)),
    counts: [1, 0, 1, 0],
  },
  {
    title: "RFC 1035 s.3.2.4: class CH",
    packet: query(0, question("version.bind.", 16, 3)),
    rcode: REFUSED,
    flags: 0,
    counts: [1, 0, 0, 0],
  },
  {
    title: "RFC 8914 s.4.21: a name of others, with EDNS",
    packet: edns({}, "", question("www.example.com.", 1)),
    rcode: REFUSED,
    flags: 0,
    counts: EMPTY,
    opt: ede("0014"),
  },
  {
    title: "no question",
    packet: query(0, Buffer.alloc(0), [0, 0, 0, 0]),
    ...formerr,
    ...headerOnly,
  },
  {
    title: "RFC 9619 s.4: two questions",
    packet: query(0, Buffer.concat([SOA, SOA]), [2, 0, 0, 0]),
    ...formerr,
    ...headerOnly,
  },
  {
    title: "a question that is promised and missing",
    packet: query(0, Buffer.alloc(0)),
    ...formerr,
    ...headerOnly,
  },
  {
    title: "a compression loop as question",
    packet: query(0, Buffer.from([0xc0, 12, 0, 6, 0, 1])),
    ...formerr,
    ...headerOnly,
  },
  {
    title: "octets behind the message",
    packet: Buffer.concat([query(0), Buffer.from([0])]),
    ...formerr,
    counts: [1, 0, 0, 0],
  },
];

const OPCODES: readonly ComplianceCase[] = Array.from({ length: 15 }, (_, i) => i + 1).flatMap(
  (opcode) => {
    const flags = opcode << 11;
    return [
      {
        title: `RFC 8906 s.8.1.4: opcode ${opcode} without a question`,
        packet: query(flags, Buffer.alloc(0), [0, 0, 0, 0]),
        rcode: NOTIMP,
        flags,
        ...headerOnly,
      },
      {
        title: `RFC 8906 s.8.1.4: opcode ${opcode} with EDNS`,
        packet: edns({ header: flags }),
        rcode: NOTIMP,
        flags,
        counts: EMPTY,
        opt: ede("0015"),
      },
    ];
  },
);

const EDNS: readonly ComplianceCase[] = [
  { title: "RFC 8906 s.8.2.1: version 0", packet: edns(), counts: ANSWER, opt: OPT },
  { title: "RFC 6891 s.6.2.3: size 0 is 512", packet: edns({ size: 0 }), counts: ANSWER, opt: OPT },
  {
    title: "RFC 6891 s.6.1.3: an extended code in a query means nothing",
    packet: edns({ code: 255 }),
    counts: ANSWER,
    opt: OPT,
  },
  { title: "RFC 8906 s.8.2.2: version 1", packet: edns({ version: 1 }), ...badVersion, opt: bad() },
  { title: "version 255", packet: edns({ version: 255 }), ...badVersion, opt: bad() },
  {
    title: "RFC 8906 s.8.2.5: version 1 with a flag",
    packet: edns({ version: 1, flags: 0x40 }),
    ...badVersion,
    opt: bad(),
  },
  {
    title: "RFC 8906 s.8.2.6: version 1 with an option",
    packet: edns({ version: 1 }, "0064 0001 ff"),
    ...badVersion,
    opt: bad(),
  },
  {
    title: "RFC 8906 s.8.2.3: an unknown option is not echoed",
    packet: edns({}, "0064 0000 fde9 0003 010203"),
    counts: ANSWER,
    opt: OPT,
  },
  {
    title: "options that we do not have: expire and chain, NSID if there is none, padding in clear",
    packet: edns({}, "0003 0000 000c 0004 00000000 0009 0000 000d 0001 00"),
    counts: ANSWER,
    opt: OPT,
  },
  {
    title: "RFC 8906 s.8.2.4: unknown flags are clear",
    packet: edns({ flags: 0x7fff }),
    counts: ANSWER,
    opt: OPT,
  },
  {
    title: "RFC 3225 s.3: DO is copied, alone",
    packet: edns({ flags: 0xffff }),
    counts: ANSWER,
    opt: `${HEAD}80000000`,
  },
  ...[
    ["no octets", ""],
    ["5 octets", "0102030405"],
    ["7 octets", "01020304050607"],
    ["a server cookie that is too short", "010203040506070809"],
    ["a server cookie that is too long", "00".repeat(41)],
  ].map(([what, cookie = ""]) => ({
    title: `RFC 7873 s.5.2.2: a cookie of ${what}`,
    packet: edns({}, `000a${hexWord(cookie.length / 2)}${cookie}`),
    ...brokenOptions,
  })),
  ...["00", "000a", "000a00", "000a000501", "ffffffff"].map((options) => ({
    title: `RFC 6891 s.6.1.2: options that end in the middle: ${options}`,
    packet: edns({}, options),
    ...brokenOptions,
  })),
];

const SUBNETS: readonly ComplianceCase[] = [
  ...[
    ["a /24", "0001 18 00 c00002", "000118 00 c00002"],
    ["a /32", "0001 20 00 c0000201", "000120 00 c0000201"],
    ["a /0", "0001 00 00", "00010000"],
    ["a /0 of no family", "0000 00 00", "00000000"],
    ["an IPv6 /56", "0002 38 00 20010db8000000", "00023800 20010db8000000"],
    ["an IPv6 /128", "0002 80 00 20010db8000000000000000000000001", undefined],
    ["an IPv6 /0", "0002 00 00", "00020000"],
  ].map(([what, sent = "", back = sent]) => ({
    title: `RFC 7871 s.7.2.1: ${what} comes back, scope 0 for a name that is the same for all`,
    packet: edns({}, option(sent)),
    counts: ANSWER,
    opt: `${HEAD}0000${option(back, true)}`,
  })),
  ...[
    ["too many address octets", "0001 18 00 c0000205"],
    ["too few address octets", "0001 18 00 c000"],
    ["bits behind the prefix", "0001 17 00 c00003"],
    ["a scope in a query", "0001 18 18 c00002"],
    ["an IPv4 prefix of 33 bits", "0001 21 00 c000020100"],
    ["an IPv6 prefix of 129 bits", "0002 81 00 20010db800000000000000000000000100"],
    ["no family with a prefix", "0000 08 00 0a"],
    ["three octets", "0001 18"],
  ].map(([what, sent = ""]) => ({
    title: `RFC 7871 s.6: ${what}`,
    packet: edns({}, option(sent)),
    ...brokenOptions,
  })),
  {
    title: "RFC 7871 s.6: two subnets",
    packet: edns({}, option("0001 18 00 c00002").repeat(2)),
    ...brokenOptions,
  },
];

function option(text: string, isWithRdataLength = false): string {
  const data = text.replaceAll(" ", "");
  const whole = `0008${hexWord(data.length / 2)}${data}`;
  return isWithRdataLength ? hexWord(whole.length / 2) + whole : whole;
}

function hexWord(value: number): string {
  return value.toString(16).padStart(4, "0");
}

/** OPT of a BADVERS answer: the upper bits of the code are 1. */
function bad(): string {
  return "00002904d0010000000000";
}

/** The probes of RFC 8906 section 8 and more of their kind. */
export const COMPLIANCE_CASES = [...HEADERS, ...OPCODES, ...EDNS, ...SUBNETS];
