import assert from "node:assert/strict";
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { pino } from "pino";
import type { ChangeBody } from "../../state/change.ts";
import { openEmbeddedState } from "../../state/embedded.ts";
import { StateUnavailableError } from "../../state/store.ts";
import { aSite, aToken } from "../contract/state-contract.ts";
import { tempDir } from "../support/temp-dir.ts";

test("sites, drains, the log, the version and the epoch survive a restart", async (t) => {
  const file = join(tempDir(t), "state.db");
  const first = openEmbeddedState({ file });
  await first.append({ kind: "site-put", site: aSite("a") }, "one");
  await first.append({ kind: "drain", edge: "syd-1" }, "two");
  const [snapshot, page] = [await first.snapshot(), await first.changesAfter(0, 10)];
  await first.close();
  const second = openEmbeddedState({ file });
  assert.deepEqual(await second.snapshot(), snapshot);
  assert.deepEqual(await second.changesAfter(0, 10), page);
  assert.equal((await second.append({ kind: "undrain", edge: "syd-1" }, "three")).version, 3);
  await second.close();
});

test("a process that dies between two changes loses none of them", async (t) => {
  const file = join(tempDir(t), "state.db");
  const store = openEmbeddedState({ file });
  for (let i = 0; i < 50; i += 1) await store.append({ kind: "purge-all", site: `s${i}` }, "x");
  // What is on disk now is all that a killed process leaves behind.
  const copy = join(tempDir(t), "copy.db");
  for (const suffix of ["", "-wal"]) writeFileSync(copy + suffix, readFileSync(file + suffix));
  await store.close();
  const after = openEmbeddedState({ file: copy });
  assert.equal((await after.snapshot()).version, 50);
  assert.equal((await after.changesAfter(0, 100)).changes.length, 50);
  await after.close();
});

test("a new file is a new log", async (t) => {
  const epochs = new Set<string>();
  for (const name of ["a.db", "b.db"]) {
    const store = openEmbeddedState({ file: join(tempDir(t), name) });
    epochs.add((await store.snapshot()).epoch);
    await store.close();
  }
  assert.equal(epochs.size, 2);
});

function refuses(file: string, reason: RegExp): void {
  assert.throws(
    () => openEmbeddedState({ file }),
    (error: Error) => {
      assert.equal(error.name, "StateFileError");
      assert.ok(error.message.startsWith(file), `names the file: ${error.message}`);
      assert.match(error.message, reason);
      return true;
    },
  );
}

test("a file that is not a database is refused by name, and left as it is", (t) => {
  const file = join(tempDir(t), "notes.txt");
  const text = "these are my notes, not a database\n".repeat(100);
  writeFileSync(file, text);
  refuses(file, /not a state file.*choose another file name/);
  assert.equal(readFileSync(file, "utf8"), text);
});

test("a database of something else is refused, and left as it is", (t) => {
  const file = join(tempDir(t), "other.db");
  const other = new DatabaseSync(file);
  other.exec("CREATE TABLE bookmarks (url TEXT)");
  other.close();
  const bytes = readFileSync(file);
  refuses(file, /something else.*choose another file name/);
  assert.deepEqual(readFileSync(file), bytes);
});

test("a file of a newer version is refused with both versions", async (t) => {
  const file = join(tempDir(t), "state.db");
  await openEmbeddedState({ file }).close();
  const db = new DatabaseSync(file);
  db.exec("UPDATE meridian_schema SET version = 99");
  db.close();
  refuses(file, /schema version 99, this Meridian reads 4/);
});

test("a file of the first version is converted, and keeps what it holds", async (t) => {
  const file = join(tempDir(t), "state.db");
  const store = openEmbeddedState({ file });
  await store.append({ kind: "drain", edge: "syd-1" }, "x");
  await store.close();
  const db = new DatabaseSync(file);
  db.exec(
    "DROP TABLE token; DROP TABLE secret; DROP TABLE record; UPDATE meridian_schema SET version = 1",
  );
  db.close();
  for (const tokens of [[], [aToken("t")]]) {
    const converted = openEmbeddedState({ file });
    const snapshot = await converted.snapshot();
    assert.deepEqual([snapshot.drained, snapshot.tokens], [["syd-1"], tokens]);
    if (tokens.length === 0) await converted.append({ kind: "token-put", token: aToken("t") }, "x");
    await converted.close();
  }
});

test("a damaged file is refused with what to do", async (t) => {
  const file = join(tempDir(t), "state.db");
  const store = openEmbeddedState({ file });
  for (let i = 0; i < 300; i += 1) await store.append({ kind: "purge-all", site: "s" }, "x");
  await store.close();
  truncateSync(file, 3 * 4096);
  refuses(file, /damaged.*restore it from a backup, or move it away/);
});

test("a directory that is not there, and a directory itself, are refused", (t) => {
  const directory = tempDir(t);
  refuses(join(directory, "absent", "state.db"), /directory must exist/);
  refuses(directory, /cannot be opened/);
  assert.equal(existsSync(join(directory, "absent")), false);
});

test("a second opener is told that the file is in use, and of Redis", async (t) => {
  const file = join(tempDir(t), "state.db");
  const store = openEmbeddedState({ file });
  refuses(file, /in use by another process.*Redis/);
  await store.close();
  const reopened = openEmbeddedState({ file });
  refuses(file, /in use by another process/);
  await reopened.close();
});

test("rows that were damaged are left out, counted and logged; the rest is served", async (t) => {
  const file = join(tempDir(t), "state.db");
  const store = openEmbeddedState({ file });
  await store.append({ kind: "site-put", site: aSite("a") }, "x");
  await store.append({ kind: "site-put", site: aSite("b") }, "x");
  await store.close();
  const db = new DatabaseSync(file);
  db.exec(`UPDATE site SET body = '{"name":"a"}' WHERE name = 'a'`);
  db.exec("UPDATE change SET body = 'garbage' WHERE version = 1");
  db.close();
  const lines: string[] = [];
  const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
  const reopened = openEmbeddedState({ file, log });
  assert.deepEqual((await reopened.snapshot()).sites, [aSite("b")]);
  const page = await reopened.changesAfter(0, 10);
  assert.deepEqual([page.changes.map((it) => it.version), page.head], [[2], 2]);
  const skipped = lines.map(
    (line) => JSON.parse(line) as { event: string; what: string; total: number },
  );
  assert.deepEqual(
    skipped.map(({ event, what, total }) => [event, what, total]),
    [
      ["state-entry-skipped", "site a", 1],
      ["state-entry-skipped", "change 1", 2],
    ],
  );
  await reopened.close();
});

test("an append that fails half-way leaves nothing behind, and the store goes on", async () => {
  const store = openEmbeddedState({ file: ":memory:" });
  // The last step of the transaction is the one that cannot be done.
  const impossible = { kind: "drain", edge: undefined } as unknown as ChangeBody;
  await assert.rejects(store.append(impossible, "t"), StateUnavailableError);
  assert.equal(store.isUp(), false);
  assert.deepEqual(
    [(await store.snapshot()).version, (await store.changesAfter(0, 9)).changes],
    [0, []],
  );
  assert.equal((await store.append({ kind: "drain", edge: "e" }, "t")).version, 1);
  assert.equal(store.isUp(), true);
  await store.close();
});
