import type { IpPrefix } from "../../../common/ip.ts";

/** What a record is made of. Whole numbers become uint32, others doubles. */
export type Field = string | number | { readonly [key: string]: Field };

/** A database to write, and what to get wrong. */
export interface MmdbPlan {
  readonly ipVersion: 4 | 6;
  readonly recordSize?: 24 | 28 | 32;
  readonly type: string;
  readonly entries: readonly { readonly prefix: IpPrefix; readonly record: Field }[];
  /** Prefixes of the IPv6 tree that lead to the IPv4 part, as GeoIP2 files have them. */
  readonly aliases?: readonly IpPrefix[];
  /** The fields of the metadata have the types that libmaxminddb insists on. */
  readonly isForLibraries?: boolean;
  /** Every empty half leads back to the root. */
  readonly isEndless?: boolean;
}

const BUILD_EPOCH = 1_780_000_000;

interface Node {
  halves: [Node | Buffer | undefined, Node | Buffer | undefined];
}

/** Writes a MaxMind DB file, version 2.0, with IPv4 prefixes at `::/96` of an IPv6 tree. */
export function writeMmdb(plan: MmdbPlan): Buffer {
  const root: Node = { halves: [undefined, undefined] };
  const place = ({ bytes, length }: IpPrefix): IpPrefix =>
    plan.ipVersion === 6 && bytes.length === 4
      ? { bytes: Buffer.concat([Buffer.alloc(12), bytes]), length: length + 96 }
      : { bytes, length };
  for (const { prefix, record } of plan.entries) put(root, place(prefix), encodeField(record));
  const ipv4 = find(root, 96);
  for (const alias of plan.aliases ?? []) if (ipv4 !== undefined) put(root, alias, ipv4);
  const { nodes, numbers } = numberNodes(root);
  const { data, offsets } = joinRecords(nodes);
  const recordSize = plan.recordSize ?? 24;
  const value = (half: Node | Buffer | undefined): number => {
    if (half === undefined) return plan.isEndless === true ? 0 : nodes.length;
    if (Buffer.isBuffer(half)) return nodes.length + 16 + (offsets.get(half) ?? 0);
    return numbers.get(half) ?? 0;
  };
  const tree = nodes.map(({ halves }) => writeNode(value(halves[0]), value(halves[1]), recordSize));
  const metadata =
    plan.isForLibraries === true
      ? strictMetadata(plan, nodes.length)
      : encodeField({
          binary_format_major_version: 2,
          binary_format_minor_version: 0,
          build_epoch: BUILD_EPOCH,
          database_type: plan.type,
          ip_version: plan.ipVersion,
          node_count: nodes.length,
          record_size: recordSize,
        });
  const marker = Buffer.from("abcdef4d61784d696e642e636f6d", "hex");
  return Buffer.concat([...tree, Buffer.alloc(16), data, marker, metadata]);
}

function put(root: Node, { bytes, length }: IpPrefix, leaf: Node | Buffer): void {
  let node = root;
  for (let depth = 0; depth < length; depth += 1) {
    const bit = ((bytes[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1;
    if (depth === length - 1) {
      node.halves[bit] = leaf;
      return;
    }
    const half = node.halves[bit];
    const next: Node =
      half === undefined || Buffer.isBuffer(half) ? { halves: [undefined, undefined] } : half;
    node.halves[bit] = next;
    node = next;
  }
}

function find(root: Node, zeros: number): Node | undefined {
  let node: Node | Buffer | undefined = root;
  for (let depth = 0; depth < zeros; depth += 1) {
    if (node === undefined || Buffer.isBuffer(node)) return undefined;
    node = node.halves[0];
  }
  return Buffer.isBuffer(node) ? undefined : node;
}

function numberNodes(root: Node) {
  const numbers = new Map<Node, number>();
  const visit = (node: Node): void => {
    if (numbers.has(node)) return;
    numbers.set(node, numbers.size);
    for (const half of node.halves) {
      if (half !== undefined && !Buffer.isBuffer(half)) visit(half);
    }
  };
  visit(root);
  return { nodes: [...numbers.keys()], numbers };
}

function joinRecords(nodes: readonly Node[]) {
  const offsets = new Map<Buffer, number>();
  const records: Buffer[] = [];
  let length = 0;
  for (const half of nodes.flatMap((node) => node.halves)) {
    if (!Buffer.isBuffer(half) || offsets.has(half)) continue;
    offsets.set(half, length);
    records.push(half);
    length += half.length;
  }
  return { data: Buffer.concat(records), offsets };
}

function writeNode(left: number, right: number, recordSize: 24 | 28 | 32): Buffer {
  const node = Buffer.alloc(recordSize / 4);
  if (recordSize === 32) {
    node.writeUInt32BE(left, 0);
    node.writeUInt32BE(right, 4);
    return node;
  }
  node.writeUIntBE(left & 0xffffff, 0, 3);
  node.writeUIntBE(right & 0xffffff, recordSize === 24 ? 3 : 4, 3);
  if (recordSize === 28) node[3] = ((left >>> 24) << 4) | (right >>> 24);
  return node;
}

/** Writes a field as it stands in a file; data types: 2 text, 3 double, 6 uint32, 7 map. */
export function encodeField(field: Field): Buffer {
  if (typeof field === "string") {
    const text = Buffer.from(field);
    return Buffer.concat([control(2, text.length), text]);
  }
  if (typeof field === "number") {
    const bytes = Buffer.alloc(Number.isInteger(field) ? 4 : 8);
    if (Number.isInteger(field)) bytes.writeUInt32BE(field);
    else bytes.writeDoubleBE(field);
    return Buffer.concat([control(Number.isInteger(field) ? 6 : 3, bytes.length), bytes]);
  }
  const pairs = Object.entries(field);
  const parts = pairs.flatMap(([key, value]) => [encodeField(key), encodeField(value)]);
  return Buffer.concat([control(7, pairs.length), ...parts]);
}

/** libmaxminddb wants each field of the metadata in the type that the specification gives it. */
function strictMetadata({ type, ipVersion, recordSize = 24 }: MmdbPlan, nodeCount: number): Buffer {
  const pairs = Object.entries({
    binary_format_major_version: encodeNumber(5, 2),
    binary_format_minor_version: encodeNumber(5, 0),
    build_epoch: encodeNumber(9, BUILD_EPOCH),
    database_type: encodeField(type),
    description: encodeField({ en: "made for tests" }),
    ip_version: encodeNumber(5, ipVersion),
    languages: Buffer.concat([control(11, 1), encodeField("en")]),
    node_count: encodeField(nodeCount),
    record_size: encodeNumber(5, recordSize),
  });
  const parts = pairs.flatMap(([key, value]) => [encodeField(key), value]);
  return Buffer.concat([control(7, pairs.length), ...parts]);
}

/** A number of up to 32 bits; data types: 5 uint16, 9 uint64. */
function encodeNumber(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  const used = bytes.subarray(Math.clz32(value) >> 3);
  return Buffer.concat([control(type, used.length), used]);
}

/** Types beyond 7 have an octet of their own. */
function control(type: number, size: number): Buffer {
  const head = type > 7 ? 0 : type << 5;
  const extended = type > 7 ? [type - 7] : [];
  return size < 29
    ? Buffer.of(head | size, ...extended)
    : Buffer.of(head | 29, ...extended, size - 29);
}
