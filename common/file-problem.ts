import { readFileSync } from "node:fs";
import { fail, ok, type Result } from "./result.ts";

/** One thing wrong in a file, and where: lines and columns count from 1. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Writes a problem as `file:line:column: message`, which editors can jump to (P). */
export function formatProblem(problem: FileProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** The whole text of a file, or why it cannot be read, as a problem at its start. */
export function readTextFile(file: string): Result<string, readonly FileProblem[]> {
  try {
    return ok(readFileSync(file, "utf8"));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = missing ? "no such file" : String(error);
    return fail([{ file, line: 1, column: 1, message }]);
  }
}
