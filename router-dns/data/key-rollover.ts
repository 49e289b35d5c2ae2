import { invariant } from "../../common/assert.ts";
import type { EpochMs } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import {
  ALGORITHM,
  type AlgorithmNumber,
  dnskeyRdata,
  type KeyFlags,
  keyTag,
} from "../sign/dnskey.ts";
import { generateKeyPair, type KeyPair } from "../sign/key-pair.ts";
import { planRollover, type RolloverPolicy, type RolloverStep } from "../sign/rollover.ts";
import { type Name, type NameKey, parseName } from "../wire/name.ts";
import {
  deleteKey,
  type KeysByZone,
  readKeyFolder,
  type StoredKey,
  withFolderLock,
  writeKey,
} from "./key-folder.ts";

/** A zone whose keys are looked after. */
export interface RolledZone {
  readonly name: string;
  readonly policy: RolloverPolicy;
}

/**
 * Makes the successors of keys that are due, and deletes keys that have long been out of use. True
 * if the folder was changed. What cannot be written is logged: the keys in use go on being used.
 */
export function rollFolder(
  folder: string,
  zones: ReadonlyMap<NameKey, RolledZone>,
  keys: KeysByZone,
  now: EpochMs,
  log: Logger,
): boolean {
  const seconds = Math.floor(now / 1000);
  const isDue = [...zones].some(([apex, { policy }]) => {
    const members = keys.get(apex);
    return members !== undefined && planRollover(members, policy, seconds).length > 0;
  });
  if (!isDue) return false;
  try {
    return withFolderLock(folder, now, () => {
      // Another router may have done it while this one was waiting.
      const current = readKeyFolder(folder, new Set(zones.keys()));
      if (!current.ok) return;
      for (const [apex, { name, policy }] of zones) {
        const members = current.value.get(apex);
        if (members === undefined) continue;
        for (const step of planRollover(members, policy, seconds)) {
          const algorithm = members[0]?.algorithm ?? ALGORITHM.ecdsap256sha256;
          const order = { folder, zone: mustParseName(name), keys: members, algorithm };
          const { tag, file } = takeStep(order, step, seconds);
          log.info({
            event: step.kind === "generate" ? "key-generated" : "key-deleted",
            zone: name,
            tag,
            file,
          });
        }
      }
    });
  } catch (error) {
    log.error({ event: "rollover-failed", folder, err: error });
    return false;
  }
}

/** Whose keys a step is about. */
export interface KeyOrder {
  readonly folder: string;
  readonly zone: Name;
  /** Those that there are. */
  readonly keys: readonly StoredKey[];
  /** Of new keys. */
  readonly algorithm: AlgorithmNumber;
}

/** How often a key whose tag is taken is thrown away: one in thousands is. */
const TAG_ATTEMPTS_MAX = 16;

/** Does one step of a rollover to the files. Gives the key that was made or deleted. */
export function takeStep(
  order: KeyOrder,
  step: RolloverStep,
  nowSeconds: number,
): { readonly tag: number; readonly file: string } {
  const { folder, zone, keys } = order;
  if (step.kind === "delete") {
    const key = keys.find(({ tag }) => tag === step.tag);
    invariant(key !== undefined, "keys that are deleted are in the folder");
    deleteKey(key);
    return key;
  }
  const { flags, publish, activate } = step;
  const times = { created: nowSeconds, publish, activate, dsPublished: undefined };
  return writeKey(folder, zone, { pair: newPair(order, flags), flags, times });
}

/** A new key whose tag tells it from all others of the zone (RFC 4034 section 5.2 has to guess). */
function newPair({ algorithm, keys }: KeyOrder, flags: KeyFlags): KeyPair {
  for (let attempt = 1; ; attempt += 1) {
    const pair = generateKeyPair(algorithm);
    const tag = keyTag(dnskeyRdata({ ...pair, flags }));
    if (!keys.some((key) => key.tag === tag)) return pair;
    invariant(attempt < TAG_ATTEMPTS_MAX, "tags of new keys differ sooner or later");
  }
}

function mustParseName(text: string): Name {
  const name = parseName(text);
  invariant(name.ok, "names of signed zones come from a checked configuration");
  return name.value;
}
