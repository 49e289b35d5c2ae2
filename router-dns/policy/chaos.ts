import { type NameKey, nameKey, parseName } from "../wire/name.ts";

/** What a server says about itself to everybody who asks; nothing unless the operator wants it. */
export interface ServerIdentity {
  /** Which software this is: `version.bind` and `version.server`. */
  readonly version?: string | undefined;
  /** Which server this is: `id.server` (RFC 4892 section 3) and `hostname.bind`. */
  readonly id?: string | undefined;
}

/** Data of the TXT records of class CH, by name (P). Texts are 255 octets of ASCII at most. */
export function chaosRecords(identity: ServerIdentity): ReadonlyMap<NameKey, Uint8Array> {
  const { version, id } = identity;
  const texts: readonly (readonly [string, string | undefined])[] = [
    ["version.bind.", version],
    ["version.server.", version],
    ["id.server.", id],
    ["hostname.bind.", id],
  ];
  return new Map(
    texts.flatMap(([name, text]) => {
      const owner = parseName(name);
      if (text === undefined || !owner.ok) return [];
      const data = Buffer.from(text, "latin1");
      return [[nameKey(owner.value), Uint8Array.from([data.length, ...data])] as const];
    }),
  );
}
