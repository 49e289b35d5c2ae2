import { METRICS } from "../../common/metric-table.ts";
import { type Problem, problemsAt, type SourceFile } from "./source-file.ts";

const FILE_LINES_MAX = 600;
const LINE_COLUMNS_MAX = 100;

/** Names of files that collect what nobody found a place for. */
const COLLECTING_NAME = /(^|\/)(index|utils?|helpers?|misc|common|types|constants)\.(ts|js|mjs)$/;
const KEBAB_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|mjs|js)$/;

/** What code may not contain, and why. `[D]` keeps a pattern from finding itself. */
const BANNED: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b(?!\(#\d+\))/, "do it now, or name the issue: WORD(#12)"],
  [/@ts-(ignore|nocheck|expect-error)/, "the compiler is right until shown otherwise"],
  [/^export (\*|default\b)/, "no barrels and no default exports: a name has one home"],
  [/\b(oxlint|eslint|biome)-(disable|ignore)\b(?!.* -- \S)/, "say why after ` -- `"],
  [/^\s*\/\/\s*(const|let|return|await|import|if \()\b.*[;{]$/, "delete code that does not run"],
];

/** Tests that are switched off, or switch all others off. */
const SWITCHED_OFF: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/\b(it|test|describe|suite)\.only\(|\bonly: true/, "only this test would run"],
  [/\b(it|test|describe|suite)\.(skip|todo)\(/, "give the reason: { skip: why }"],
  [/\bskip: true|\b\w+\.skip\(\)/, "a skip needs its reason as a string"],
];

/** Size, names and words of a code file (P). */
export function textProblems(file: SourceFile): Problem[] {
  const { path, text } = file;
  const lines = text.split("\n");
  const problems: Problem[] = [];
  const at = (line: number, message: string) => problems.push({ path, line, message });
  if (lines.length - 1 > FILE_LINES_MAX) at(FILE_LINES_MAX, `more than ${FILE_LINES_MAX} lines`);
  if (COLLECTING_NAME.test(path)) at(1, "a file is named after its main noun or verb");
  if (!KEBAB_NAME.test(path.split("/").at(-1) ?? "")) at(1, "file names are in kebab-case");
  for (const [index, line] of lines.entries()) {
    if (isLongComment(line)) {
      at(index + 1, `${line.length} columns: at most ${LINE_COLUMNS_MAX}`);
    }
  }
  return [...problems, ...banned(file, BANNED)];
}

/** Tests that do not run (P). */
export function skipProblems(file: SourceFile): Problem[] {
  return file.path.startsWith("test/") ? banned(file, SWITCHED_OFF) : [];
}

/** Metrics that are spoken of and do not exist (P). */
export function metricNameProblems(file: SourceFile): Problem[] {
  return problemsAt(
    file,
    /\bmeridian_((?:edge|dns|purge|control|origin|state)_[a-z0-9_]*[a-z0-9])\b/,
    ([whole, name = ""]) => {
      const base = name.replace(/_(bucket|sum|count)$/, "");
      return name in METRICS || base in METRICS ? undefined : `there is no metric ${whole}`;
    },
  );
}

/** The formatter breaks code; comments are ours to break, unless a URL is what makes them long. */
function isLongComment(line: string): boolean {
  if (line.length <= LINE_COLUMNS_MAX || /https?:\/\/\S{40,}/.test(line)) return false;
  return /^\s*(\/\/|\/?\*)/.test(line);
}

function banned(file: SourceFile, rules: readonly (readonly [RegExp, string])[]): Problem[] {
  return rules.flatMap(([pattern, reason]) =>
    problemsAt(file, pattern, ([found]) => `"${found.trim()}": ${reason}`),
  );
}
