import { readFileSync } from "node:fs";
import { type Document, LineCounter, parseDocument, visit } from "yaml";
import type { z } from "zod";
import { type FileProblem, readTextFile } from "../file-problem.ts";
import { fail, ok, type Result } from "../result.ts";
import { type CheckProblem, checkConfig, type Path } from "./check.ts";
import { type Issue, plainIssues } from "./issues.ts";
import { type Config, configSchema } from "./schema.ts";
import { type Site, siteSchema } from "./site.ts";

/** Reads and checks a configuration file. Every problem is reported, not only the first. */
export function loadConfig(file: string): Result<Config, readonly FileProblem[]> {
  const text = readTextFile(file);
  return text.ok ? parseConfig(text.value, file) : text;
}

/** Says where in a configuration file the value at `path` stands, for problems that others find. */
export function problemAt(file: string, path: Path, message: string): FileProblem {
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(file, "utf8"), { lineCounter: lines });
  return placer(document, lines, file).placed(path, message);
}

/** Checks the text of a configuration (P). `file` is only used in the problems it reports. */
export function parseConfig(text: string, file: string): Result<Config, readonly FileProblem[]> {
  return parseDocumentAs(text, file, { schema: configSchema, check: checkConfig });
}

/** Checks the text of one site, as it stands under `sites` or as the API shows it (P). */
export function parseSite(text: string, file: string): Result<Site, readonly FileProblem[]> {
  return parseDocumentAs(text, file, { schema: siteSchema, check: () => [] });
}

/** Checks the text of a YAML file against a schema, and then by `check` (P). */
export function parseDocumentAs<T>(
  text: string,
  file: string,
  { schema, check }: { schema: z.ZodType<T>; check: (value: T) => readonly CheckProblem[] },
): Result<T, readonly FileProblem[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const { at, placed } = placer(document, lines, file);
  if (document.errors.length > 0) {
    return fail(document.errors.map((error) => at(error.pos[0], firstLine(error.message))));
  }
  const tree = plainTree(document);
  if (!tree.ok) return fail([at(tree.error.offset, tree.error.message)]);
  const parsed = schema.safeParse(tree.value ?? {});
  if (!parsed.success) {
    return fail(
      plainIssues(parsed.error.issues).flatMap((issue) => {
        const given = document.hasIn(issue.path as Path);
        return explainIssue(issue, given, placed);
      }),
    );
  }
  const problems = check(parsed.data).map(({ path, message }) => placed(path, message));
  return problems.length > 0 ? fail(problems) : ok(parsed.data);
}

/** Turns places in a document, as offset or as path, into lines and columns. */
function placer(document: Document, lines: LineCounter, file: string) {
  const at = (offset: number, message: string): FileProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
  const placed = (path: Path, message: string) =>
    at(offsetOf(document, path), path.length === 0 ? message : `${pathText(path)}: ${message}`);
  return { at, placed };
}

/** The document as plain values. Aliases can name nothing, or so much that it fills the memory. */
function plainTree(document: Document): Result<unknown, { offset: number; message: string }> {
  try {
    return ok(document.toJS());
  } catch (error) {
    let offset = 0;
    visit(document, {
      Alias(_, alias) {
        if (alias.resolve(document) !== undefined) return undefined;
        offset = alias.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    return fail({ offset, message: error instanceof Error ? error.message : String(error) });
  }
}

function explainIssue(
  issue: Issue,
  given: boolean,
  placed: (path: Path, message: string) => FileProblem,
): readonly FileProblem[] {
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => placed([...path, key], "unknown key"));
  }
  const missing = issue.code === "invalid_type" && !given;
  return [placed(path, missing ? `is required (${issue.expected})` : issue.message)];
}

/** Where a path stands in the text; of something that is missing, where its parent stands. */
function offsetOf(document: Document, path: Path): number {
  const parent = path.length === 0 ? undefined : document.getIn(path.slice(0, -1), true);
  if (typeof parent === "object" && parent !== null && "items" in parent) {
    for (const item of parent.items as { key?: { value?: unknown; range?: number[] } }[]) {
      if (String(item.key?.value) === String(path.at(-1)) && item.key?.range)
        return item.key.range[0] ?? 0;
    }
  }
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (typeof node === "object" && node !== null && "range" in node) {
      return (node.range as number[])[0] ?? 0;
    }
  }
  return 0;
}

function pathText(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${part}`,
    )
    .join("");
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? message;
}
