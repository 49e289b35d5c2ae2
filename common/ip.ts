import { fail, ok, type Result } from "./result.ts";

/**
 * An address as its bytes in network order: 4 for IPv4, 16 for IPv6. IPv4 inside IPv6
 * (`::ffff:a.b.c.d`) is unmapped on the way in, so that a family is what the length says.
 */
export type IpBytes = Uint8Array;

/** An address prefix: the bytes beyond `length` bits are zero. */
export interface IpPrefix {
  readonly bytes: IpBytes;
  /** Number of leading bits that count: 0 to 32, or 0 to 128. */
  readonly length: number;
}

/** What only this machine can send from: 127.0.0.0/8 and ::1. */
export const LOOPBACK_PREFIXES: readonly IpPrefix[] = [
  { bytes: Uint8Array.of(127, 0, 0, 0), length: 8 },
  { bytes: Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0)), length: 128 },
];

/** Reads an IPv4 or IPv6 address in any RFC 4291 text form (P). Zone identifiers are refused. */
export function parseIp(text: string): Result<IpBytes, string> {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes === undefined ? fail(`"${text}" is not an IP address`) : ok(unmapIpv4(bytes));
}

/** Writes an address: dotted quad, or RFC 5952 for IPv6 (P). */
export function formatIp(bytes: IpBytes): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  const gap = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (gap.length < 2) return hex(groups);
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.start + gap.length))}`;
}

/** Reads `192.0.2.0/24` or `2001:db8::/32` (P). Bits beyond the length must be zero. */
export function parsePrefix(text: string): Result<IpPrefix, string> {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = parseIp(match?.[1] ?? "");
  const length = Number(match?.[2]);
  if (!address.ok || length > address.value.length * 8) {
    return fail(`"${text}" is not an address prefix (like 192.0.2.0/24 or 2001:db8::/32)`);
  }
  const masked = maskIp(address.value, length);
  if (!equalIp(masked, address.value)) {
    return fail(
      `"${text}" has bits set beyond its length; did you mean ${formatIp(masked)}/${length}?`,
    );
  }
  return ok({ bytes: masked, length });
}

/** Writes a prefix as `address/length` (P). */
export function formatPrefix(prefix: IpPrefix): string {
  return `${formatIp(prefix.bytes)}/${prefix.length}`;
}

/** Copies an address with every bit beyond `length` cleared (P). */
export function maskIp(bytes: IpBytes, length: number): IpBytes {
  const masked = new Uint8Array(bytes.length);
  const whole = length >> 3;
  masked.set(bytes.subarray(0, whole));
  const rest = length & 7;
  if (rest > 0) masked[whole] = (bytes[whole] ?? 0) & (0xff << (8 - rest)) & 0xff;
  return masked;
}

/** True if `address` lies inside `prefix`; false across families (P). Allocates nothing. */
export function prefixContains(prefix: IpPrefix, address: IpBytes): boolean {
  if (prefix.bytes.length !== address.length) return false;
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i += 1) if (prefix.bytes[i] !== address[i]) return false;
  const rest = prefix.length & 7;
  if (rest === 0) return true;
  return (((address[whole] ?? 0) ^ (prefix.bytes[whole] ?? 0)) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** True if both addresses have the same family and bytes (P). */
export function equalIp(left: IpBytes, right: IpBytes): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** True if the text is an address that only this machine can reach: 127.0.0.0/8 or ::1 (P). */
export function isLoopback(text: string): boolean {
  const address = parseIp(text);
  if (!address.ok) return false;
  return address.value.length === 4 ? address.value[0] === 127 : formatIp(address.value) === "::1";
}

/** Turns `::ffff:a.b.c.d` into its four bytes and leaves everything else as it is (P). */
export function unmapIpv4(bytes: IpBytes): IpBytes {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return bytes;
  for (let i = 0; i < 10; i += 1) if (bytes[i] !== 0) return bytes;
  return bytes.slice(12);
}

function parseIpv4(text: string): IpBytes | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[index] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): IpBytes | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "", true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return Uint8Array.from([...head, ...Array.from({ length: missing }, () => 0), ...tail]);
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (mayEndInIpv4 && index === groups.length - 1 && group.includes(".")) {
      const tail = parseIpv4(group);
      if (tail === undefined) return undefined;
      bytes.push(...tail);
      continue;
    }
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 0xff);
  }
  return bytes;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i += 1) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
