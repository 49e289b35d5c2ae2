import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DiskFolder } from "./folder.ts";
import { lockFolder } from "./lock.ts";
import { NodeFolder } from "./node-folder.ts";
import { FORMAT_VERSION } from "./record.ts";

const FORMAT_FILE = "format.json";
const FORMAT_NAME = "meridian-disk-store";

/** What an empty folder may have in it: `lock` may be left of an attempt to use it. */
const NOT_CONTENT: ReadonlySet<string> = new Set(["lost+found", "lock"]);

/** The folder cannot be used as it is; the message says why, for whoever named it. */
export class DiskFolderError extends Error {
  override readonly name = "DiskFolderError";
}

/** A folder that belongs to this process until `release`. */
export interface OpenFolder {
  readonly folder: DiskFolder;
  readonly release: () => void;
  /** It was filled under other conditions, which these are: it has been emptied. */
  readonly emptied: string | undefined;
}

/**
 * Opens the folder of a disk store, making it if need be. `identity` is what its content depends on
 * beside the responses themselves; if it was another one, everything stored is removed. Throws a
 * DiskFolderError if the folder is in use, is not ours, has another format or cannot be written.
 */
export function openDiskFolder(path: string, identity: string): OpenFolder {
  const names = contentOf(path);
  if (!names.includes(FORMAT_FILE) && names.some((name) => !NOT_CONTENT.has(name))) {
    throw new DiskFolderError(
      `${path} is not empty and is no disk store: name a folder of its own for it`,
    );
  }
  const lock = lockOrThrow(path);
  try {
    const folder = new NodeFolder(path);
    const before = readFormat(path);
    if (before !== undefined && before !== identity) empty(folder);
    if (before !== identity) {
      const format = { format: FORMAT_NAME, version: FORMAT_VERSION, identity };
      folder.replace(FORMAT_FILE, Buffer.from(`${JSON.stringify(format)}\n`));
    }
    const emptied = before !== undefined && before !== identity ? before : undefined;
    return { folder, release: () => lock.release(), emptied };
  } catch (error) {
    lock.release();
    throw error instanceof DiskFolderError ? error : unusable(path, error);
  }
}

function contentOf(path: string): readonly string[] {
  try {
    mkdirSync(path, { recursive: true, mode: 0o750 });
    return readdirSync(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

function lockOrThrow(path: string): { release(): void } {
  let lock: { release(): void } | undefined;
  try {
    lock = lockFolder(path);
  } catch (error) {
    throw unusable(path, error);
  }
  if (lock === undefined) {
    throw new DiskFolderError(`${path} is in use by another edge: each needs a folder of its own`);
  }
  return lock;
}

/** The identity that the folder was filled with; undefined if it is new. */
function readFormat(path: string): string | undefined {
  if (!readdirSync(path).includes(FORMAT_FILE)) return undefined;
  const format: unknown = parse(readFileSync(join(path, FORMAT_FILE), "utf8"));
  const { version, identity, format: name } = (format ?? {}) as Record<string, unknown>;
  if (name !== FORMAT_NAME || typeof identity !== "string") {
    throw new DiskFolderError(`${join(path, FORMAT_FILE)} is not the one of a disk store`);
  }
  if (version !== FORMAT_VERSION) {
    throw new DiskFolderError(
      `${path} has format ${String(version)}, this program writes format ${FORMAT_VERSION}: ` +
        "move it away, or name another folder",
    );
  }
  return identity;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function empty(folder: DiskFolder): void {
  for (const name of folder.list()) {
    if (/^\d{10}\.(seg|idx|notes)$/.test(name) || name === "purges") folder.remove(name);
  }
}

function unusable(path: string, error: unknown): DiskFolderError {
  const cause = error instanceof Error ? error.message : String(error);
  return new DiskFolderError(`${path} cannot be used for the disk store: ${cause}`, {
    cause: error,
  });
}
