import { ENTRY_KEY, type KeyFlags, ZONE_KEY } from "./dnskey.ts";

/** What the life of a key depends on, as its file has it: seconds since 1970. */
export interface KeyTimes {
  /** When it was made. */
  readonly created: number;
  /** From when on it is in the DNSKEY RRset. */
  readonly publish: number;
  /** From when on it signs the zone's records; undefined: it only signs the DNSKEY RRset. */
  readonly activate: number | undefined;
  /** When the DS record of this key was seen at all servers of the parent. */
  readonly dsPublished: number | undefined;
}

/** What is decided about: a key without its octets. */
export interface KeyFacts {
  readonly tag: number;
  readonly flags: KeyFlags;
  readonly times: KeyTimes;
}

/** How keys come and go: seconds, as in RFC 7583. */
export interface RolloverPolicy {
  /** One key for everything (`csk`), or one that the parent names and one that signs records. */
  readonly scheme: "ksk-zsk" | "csk";
  /** How long a key signs records until its successor does; 0: for ever. */
  readonly zskLifetime: number;
  /** The same for keys that the parent names; 0: until somebody starts a rollover. */
  readonly kskLifetime: number;
  /** TTL of the DNSKEY RRset (TTLkey). */
  readonly dnskeyTtl: number;
  /** The longest TTL of the zone's records (TTLsig). */
  readonly maxTtl: number;
  /** Until all our routers answer with what the key files say (Dprp). */
  readonly propagation: number;
  /** TTL of the DS RRset in the parent (TTLds). */
  readonly dsTtl: number;
}

/**
 * Where a key is in its life. A key of the parent's kind (257) waits as `ready` until its DS is
 * seen there; the others never do.
 */
export type KeyState = "created" | "published" | "ready" | "active" | "retired" | "removed";

/** One key at one moment. */
export interface KeyStatus<K extends KeyFacts> {
  readonly key: K;
  readonly role: "ksk" | "zsk" | "csk";
  readonly state: KeyState;
  /** Of a key of the parent's kind: from when on its DS may be given to the parent. */
  readonly dsFrom: number | undefined;
  /** When it leaves the DNSKEY RRset; undefined: not yet known. */
  readonly removeAt: number | undefined;
}

/** What the keys of a zone do at one moment. */
export interface KeySet<K extends KeyFacts> {
  readonly statuses: readonly KeyStatus<K>[];
  /** The DNSKEY RRset. */
  readonly published: readonly K[];
  /** Those that sign the DNSKEY, CDS and CDNSKEY RRsets. */
  readonly keySigners: readonly K[];
  /** The one that signs everything else. */
  readonly zoneSigner: K;
  /** The key that the parent should name (RFC 7344); undefined: too early for any. */
  readonly parentKey: K | undefined;
  /** When something here changes by itself; undefined: never. */
  readonly changesAt: number | undefined;
}

/** Something to be done to the key files. */
export type RolloverStep =
  | {
      readonly kind: "generate";
      readonly flags: KeyFlags;
      readonly publish: number;
      readonly activate: number | undefined;
    }
  | { readonly kind: "delete"; readonly tag: number };

/** How long the file of a removed key is kept, for those who look back, and how many are. */
const KEPT_AFTER_REMOVAL_SECONDS = 30 * 86_400;
const KEPT_REMOVED_MAX = 8;

/**
 * How long before its first use a key must be in the DNSKEY RRset, so that whoever has a DNSKEY
 * RRset has one with it (P). Ipub of RFC 7583 section 3.2.1.
 */
export function publicationInterval({ dnskeyTtl, propagation }: RolloverPolicy): number {
  return dnskeyTtl + propagation;
}

/**
 * What each key of a zone does now (P). RFC 7583: pre-publication for keys that sign records
 * (section 3.2.1), double KSK for those that the parent names (section 3.3.1).
 *
 * Only the files' times and `now` decide, so that all routers with the same files agree and none
 * has to remember anything. Throws if there is no key with flags 257.
 */
export function keysAt<K extends KeyFacts>(
  keys: readonly K[],
  policy: RolloverPolicy,
  now: number,
): KeySet<K> {
  const entries = keys.filter(({ flags }) => flags === ENTRY_KEY).sort(byTime(publishOf));
  const first = entries[0];
  if (first === undefined)
    throw new Error("invariant broken: a signed zone has a key with flags 257");
  const line = zoneSigners(keys);
  const zoneSigner = line.findLast((key) => activateOf(key) <= now) ?? line.at(-1) ?? first;
  const statuses = keys.map((key): KeyStatus<K> => {
    const removeAt = removalOf(key, { entries, line, policy });
    const dsFrom = key.flags === ENTRY_KEY ? dsFromOf(key, entries, policy) : undefined;
    const role = roleOf(key, line);
    const isActive =
      role === "zsk" ? key === zoneSigner : !isSucceeded(key, entries) && hasDs(key, now);
    return {
      key,
      role,
      dsFrom,
      removeAt,
      state: stateOf({ key, dsFrom, removeAt, isActive, now, isRetired: isPast(key, line, now) }),
    };
  });
  const shown = statuses.filter(({ state }) => state !== "created" && state !== "removed");
  const published = new Set([...shown.map(({ key }) => key), zoneSigner]);
  const publishedEntries = entries.filter((key) => published.has(key));
  const keySigners = publishedEntries.length > 0 ? publishedEntries : [first];
  const all = keys.filter((key) => published.has(key) || keySigners.includes(key));
  return {
    statuses,
    published: all,
    keySigners,
    zoneSigner,
    parentKey: keySigners.findLast((key) => dsFromOf(key, entries, policy) <= now),
    changesAt: nextChange(statuses, now),
  };
}

