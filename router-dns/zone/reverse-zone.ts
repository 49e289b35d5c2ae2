import { invariant } from "../../common/assert.ts";
import { type IpBytes, type IpPrefix, maskIp, parseIp, prefixContains } from "../../common/ip.ts";
import { TYPE } from "../wire/codes.ts";
import { type Name, parseName } from "../wire/name.ts";
import { nameRdata } from "../wire/rdata.ts";
import { type HostAddress, type Infrastructure, infrastructure } from "./cdn-zone.ts";
import { buildZone, groupByOwner, type Zone, type ZoneRecord } from "./zone.ts";

/** What the zones of addresses are made of. Names come from a checked configuration. */
export interface ReverseZoneOptions extends Omit<Infrastructure, "maxTtlSeconds"> {
  readonly prefixes: readonly IpPrefix[];
  /** Edges whose names are `<edge>.edge.<domain>`. */
  readonly edges: readonly HostAddress[];
  /** The longest TTL of a zone, by its name; undefined: there is none. */
  readonly maxTtlOf: (zone: string) => number | undefined;
}

/** The zone of some addresses. */
export interface ReverseZoneName {
  /** Without the final dot. */
  readonly name: string;
  readonly prefix: IpPrefix;
}

/** The parent delegates whole octets and half octets, of four and six. */
const LABEL_BITS = { 4: 8, 16: 4 } as const;

/** An IPv4 prefix that is longer has to be delegated label by label (RFC 2317). */
const CLASSFUL_BITS_MAX = 24;

/** Builds the zones of prefixes: PTR records of the edges, and names that do not exist (P). */
export function buildReverseZones(options: ReverseZoneOptions): readonly Zone[] {
  return options.prefixes.flatMap(reverseZoneNames).map((zone) => buildReverseZone(zone, options));
}

/**
 * The zones that hold the names of a prefix (P). RFC 1035 section 3.5, RFC 3596 section 2.5.
 *
 * A prefix that ends inside a label makes a zone of each longer one: `192.0.2.0/23` two. Less than
 * 256 IPv4 addresses make one zone beside the names of the parent, which has CNAMEs into it (RFC
 * 2317): `192.0.2.0/25` is `0-127.2.0.192.in-addr.arpa`. Its name has no slash, for file names.
 */
export function reverseZoneNames({ bytes, length }: IpPrefix): readonly ReverseZoneName[] {
  if (bytes.length === 4 && length > CLASSFUL_BITS_MAX && length < 32) {
    const first = bytes[3] ?? 0;
    const last = first + 2 ** (32 - length) - 1;
    const parent = nameOfBits(bytes, CLASSFUL_BITS_MAX);
    return [{ name: `${first}-${last}.${parent}`, prefix: { bytes, length } }];
  }
  const unit = bytes.length === 4 ? LABEL_BITS[4] : LABEL_BITS[16];
  const whole = Math.ceil(length / unit) * unit;
  return Array.from({ length: 2 ** (whole - length) }, (_, index) => {
    const own = withLowBits(bytes, whole, index);
    return { name: nameOfBits(own, whole), prefix: { bytes: own, length: whole } };
  });
}

/** The first `length` bits of an address as a name, `length` being whole labels. */
function nameOfBits(bytes: IpBytes, length: number): string {
  const [labels, top] =
    bytes.length === 4
      ? [[...bytes].map(String), "in-addr.arpa"]
      : [Buffer.from(bytes).toString("hex").split(""), "ip6.arpa"];
  const count = length / (bytes.length === 4 ? LABEL_BITS[4] : LABEL_BITS[16]);
  return [...labels.slice(0, count).reverse(), top].join(".");
}

/** A prefix whose last bits before `length` count up to `index`; they lie in one octet. */
function withLowBits(bytes: IpBytes, length: number, index: number): IpBytes {
  const own = maskIp(bytes, length);
  const last = Math.ceil(length / 8) - 1;
  const octet = own[last];
  if (octet !== undefined) own[last] = octet | (index << (8 * (last + 1) - length));
  return own;
}

function buildReverseZone({ name, prefix }: ReverseZoneName, options: ReverseZoneOptions): Zone {
  const maxTtlSeconds = options.maxTtlOf(name);
  const origin = mustParse(name);
  const { records, ttlSeconds } = infrastructure(
    { ...options, ...(maxTtlSeconds === undefined ? {} : { maxTtlSeconds }) },
    origin,
  );
  const pointers = options.edges.flatMap((edge): ZoneRecord[] => {
    const bytes = parseIp(edge.address);
    if (!bytes.ok || !prefixContains(prefix, bytes.value)) return [];
    const target = mustParse(`${edge.name}.edge.${options.domain}`);
    const owner = mustParse(pointerName(bytes.value, name));
    return [{ owner, type: TYPE.PTR, ttlSeconds, rdata: nameRdata(target) }];
  });
  return buildZone({ origin, records: groupByOwner([...records, ...pointers]) });
}

/** Where the PTR record of an address stands in the zone that has it. */
function pointerName(bytes: IpBytes, zone: string): string {
  const whole = nameOfBits(bytes, bytes.length * 8);
  const isInTree = whole === zone || whole.endsWith(`.${zone}`);
  return isInTree ? whole : `${bytes[3] ?? 0}.${zone}`;
}

function mustParse(text: string): Name {
  const name = parseName(`${text}.`);
  invariant(name.ok, "names of addresses and edges are short enough");
  return name.value;
}
