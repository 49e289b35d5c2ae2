import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { dnskeyRdata, ENTRY_KEY, type KeyFlags, keyTag } from "../sign/dnskey.ts";
import {
  formatPrivateFile,
  formatPublicFile,
  type KeyFileFacts,
  keyFileName,
  parseKeyFileName,
  parsePrivateFile,
  parsePublicFile,
} from "../sign/key-file.ts";
import { type KeyPair, loadKeyPair } from "../sign/key-pair.ts";
import type { SigningKey } from "../sign/online-signer.ts";
import type { KeyTimes } from "../sign/rollover.ts";
import type { Name, NameKey } from "../wire/name.ts";

/** A key of a folder. */
export interface StoredKey extends SigningKey {
  /** Its private file. */
  readonly file: string;
  readonly privateKey: Uint8Array;
}

/** The keys of a folder by the apex of their zone. */
export type KeysByZone = ReadonlyMap<NameKey, readonly StoredKey[]>;

/** Keys of one zone: a rollover has two of each kind. A folder with more has gone wrong. */
export const KEYS_PER_ZONE_MAX = 32;

/** Only the owner may read a private key. */
const PRIVATE_MODE = 0o600;

/** A lock that is older was left behind by a process that died: the work takes milliseconds. */
const LOCK_MS_MAX = 30_000;

/** Reads the keys of some zones. One problem with one of them means no keys, but all problems. */
export function readKeyFolder(
  folder: string,
  zones: ReadonlySet<NameKey>,
): Result<KeysByZone, readonly FileProblem[]> {
  const files = listFolder(folder);
  if (!files.ok) return files;
  const keys = new Map<NameKey, StoredKey[]>();
  const problems: FileProblem[] = [];
  for (const name of files.value) {
    const named = parseKeyFileName(name);
    if (named === undefined || !zones.has(named.zone)) continue;
    const key = readKey(join(folder, name), named.tag);
    if (key.ok) keys.set(named.zone, [...(keys.get(named.zone) ?? []), key.value]);
    else problems.push(...key.error);
  }
  for (const [zone, members] of keys) {
    const message = wrongTogether(members);
    const file = members[0]?.file ?? join(folder, zone);
    if (message !== undefined) problems.push({ file, line: 1, column: 1, message });
  }
  return problems.length > 0 ? fail(problems) : ok(keys);
}

/** Writes a new key, its public half first: a private file says that the key is whole. */
export function writeKey(
  folder: string,
  zone: Name,
  { pair, flags, times }: { pair: KeyPair; flags: KeyFlags; times: KeyTimes },
): { readonly tag: number; readonly file: string } {
  const { algorithm, publicKey, privateKey } = pair;
  const tag = keyTag(dnskeyRdata({ flags, algorithm, publicKey }));
  const facts: KeyFileFacts = { zone, tag, flags, algorithm, publicKey, privateKey, times };
  const file = join(folder, `${keyFileName(zone, algorithm, tag)}.private`);
  writeWhole(publicFileOf(file), formatPublicFile(facts));
  writeWhole(file, formatPrivateFile(facts));
  return { tag, file };
}

/** Writes other times into the file of a key. */
export function writeKeyTimes(zone: Name, key: StoredKey, times: KeyTimes): void {
  writeWhole(key.file, formatPrivateFile({ ...key, zone, times }));
}

/** Removes both files of a key. */
export function deleteKey({ file }: StoredKey): void {
  rmSync(file, { force: true });
  rmSync(publicFileOf(file), { force: true });
}

/**
 * Runs `work`, which reads and writes the folder and waits for nothing, while no other process does
 * so. `now` is the moment for judging whether a lock was left behind. False if somebody else works.
 */
export function withFolderLock(folder: string, now: number, work: () => void): boolean {
  const lock = join(folder, ".lock");
  if (!tryLock(lock)) {
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? now;
    if (now - made < LOCK_MS_MAX) return false;
    rmSync(lock, { force: true });
    if (!tryLock(lock)) return false;
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
  return true;
}

function tryLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, "wx", PRIVATE_MODE));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function listFolder(folder: string): Result<readonly string[], readonly FileProblem[]> {
  try {
    return ok(readdirSync(folder).sort());
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = missing ? "no such folder" : String(error);
    return fail([{ file: folder, line: 1, column: 1, message }]);
  }
}

function readKey(file: string, tag: number): Result<StoredKey, readonly FileProblem[]> {
  const at = (name: string, line: number, message: string) =>
    fail([{ file: name, line, column: 1, message }]);
  const publicFile = publicFileOf(file);
  const texts = [readTextFile(file), readTextFile(publicFile)] as const;
  if (!texts[0].ok) return texts[0];
  if (!texts[1].ok) return texts[1];
  const secret = parsePrivateFile(texts[0].value);
  if (!secret.ok) return at(file, secret.error.line, secret.error.message);
  const shown = parsePublicFile(texts[1].value);
  if (!shown.ok) return at(publicFile, shown.error.line, shown.error.message);
  const { algorithm, privateKey, times } = secret.value;
  const pair = loadKeyPair(algorithm, privateKey);
  if (!pair.ok) return at(file, 1, pair.error);
  const { flags } = shown.value;
  const rdata = dnskeyRdata({ ...pair.value, flags });
  if (Buffer.compare(rdata, dnskeyRdata(shown.value)) !== 0 || keyTag(rdata) !== tag) {
    return at(file, 1, `this is not the private half of ${basename(publicFile)}`);
  }
  return ok({ ...pair.value, file, tag, flags, times });
}

/** What is wrong with the keys of one zone, taken together. */
function wrongTogether(keys: readonly StoredKey[]): string | undefined {
  if (keys.length > KEYS_PER_ZONE_MAX) {
    return `the zone has ${keys.length} keys; the most is ${KEYS_PER_ZONE_MAX}`;
  }
  if (!keys.some(({ flags }) => flags === ENTRY_KEY)) {
    return "the zone has no key with flags 257, which its parent could name";
  }
  // RFC 4035 section 2.2: every algorithm in the DNSKEY RRset would have to sign every record.
  const algorithms = new Set(keys.map(({ algorithm }) => algorithm));
  if (algorithms.size > 1) return "the keys of the zone are of different algorithms";
  if (!keys.some(({ times }) => times.activate !== undefined)) {
    return "no key of the zone has a time from which it signs records (Activate)";
  }
  return undefined;
}

function publicFileOf(file: string): string {
  return file.replace(/\.private$/, ".key");
}

/** Puts a file in place as a whole: a reader sees the one before or this one. */
function writeWhole(file: string, text: string): void {
  const aside = `${file}.new`;
  rmSync(aside, { force: true });
  const handle = openSync(aside, "wx", PRIVATE_MODE);
  try {
    chmodSync(aside, PRIVATE_MODE);
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(aside, file);
}