/**
 * What an unattended rollover does to the key files now (P): nothing, most of the time.
 *
 * A ZSK gets its successor so early that this is known everywhere when it takes over. A KSK gets
 * one only if it has a lifetime, and never while another one waits for its DS.
 */
export function planRollover(
  keys: readonly KeyFacts[],
  policy: RolloverPolicy,
  now: number,
): readonly RolloverStep[] {
  const set = keysAt(keys, policy, now);
  const gone = set.statuses
    .filter(({ state }) => state === "removed")
    .map(({ key, removeAt = 0 }) => ({ tag: key.tag, removeAt }))
    .sort((left, right) => right.removeAt - left.removeAt || left.tag - right.tag);
  const forgotten = gone.filter(
    ({ removeAt }, index) =>
      index >= KEPT_REMOVED_MAX || removeAt + KEPT_AFTER_REMOVAL_SECONDS <= now,
  );
  const steps: RolloverStep[] = forgotten.map(({ tag }) => ({ kind: "delete", tag }));
  if (isZoneKeyDue(keys, set, policy, now)) {
    const earliest = now + publicationInterval(policy);
    const end = set.zoneSigner.flags === ZONE_KEY ? endOf(set.zoneSigner, policy) : earliest;
    const activate = Math.max(earliest, end);
    steps.push({ kind: "generate", flags: ZONE_KEY, publish: now, activate });
  }
  const newest = keys
    .filter(({ flags }) => flags === ENTRY_KEY)
    .sort(byTime(publishOf))
    .at(-1);
  const age = now - (newest?.times.publish ?? now);
  const isEntryDue = policy.kskLifetime > 0 && age >= policy.kskLifetime;
  if (isEntryDue && startOfEntryRollover(keys, policy, now) === undefined) {
    steps.push(newEntryKey(policy, now));
  }
  return steps;
}

/** The key with which a rollover of the key that the parent names begins (P). */
export function newEntryKey(policy: RolloverPolicy, now: number): RolloverStep {
  const activate = policy.scheme === "csk" ? now + publicationInterval(policy) : undefined;
  return { kind: "generate", flags: ENTRY_KEY, publish: now, activate };
}

/** The key with which a rollover of the key that signs records begins (P). */
export function newZoneKey(policy: RolloverPolicy, now: number): RolloverStep {
  const activate = now + publicationInterval(policy);
  return { kind: "generate", flags: ZONE_KEY, publish: now, activate };
}

/** The keys of a zone that has been unsigned until now (P). */
export function firstKeys(policy: RolloverPolicy, now: number): readonly RolloverStep[] {
  const entry = { kind: "generate", flags: ENTRY_KEY, publish: now } as const;
  if (policy.scheme === "csk") return [{ ...entry, activate: now }];
  return [
    { ...entry, activate: undefined },
    { kind: "generate", flags: ZONE_KEY, publish: now, activate: now },
  ];
}

/** Why no rollover of the key that the parent names can begin now (P); undefined: it can. */
export function startOfEntryRollover(
  keys: readonly KeyFacts[],
  policy: RolloverPolicy,
  now: number,
): string | undefined {
  const { statuses } = keysAt(keys, policy, now);
  const entries = statuses.filter(
    ({ key, state }) => key.flags === ENTRY_KEY && state !== "removed",
  );
  const waiting = entries.find(({ state }) => state !== "active" && state !== "retired");
  if (waiting !== undefined) return `key ${waiting.key.tag} waits for its DS at the parent`;
  const old = entries.find(({ state }) => state === "retired");
  return old === undefined ? undefined : `key ${old.key.tag} has not left the zone yet`;
}

/** Why no rollover of the key that signs records can begin now (P); undefined: it can. */
export function startOfZoneRollover(
  keys: readonly KeyFacts[],
  policy: RolloverPolicy,
  now: number,
): string | undefined {
  const next = zoneSigners(keys).find((key) => activateOf(key) > now);
  if (next !== undefined) return `key ${next.tag} is about to take over`;
  const { statuses } = keysAt(keys, policy, now);
  const old = statuses.find(({ role, state }) => role === "zsk" && state === "retired");
  return old === undefined ? undefined : `key ${old.key.tag} has not left the zone yet`;
}

/** Keys that sign records, each before the one that takes over from it: ZSKs beat CSKs. */
function zoneSigners<K extends KeyFacts>(keys: readonly K[]): readonly K[] {
  const able = keys.filter(({ times }) => times.activate !== undefined);
  const ordered = able.sort(byTime(activateOf));
  return [
    ...ordered.filter(({ flags }) => flags === ENTRY_KEY),
    ...ordered.filter(({ flags }) => flags === ZONE_KEY),
  ];
}

