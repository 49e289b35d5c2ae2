import { DatabaseSync } from "node:sqlite";

/** A state file cannot be used. The message names it and says what to do. */
export class StateFileError extends Error {
  override readonly name = "StateFileError";
}

/** Raised when the tables change; `UPGRADES` then converts older files. */
const SCHEMA_VERSION = 4;

/** Who may call the control API, since version 2. */
const TOKEN_TABLE = "CREATE TABLE token (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;";

/** What nodes share and nobody else may know, since version 3. */
const SECRET_TABLE = "CREATE TABLE secret (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;";

/** Certificates and what belongs to them, since version 4. */
const RECORD_TABLE = `CREATE TABLE record (
    kind TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, name)
  ) STRICT;`;

const SCHEMA = `
  CREATE TABLE meridian_schema (version INTEGER NOT NULL) STRICT;
  CREATE TABLE head (epoch TEXT NOT NULL, version INTEGER NOT NULL) STRICT;
  CREATE TABLE change (
    version INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE site (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
  CREATE TABLE drained (edge TEXT PRIMARY KEY) STRICT;
  ${TOKEN_TABLE}
  ${SECRET_TABLE}
  ${RECORD_TABLE}
`;

/** What makes a file of one version one of the next. */
const UPGRADES: ReadonlyMap<number, string> = new Map([
  [1, TOKEN_TABLE],
  [2, SECRET_TABLE],
  [3, RECORD_TABLE],
]);

/**
 * Opens the state file, or creates it with `newEpoch`. One process has it at a time. Blocks for
 * as long as SQLite needs to check it.
 *
 * Throws StateFileError if it cannot be opened, is not ours, is damaged or is too new.
 */
export function openStateFile(file: string, newEpoch: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    // One process: no shared-memory file beside it, and a second opener is told at once.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    if (tables.length === 0) create(db, newEpoch);
    else check(db, file, tables);
    return db;
  } catch (error) {
    db?.close();
    throw error instanceof StateFileError ? error : describe(file, error);
  }
}

function create(db: DatabaseSync, newEpoch: string): void {
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("BEGIN IMMEDIATE");
  db.exec(SCHEMA);
  db.prepare("INSERT INTO meridian_schema VALUES (?)").run(SCHEMA_VERSION);
  db.prepare("INSERT INTO head VALUES (?, 0)").run(newEpoch);
  db.exec("COMMIT");
}

function check(db: DatabaseSync, file: string, tables: readonly Record<string, unknown>[]): void {
  if (!tables.some(({ name }) => name === "meridian_schema")) {
    throw new StateFileError(
      `${file} is a database of something else, not Meridian state: ` +
        "choose another file name, and it will be created",
    );
  }
  const schema = Number(db.prepare("SELECT version FROM meridian_schema").get()?.["version"]);
  if (schema !== SCHEMA_VERSION && !UPGRADES.has(schema)) {
    throw new StateFileError(
      `${file} has schema version ${schema}, this Meridian reads ${SCHEMA_VERSION}: ` +
        "run the version that wrote it, or move the file away to start empty",
    );
  }
  const verdict = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (verdict !== "ok") throw damaged(file, String(verdict));
  const head = db.prepare("SELECT epoch, version FROM head").all();
  if (head.length !== 1) throw damaged(file, "its head row is missing");
  // The write lock, taken here rather than at the first change.
  db.exec("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT");
  if (schema !== SCHEMA_VERSION) upgrade(db, schema);
}

/** Takes a file of an older version through all that came since, or leaves it as it is. */
function upgrade(db: DatabaseSync, from: number): void {
  db.exec("BEGIN IMMEDIATE");
  for (let version = from; version < SCHEMA_VERSION; version++) {
    db.exec(UPGRADES.get(version) ?? "");
  }
  db.prepare("UPDATE meridian_schema SET version = ?").run(SCHEMA_VERSION);
  db.exec("COMMIT");
}

/** SQLite's result codes: https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

function describe(file: string, error: unknown): StateFileError {
  const code = (error as { errcode?: unknown }).errcode;
  const text = error instanceof Error ? error.message : String(error);
  const cause = { cause: error };
  switch (typeof code === "number" ? code & 0xff : undefined) {
    case SQLITE_BUSY:
      return new StateFileError(
        `${file} is in use by another process: stop that one, or give each its own file; ` +
          "several processes share state through Redis (`redis:` in the configuration)",
        cause,
      );
    case SQLITE_CANTOPEN:
      return new StateFileError(
        `${file} cannot be opened or created: its directory must exist and be writable`,
        cause,
      );
    case SQLITE_NOTADB:
      return new StateFileError(
        `${file} is not a state file (not an SQLite database): choose another file name, ` +
          "or move it away and it will be created",
        cause,
      );
    case SQLITE_CORRUPT:
      return damaged(file, text);
    default:
      return new StateFileError(`${file} cannot be used: ${text}`, cause);
  }
}

function damaged(file: string, detail: string): StateFileError {
  return new StateFileError(
    `${file} is damaged (${detail}): restore it from a backup, or move it away to start empty; ` +
      "the sites of the configuration file are put back by themselves",
  );
}
