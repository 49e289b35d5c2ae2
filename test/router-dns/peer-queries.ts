import { TYPE } from "../../router-dns/wire/codes.ts";
import {
  formatName,
  NAME_BYTES_MAX,
  type Name,
  nameKey,
  parentName,
  parseName,
} from "../../router-dns/wire/name.ts";
import { Seeded } from "../fuzz/seeded.ts";
import { zoneOf } from "./dns-world.ts";
import { PEER_ZONES } from "./peer-zones.ts";

/** A question and how it is put. */
export interface PeerQuery {
  readonly name: Name;
  readonly type: number;
  /** Left out of the packet if undefined. */
  readonly edns: { readonly udpBytes: number; readonly isDnssecOk: boolean } | undefined;
  readonly flags: number;
  readonly transport: "udp" | "tcp";
}

/** Types that zones have, that only a zone above a cut has, that nobody has, and ANY. */
const TYPES: readonly [number, ...number[]] = [
  TYPE.A,
  TYPE.AAAA,
  TYPE.NS,
  TYPE.CNAME,
  TYPE.SOA,
  TYPE.MX,
  TYPE.TXT,
  TYPE.PTR,
  TYPE.SRV,
  TYPE.CAA,
  TYPE.DS,
  TYPE.ANY,
  TYPE.HINFO,
  TYPE.DNAME,
  TYPE.DNSKEY,
  TYPE.HTTPS,
  TYPE.SVCB,
  TYPE.NAPTR,
  TYPE.TLSA,
  46, // RRSIG
  47, // NSEC
  1000,
  65_280,
];

const UDP_BYTES: readonly [number, ...number[]] = [0, 100, 512, 600, 1232, 1400, 4096, 65_535];

const RD = 0x0100;
const AD = 0x0020;
const CD = 0x0010;

/** Questions about names at, below, beside and above every node, as a seed picks them (P). */
export function peerQueries(seed: number, count: number): readonly PeerQuery[] {
  const random = new Seeded(seed);
  const [first = new Uint8Array(1), ...rest] = interestingNames();
  return Array.from({ length: count }, () => {
    const edns = { udpBytes: random.pick(UDP_BYTES), isDnssecOk: random.below(2) === 0 };
    return {
      name: otherCase(random.pick([first, ...rest]), random),
      type: random.pick(TYPES),
      edns: random.below(3) === 0 ? undefined : edns,
      flags: random.pick([0, 0, RD, AD, CD, RD | AD | CD]),
      transport: random.below(5) === 0 ? "tcp" : "udp",
    };
  });
}

/** Every node of the zones, and the names around each: once each. */
function interestingNames(): readonly Name[] {
  const names = new Map<string, Name>();
  const add = (name: Name | undefined) => name && names.set(nameKey(name), name);
  for (const { text } of PEER_ZONES) {
    for (const { owner } of zoneOf(text).nodes.values()) {
      add(owner);
      for (const prefix of ["x", "*", "x.y", "www", "*.x", "x.*"]) add(below(prefix, owner));
      const parent = parentName(owner);
      add(parent);
      if (parent !== undefined) add(below("beside", parent));
    }
  }
  for (const text of ["www.example.", "xpeer.test.", "PEER.test.x.", "."]) add(parsed(text));
  return [...names.values()];
}

function below(prefix: string, owner: Name): Name | undefined {
  const name = parseName(prefix, owner);
  return name.ok && name.value.length <= NAME_BYTES_MAX ? name.value : undefined;
}

function parsed(text: string): Name | undefined {
  const name = parseName(text);
  return name.ok ? name.value : undefined;
}

/** Sometimes the name in letters of mixed case, as resolvers with 0x20 ask. */
function otherCase(name: Name, random: Seeded): Name {
  if (random.below(2) === 0) return name;
  return name.map((octet) => {
    const isLetter = octet >= 0x61 && octet <= 0x7a;
    return isLetter && random.below(2) === 0 ? octet - 0x20 : octet;
  });
}

/** The question in words, for failures. */
export function describeQuery({ name, type, edns, flags, transport }: PeerQuery): string {
  const options = edns === undefined ? "no EDNS" : JSON.stringify(edns);
  return `${formatName(name)} type ${type}, ${transport}, flags ${flags.toString(16)}, ${options}`;
}

/** The packet, its id still 0. */
export function encodeQuery({ name, type, edns, flags }: PeerQuery): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(1, 4);
  const tail = Buffer.from([type >> 8, type & 0xff, 0, 1]);
  if (edns === undefined) return Buffer.concat([head, name, tail]);
  head.writeUInt16BE(1, 10);
  const opt = Buffer.from([0, 0, 41, 0, 0, 0, 0, edns.isDnssecOk ? 0x80 : 0, 0, 0, 0]);
  opt.writeUInt16BE(edns.udpBytes, 3);
  return Buffer.concat([head, name, tail, opt]);
}
