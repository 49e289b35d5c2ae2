import { mkdirSync } from "node:fs";
import type { EpochMs } from "../../common/clock.ts";
import type { FileProblem } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import {
  ALGORITHM,
  type AlgorithmName,
  algorithmName,
  dnskeyRdata,
  dnskeyText,
  dsRdata,
  dsText,
  ENTRY_KEY,
} from "../sign/dnskey.ts";
import { sha256 } from "../sign/key-pair.ts";
import {
  firstKeys,
  type KeyState,
  type KeyStatus,
  keysAt,
  newEntryKey,
  newZoneKey,
  type RolloverPolicy,
  type RolloverStep,
  startOfEntryRollover,
  startOfZoneRollover,
} from "../sign/rollover.ts";
import { formatName, type Name, type NameKey, nameKey, parseName } from "../wire/name.ts";
import { readKeyFolder, type StoredKey, withFolderLock, writeKeyTimes } from "./key-folder.ts";
import { takeStep } from "./key-rollover.ts";

/** A signed zone and where its keys are. */
export interface ZoneKeysOrder {
  readonly folder: string;
  /** Without the final dot. */
  readonly zone: string;
  readonly policy: RolloverPolicy;
}

/** One key for people and programs. Times are ISO 8601, null where there is none yet. */
export interface KeyReport {
  readonly tag: number;
  readonly role: KeyStatus<StoredKey>["role"];
  readonly state: KeyState;
  readonly flags: number;
  readonly algorithm: AlgorithmName;
  readonly created: string;
  readonly publish: string;
  readonly activate: string | null;
  readonly dsFrom: string | null;
  readonly dsPublished: string | null;
  readonly removeAt: string | null;
  /** The record for the parent zone; null for keys that it does not name. */
  readonly ds: string | null;
  readonly dnskey: string;
  readonly file: string;
}

/** The keys of a zone, oldest first. */
export interface ZoneKeysReport {
  readonly zone: string;
  readonly keys: readonly KeyReport[];
  /** The record that the parent should have now; null: it is too early for any. */
  readonly parentDs: string | null;
}

/** Why keys cannot be shown or changed: what is wrong with their files, or a sentence. */
export type ZoneKeysFailure = readonly FileProblem[] | string;

/** Somebody else has the folder for longer than the work in it can take. */
const FOLDER_TAKEN = "another process is changing the keys: try again in a few seconds";

/** What the keys of a zone are and do at a moment. */
export function reportKeys(
  order: ZoneKeysOrder,
  now: EpochMs,
): Result<ZoneKeysReport, ZoneKeysFailure> {
  const keys = readKeys(order);
  if (!keys.ok) return keys;
  if (keys.value.length === 0) return fail(`there are no keys of ${order.zone} in ${order.folder}`);
  const { statuses, parentKey } = keysAt(keys.value, order.policy, Math.floor(now / 1000));
  const apex = nameKey(zoneName(order));
  return ok({
    zone: order.zone,
    keys: statuses
      .toSorted((left, right) => left.key.times.created - right.key.times.created)
      .map((status) => reportKey(status, order)),
    parentDs: parentKey === undefined ? null : dsRecord(order, apex, parentKey),
  });
}

/** Makes the first keys of a zone, and the folder if there is none. Fails if it has keys. */
export function generateKeys(
  order: ZoneKeysOrder,
  algorithm: AlgorithmName,
  now: EpochMs,
): Result<ZoneKeysReport, ZoneKeysFailure> {
  mkdirSync(order.folder, { recursive: true, mode: 0o700 });
  return changeKeys(order, now, (keys, seconds) => {
    if (keys.length > 0) return `${order.zone} has keys already: see \`meridian zone keys list\``;
    takeSteps(order, firstKeys(order.policy, seconds), keys, { algorithm, seconds });
    return undefined;
  });
}

/** Begins the rollover of the key that the parent names, or of the one that signs records. */
export function rollKeys(
  order: ZoneKeysOrder,
  role: "ksk" | "zsk",
  now: EpochMs,
): Result<ZoneKeysReport, ZoneKeysFailure> {
  return changeKeys(order, now, (keys, seconds) => {
    const [first] = keys;
    if (first === undefined) return `there are no keys of ${order.zone} in ${order.folder}`;
    const { policy } = order;
    if (role === "zsk" && policy.scheme === "csk") {
      return `${order.zone} has one key for everything (scheme csk): roll that, with --role ksk`;
    }
    const why =
      role === "ksk"
        ? startOfEntryRollover(keys, policy, seconds)
        : startOfZoneRollover(keys, policy, seconds);
    if (why !== undefined) return `a rollover of ${order.zone} is under way: ${why}`;
    const step = role === "ksk" ? newEntryKey(policy, seconds) : newZoneKey(policy, seconds);
    const algorithm = algorithmName(first.algorithm);
    takeSteps(order, [step], keys, { algorithm, seconds });
    return undefined;
  });
}