interface Siblings<K extends KeyFacts> {
  readonly entries: readonly K[];
  readonly line: readonly K[];
  readonly policy: RolloverPolicy;
}

/** When a key can go: nobody has a signature of it any more, and nobody a DS that names it. */
function removalOf<K extends KeyFacts>(key: K, siblings: Siblings<K>): number | undefined {
  const { entries, line, policy } = siblings;
  const at = line.indexOf(key);
  const retired = at < 0 ? undefined : earliest(line.slice(at + 1).map(activateOf));
  // Iret of RFC 7583 section 3.2.1: signing is online, so that all signatures change at once.
  const zoneEnd = retired === undefined ? undefined : retired + policy.maxTtl + policy.propagation;
  if (key.flags === ZONE_KEY) return zoneEnd;
  const newer = entries.slice(entries.indexOf(key) + 1);
  const seen = earliest(newer.flatMap(({ times }) => times.dsPublished ?? []));
  // RFC 7583 section 3.3.1: `dsPublished` is when all of the parent's servers have the new one.
  if (seen === undefined || (at >= 0 && zoneEnd === undefined)) return undefined;
  return Math.max(seen + policy.dsTtl, zoneEnd ?? 0);
}

/** RFC 7583 section 3.3.1 for successors; the first of all waits until nobody has unsigned data. */
function dsFromOf<K extends KeyFacts>(
  key: K,
  entries: readonly K[],
  { dnskeyTtl, maxTtl, propagation }: RolloverPolicy,
): number {
  const ttl = key === entries[0] ? Math.max(dnskeyTtl, maxTtl) : dnskeyTtl;
  return key.times.publish + propagation + ttl;
}

function roleOf<K extends KeyFacts>(key: K, line: readonly K[]): KeyStatus<K>["role"] {
  if (key.flags === ZONE_KEY) return "zsk";
  return line.includes(key) && !line.some(({ flags }) => flags === ZONE_KEY) ? "csk" : "ksk";
}

function stateOf(facts: {
  readonly key: KeyFacts;
  readonly dsFrom: number | undefined;
  readonly removeAt: number | undefined;
  readonly isActive: boolean;
  readonly isRetired: boolean;
  readonly now: number;
}): KeyState {
  const { key, dsFrom, removeAt, isActive, isRetired, now } = facts;
  if (key.times.publish > now) return "created";
  if (removeAt !== undefined && removeAt <= now) return "removed";
  if (isActive) return "active";
  if (dsFrom === undefined) return isRetired ? "retired" : "published";
  if (removeAt !== undefined || hasDs(key, now)) return "retired";
  return now < dsFrom ? "published" : "ready";
}

function hasDs({ times }: KeyFacts, now: number): boolean {
  return times.dsPublished !== undefined && times.dsPublished <= now;
}

/** True if the parent names a newer key. */
function isSucceeded<K extends KeyFacts>(key: K, entries: readonly K[]): boolean {
  const newer = entries.slice(entries.indexOf(key) + 1);
  return newer.some(({ times }) => times.dsPublished !== undefined);
}

function isPast<K extends KeyFacts>(key: K, line: readonly K[], now: number): boolean {
  return line.slice(line.indexOf(key) + 1).some((later) => activateOf(later) <= now);
}

function isZoneKeyDue<K extends KeyFacts>(
  keys: readonly K[],
  set: KeySet<K>,
  policy: RolloverPolicy,
  now: number,
): boolean {
  if (policy.scheme === "csk") return false;
  const zoneKeys = keys.filter(({ flags }) => flags === ZONE_KEY);
  if (zoneKeys.length === 0) return true;
  if (policy.zskLifetime === 0 || set.zoneSigner.flags !== ZONE_KEY) return false;
  if (zoneKeys.some((key) => activateOf(key) > now)) return false;
  return endOf(set.zoneSigner, policy) - publicationInterval(policy) <= now;
}

/** When the successor of a key that signs records should take over. */
function endOf(key: KeyFacts, { zskLifetime }: RolloverPolicy): number {
  return activateOf(key) + zskLifetime;
}

function nextChange(statuses: readonly KeyStatus<KeyFacts>[], now: number): number | undefined {
  const times = statuses.flatMap(({ key, dsFrom, removeAt }) => [
    key.times.publish,
    key.times.activate ?? 0,
    dsFrom ?? 0,
    removeAt ?? 0,
  ]);
  return earliest(times.filter((time) => time > now));
}

function byTime<K extends KeyFacts>(timeOf: (key: K) => number): (left: K, right: K) => number {
  return (left, right) => timeOf(left) - timeOf(right) || left.tag - right.tag;
}

function publishOf({ times }: KeyFacts): number {
  return times.publish;
}

function activateOf({ times }: KeyFacts): number {
  return times.activate ?? Number.POSITIVE_INFINITY;
}

function earliest(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : Math.min(...times);
}
