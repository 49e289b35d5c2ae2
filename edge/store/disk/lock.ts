import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Keeps a folder for this process, or gives undefined if somebody has it. SQLite locks a file so
 * that the system gives it free when the process dies, however it dies; Node itself cannot. The
 * file stays empty. Throws if it cannot be opened.
 */
export function lockFolder(path: string): { release(): void } | undefined {
  const database = new DatabaseSync(join(path, "lock"), { timeout: 0 });
  try {
    // Nothing is written, so nothing has to be undone: no journal beside it.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** SQLITE_BUSY: https://www.sqlite.org/rescode.html */
function isBusy(error: unknown): boolean {
  return error instanceof Error && (error as { errcode?: unknown }).errcode === 5;
}
