import { TYPE } from "../wire/codes.ts";
import { LABEL_BYTES_MAX, NAME_BYTES_MAX, type NameKey, parentKey } from "../wire/name.ts";
import { fixedRdata } from "../wire/rdata.ts";
import type { Rrset } from "../zone/zone.ts";
import { octetsOfKey } from "./canonical.ts";

/** Types that every name has in a signed zone: its NSEC record, and signatures. */
const ALWAYS = [TYPE.RRSIG, TYPE.NSEC];

/**
 * The types that the NSEC record of a name that does not exist claims for it (RFC 9824 section 2):
 * NXNAME tells it from a name that exists and has nothing.
 */
export const NO_SUCH_NAME: readonly number[] = [TYPE.NXNAME];

/**
 * The NSEC record that denies for one name all types but `types` (P). RFC 9824 section 3.
 *
 * It says that the name exists and that no other is between it and its successor. `ttlSeconds` is
 * that of negative answers (RFC 9077). Types may be in any order; RRSIG and NSEC are added.
 */
export function nsecRrset(
  owner: NameKey,
  apex: NameKey,
  types: readonly number[],
  ttlSeconds: number,
): Rrset {
  const next = octetsOfKey(successor(owner, apex));
  const rdata = Uint8Array.from([...next, ...typeBitmap([...types, ...ALWAYS])]);
  return { type: TYPE.NSEC, ttlSeconds, rdatas: [fixedRdata(rdata)] };
}

/**
 * The name directly behind another one in the canonical order of a zone (P). RFC 4471 section
 * 3.1.2; the last of all is followed by the apex.
 *
 * Example: `www.example.com` -> `\000.www.example.com`.
 */
export function successor(name: NameKey, apex: NameKey): NameKey {
  if (name.length + 2 <= NAME_BYTES_MAX) return `\u0001\u0000${name}`;
  for (let key: NameKey | undefined = name; key !== undefined && key !== apex; ) {
    const length = key.charCodeAt(0);
    const rest: NameKey = key.slice(1 + length);
    const label = labelAfter(key.slice(1, 1 + length), key.length);
    if (label !== undefined) return String.fromCharCode(label.length) + label + rest;
    key = parentKey(key);
  }
  return apex;
}

/** The label directly behind another one, if a name of `nameBytes` octets has room for it. */
function labelAfter(label: string, nameBytes: number): string | undefined {
  if (label.length < LABEL_BYTES_MAX && nameBytes < NAME_BYTES_MAX) return `${label}\u0000`;
  for (let end = label.length; end > 0; end -= 1) {
    const octet = label.charCodeAt(end - 1);
    if (octet === 0xff) continue;
    // Behind `@` come the upper-case letters, which count as lower-case ones.
    const next = octet === 0x40 ? 0x5b : octet + 1;
    return label.slice(0, end - 1) + String.fromCharCode(next);
  }
  return undefined;
}

/** The type bit maps of an NSEC record (P). RFC 4034 section 4.1.2: windows of 256 types. */
export function typeBitmap(types: readonly number[]): Uint8Array {
  const windows = Map.groupBy(
    types.toSorted((left, right) => left - right),
    (type) => type >> 8,
  );
  return Uint8Array.from(
    [...windows].flatMap(([window, members]) => {
      const bits = Array.from({ length: ((Math.max(...members) & 0xff) >> 3) + 1 }, () => 0);
      for (const type of members) {
        const low = type & 0xff;
        bits[low >> 3] = (bits[low >> 3] ?? 0) | (0x80 >> (low & 7));
      }
      return [window, bits.length, ...bits];
    }),
  );
}
