import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd, type Scope } from "./scope.ts";

/** Makes an empty folder that goes away, with everything in it, when the scope ends. */
export function tempDir(scope: Scope): string {
  const dir = mkdtempSync(join(tmpdir(), "meridian-test-"));
  atEnd(scope, () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}