/** Notes that all servers of the parent have the DS of a key. */
export function confirmDs(
  order: ZoneKeysOrder,
  tag: number,
  now: EpochMs,
): Result<ZoneKeysReport, ZoneKeysFailure> {
  return changeKeys(order, now, (keys, seconds) => {
    const key = keys.find((candidate) => candidate.tag === tag);
    if (key === undefined) return `${order.zone} has no key ${tag}`;
    if (key.flags !== ENTRY_KEY) return `key ${tag} signs records: the parent never names it`;
    const { statuses } = keysAt(keys, order.policy, seconds);
    const { dsFrom = 0 } = statuses.find((status) => status.key === key) ?? {};
    if (dsFrom > seconds) {
      return `the DS of key ${tag} must not be at the parent before ${isoTime(dsFrom)}`;
    }
    if (key.times.dsPublished !== undefined) return undefined;
    writeKeyTimes(zoneName(order), key, { ...key.times, dsPublished: seconds });
    return undefined;
  });
}

/** Changes the folder while nobody else does; `change` gives the reason if it cannot. */
function changeKeys(
  order: ZoneKeysOrder,
  now: EpochMs,
  change: (keys: readonly StoredKey[], seconds: number) => string | undefined,
): Result<ZoneKeysReport, ZoneKeysFailure> {
  const before = readKeys(order);
  if (!before.ok) return before;
  let failure: ZoneKeysFailure | undefined = FOLDER_TAKEN;
  withFolderLock(order.folder, now, () => {
    const keys = readKeys(order);
    failure = keys.ok ? change(keys.value, Math.floor(now / 1000)) : keys.error;
  });
  return failure === undefined ? reportKeys(order, now) : fail(failure);
}

function takeSteps(
  { folder, ...order }: ZoneKeysOrder,
  steps: readonly RolloverStep[],
  keys: readonly StoredKey[],
  { algorithm, seconds }: { readonly algorithm: AlgorithmName; readonly seconds: number },
): void {
  const zone = zoneName({ folder, ...order });
  for (const step of steps) {
    takeStep({ folder, zone, keys, algorithm: ALGORITHM[algorithm] }, step, seconds);
  }
}

function readKeys(order: ZoneKeysOrder): Result<readonly StoredKey[], readonly FileProblem[]> {
  const apex = nameKey(zoneName(order));
  const keys = readKeyFolder(order.folder, new Set([apex]));
  return keys.ok ? ok(keys.value.get(apex) ?? []) : keys;
}

function reportKey(
  { key, role, state, dsFrom, removeAt }: KeyStatus<StoredKey>,
  order: ZoneKeysOrder,
): KeyReport {
  const { tag, flags, times, file } = key;
  const zone = zoneName(order);
  const isEntry = flags === ENTRY_KEY;
  return {
    tag,
    role,
    state,
    flags,
    algorithm: algorithmName(key.algorithm),
    created: isoTime(times.created),
    publish: isoTime(times.publish),
    activate: maybeTime(times.activate),
    dsFrom: maybeTime(dsFrom),
    dsPublished: maybeTime(times.dsPublished),
    removeAt: maybeTime(removeAt),
    ds: isEntry ? dsRecord(order, nameKey(zone), key) : null,
    dnskey: `${formatName(zone)} IN DNSKEY ${dnskeyText(key)}`,
    file,
  };
}

function dsRecord(order: ZoneKeysOrder, apex: NameKey, key: StoredKey): string {
  const ds = dsRdata(apex, dnskeyRdata(key), sha256);
  return `${formatName(zoneName(order))} IN DS ${dsText(ds)}`;
}

function zoneName({ zone }: ZoneKeysOrder): Name {
  const name = parseName(zone);
  if (!name.ok) throw new Error(`invariant broken: ${zone} comes from a checked configuration`);
  return name.value;
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

function maybeTime(seconds: number | undefined): string | null {
  return seconds === undefined ? null : isoTime(seconds);
}
