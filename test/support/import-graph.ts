import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** `import ... from "x"`, `export ... from "x"`, `import "x"` at the start of a line. */
const STATIC_IMPORT = /^(?:import|export)\s(?:[^"';]*?\sfrom\s)?\s*"([^"]+)"/gm;

/** `import("x")`, which may stand anywhere. */
const DYNAMIC_IMPORT = /\bimport\(\s*"([^"]+)"/g;

/** `new URL(path, import.meta.url)` with a literal path: how a worker's file is named. */
const OWN_FILE = /\bnew URL\(\s*"(\.[^"]+\.ts)",\s*import\.meta\.url/g;

/** The module names that a TypeScript source imports, type-only imports included (P). */
export function importedNames(source: string): string[] {
  return [STATIC_IMPORT, DYNAMIC_IMPORT, OWN_FILE].flatMap((pattern) =>
    [...source.matchAll(pattern)].map((match) => match[1] ?? ""),
  );
}

/** The absolute paths of the files of ours that a file imports. */
export function importedFiles(file: string): string[] {
  return importedNames(readFileSync(file, "utf8"))
    .filter((name) => name.startsWith("."))
    .map((name) => resolve(dirname(file), name));
}

/** A file and every file that it imports, directly or not, as absolute paths. */
export function importClosure(file: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [file];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    // One that is missing fails in the test that imports it, with Node's own message.
    if (next.endsWith(".ts") && existsSync(next)) waiting.push(...importedFiles(next));
  }
  return seen;
}
