import type { CatalogConfig } from "../../common/config/catalogs.ts";
import type { TransferConfig, TsigKeyConfig, ZoneConfig } from "../../common/config/zones.ts";
import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { parseIp } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { type Name, type NameKey, nameKey, parseName } from "../wire/name.ts";
import type { NotifyTarget } from "./notifier.ts";
import type { TransferPolicy } from "./outgoing.ts";
import type { SecondaryConfig } from "./secondary.ts";
import type { TsigKey, TsigKeys } from "./tsig.ts";

/** What a configuration says about transfers. */
export interface TransferSettings {
  readonly tsig: readonly TsigKeyConfig[];
  /** For the CDN's own zone. */
  readonly cdn?: TransferConfig;
  readonly zones: readonly ZoneConfig[];
  /** Left out: none. */
  readonly catalogs?: readonly CatalogConfig[];
}

/** What may happen to one zone. */
export interface ZoneTransfer {
  readonly policy: TransferPolicy;
  readonly notify: readonly NotifyTarget[];
}

/** Octets of a secret below which it is refused: RFC 8945 section 8 wants as many as the hash. */
const SECRET_BYTES_MIN = 16;

/** Reads the keys of a configuration, also from their files. Fails with every problem. */
export function loadKeys(tsig: readonly TsigKeyConfig[]): Result<TsigKeys, readonly FileProblem[]> {
  const keys = new Map<NameKey, TsigKey>();
  const problems: FileProblem[] = [];
  for (const { name: text, algorithm, secret, secretFile } of tsig) {
    const file = secretFile ?? "";
    const read = secretFile === undefined ? ok(secret ?? "") : readTextFile(secretFile);
    if (!read.ok) {
      problems.push(...read.error);
      continue;
    }
    const octets = Buffer.from(read.value.trim(), "base64");
    if (octets.length < SECRET_BYTES_MIN) {
      const message = `the secret of "${text}" is not base64 of ${SECRET_BYTES_MIN} octets or more`;
      problems.push({ file: file === "" ? "tsig" : file, line: 1, column: 1, message });
      continue;
    }
    const name = nameOf(text);
    keys.set(nameKey(name), { name, algorithm, secret: octets });
  }
  return problems.length > 0 ? fail(problems) : ok(keys);
}

/** What may happen to a zone with this part of a configuration (P). */
export function zoneTransfer(config: TransferConfig, keys: TsigKeys): ZoneTransfer {
  return {
    policy: { from: config.to, keys: new Set(config.keys.map((name) => nameKey(nameOf(name)))) },
    notify: config.notify.map(({ address, key }) => ({ address, key: keyOf(key, keys) })),
  };
}

/** Names of the zones that come from other servers (P). */
export function fetchedNames(zones: readonly ZoneConfig[]): ReadonlySet<NameKey> {
  return new Set(
    zones.flatMap(({ name, primaries }) =>
      name === undefined || primaries === undefined ? [] : [nameKey(nameOf(name))],
    ),
  );
}

/** The zones that come from other servers (P). */
export function secondaryConfigs(
  zones: readonly ZoneConfig[],
  keys: TsigKeys,
): readonly SecondaryConfig[] {
  return zones.flatMap(({ name, primaries, key, file }): SecondaryConfig[] =>
    name === undefined || primaries === undefined
      ? []
      : [
          {
            origin: nameOf(name),
            primaries: primaries.map(withBytes),
            key: keyOf(key, keys),
            file,
          },
        ],
  );
}

/** A primary with the octets of its address (P). */
export function withBytes(primary: { readonly host: string; readonly port: number }) {
  const bytes = parseIp(primary.host);
  return { ...primary, bytes: bytes.ok ? bytes.value : new Uint8Array(0) };
}

/** The key that a configuration names (P). */
export function keyOf(name: string | undefined, keys: TsigKeys): TsigKey | undefined {
  return name === undefined ? undefined : keys.get(nameKey(nameOf(name)));
}

/** A name of a configuration, which has been checked (P). */
export function nameOf(text: string): Name {
  const name = parseName(`${text}.`);
  return name.ok ? name.value : new Uint8Array(1);
}
