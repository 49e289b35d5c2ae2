import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../support/process.ts";

/** One text file of the repository. */
export interface SourceFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Something that breaks a rule of the repository, and where. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** The folders that hold the product, and those that hold what surrounds it. */
export const PRODUCT_FOLDERS = [
  "bin",
  "common",
  "state",
  "edge",
  "router-dns",
  "origin",
  "control",
] as const;
const ALL_FOLDERS = [...PRODUCT_FOLDERS, "deploy", "test", "bench"];

/** Every TypeScript and JavaScript file of the repository. */
export function codeFiles(): SourceFile[] {
  return read(globSync(`{${ALL_FOLDERS.join(",")}}/**/*.{ts,mjs,js}`, { cwd: REPOSITORY }));
}

/** Every Markdown page. */
export function pages(): SourceFile[] {
  return read(
    globSync(["*.md", "{docs,edge,router-dns,deploy,test}/**/*.md"], { cwd: REPOSITORY }),
  );
}

/** Everything else that speaks of us by name: dashboards, scrape rules, examples. */
export function deployedFiles(): SourceFile[] {
  return read(globSync("deploy/**/*.{json,yaml,yml}", { cwd: REPOSITORY }));
}

/** Finds the lines that fit a pattern and gives each as a problem (P). */
export function problemsAt(
  file: SourceFile,
  pattern: RegExp,
  message: (match: RegExpExecArray) => string | undefined,
): Problem[] {
  const problems: Problem[] = [];
  for (const [index, line] of file.text.split("\n").entries()) {
    for (const match of line.matchAll(new RegExp(pattern, "g"))) {
      const text = message(match);
      if (text !== undefined) problems.push({ path: file.path, line: index + 1, message: text });
    }
  }
  return problems;
}

/** Writes problems one a line, as editors can jump to (P). */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, line, message }) => `${path}:${line}: ${message}`).join("\n");
}

function read(paths: readonly string[]): SourceFile[] {
  return paths
    .toSorted()
    .filter((path) => !path.includes("node_modules"))
    .map((path) => ({ path, text: readFileSync(join(REPOSITORY, path), "utf8") }));
}
