import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GENERATED_NOTE, markdownTable } from "./markdown.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** The pure folders in which an edge decides: their functions name the rule that they follow. */
const SOURCES = ["edge/decide/*.ts", "edge/http/*.ts", "edge/key/variant.ts"];
const TESTS = [
  "test/edge/*.test.ts",
  "test/edge/{decide,http}/*.test.ts",
  "test/edge/key/variant.test.ts",
  "test/conformance/*.ts",
];

/** One place that speaks of a section. */
interface Mention {
  readonly rfc: string;
  readonly section: string;
  readonly file: string;
  /** An exported name; undefined for a test. */
  readonly name?: string;
}

/** A section, and everything that speaks of it. */
export interface SectionEntry {
  readonly rfc: string;
  readonly section: string;
  readonly functions: readonly string[];
  readonly tests: readonly string[];
}

/** `docs/rfc-index.md`: which function follows which section, and where that is tested. */
export function rfcIndexPage(): string {
  const entries = rfcIndex();
  const rfcs = [...new Set(entries.map(({ rfc }) => rfc))].toSorted();
  const parts = rfcs.map((rfc) => {
    const rows = entries
      .filter((entry) => entry.rfc === rfc)
      .map(({ section, functions, tests }) => [section, functions.join(", "), tests.join(", ")]);
    return `## RFC ${rfc}\n\n${markdownTable(["section", "functions", "tests"], rows)}`;
  });
  return `# Which rule is followed where

${GENERATED_NOTE}

Of the pure folders \`edge/decide/\` and \`edge/http/\` and the selection of variants: the sections that docstrings of exported functions name, and the test
files with a test under that section's name (below \`test/edge/\` unless it says otherwise). All lines and branches of the two folders are run by their tests:
\`test/edge/coverage.test.ts\` fails otherwise.

${parts.join("\n")}`;
}

/** All sections, in their order (reads the source and the tests). */
export function rfcIndex(): SectionEntry[] {
  const functions = files(SOURCES).flatMap(([file, text]) => functionMentions(file, text));
  const tests = files(TESTS).flatMap(([file, text]) => testMentions(file, text));
  const keys = new Set(functions.map(({ rfc, section }) => `${rfc} ${section}`));
  return [...keys].toSorted(bySection).map((key) => {
    const [rfc = "", section = ""] = key.split(" ");
    const of = (list: readonly Mention[]) =>
      list.filter((mention) => mention.rfc === rfc && mention.section === section);
    const named = of(functions).map(({ name, file }) => `\`${name}\` (${file.slice(5)})`);
    const tested = of(tests).map(({ file }) => `\`${file.replace(/^test\/edge\//, "")}\``);
    return { rfc, section, functions: distinct(named), tests: distinct(tested) };
  });
}

function files(patterns: readonly string[]): (readonly [path: string, text: string])[] {
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .toSorted()
    .map((path) => [path, readFileSync(join(ROOT, path), "utf8")] as const);
}

const EXPORTED = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport (?:function|class|const) (\w+)/g;

/** What docstrings of exported functions, classes and constants say (P). */
export function functionMentions(file: string, text: string): Mention[] {
  return [...text.matchAll(EXPORTED)].flatMap(([, comment = "", name = ""]) =>
    sectionsIn(comment.replaceAll(/\n \* ?/g, " ")).map((each) => ({ ...each, file, name })),
  );
}

const SECTIONS = /(?:RFC (\d{4,5}) )?sections? (\d[\d.]*(?:(?:,| and|, and) \d[\d.]*)*)/g;

/**
 * `RFC 9111 sections 3.2 and 4.3.4`; where no RFC stands in front of it, a section is one of the
 * first RFC of the comment (P).
 */
function sectionsIn(comment: string): { rfc: string; section: string }[] {
  const main = /RFC (\d{4,5})/.exec(comment)?.[1] ?? "9111";
  return [...comment.matchAll(SECTIONS)].flatMap(([, rfc = main, list = ""]) =>
    list.split(/, and |, | and /).map((text) => ({ rfc, section: text.replace(/\.$/, "") })),
  );
}

/** What titles of tests say: `RFC 9111 s.4.2.3: ...` (P). */
export function testMentions(file: string, text: string): Mention[] {
  return [...text.matchAll(/RFC (\d{4,5}) ((?:s\.)?\d[\d.]*(?:, (?:s\.)?\d[\d.]*)*)/g)].flatMap(
    ([, rfc = "", sections = ""]) =>
      sections.split(", ").map((section) => ({
        rfc,
        section: section.replace(/^s\./, "").replace(/\.$/, ""),
        file,
      })),
  );
}

function distinct(list: readonly string[]): string[] {
  return [...new Set(list)];
}

function bySection(left: string, right: string): number {
  const numbers = (key: string) => key.split(/[ .]/).map(Number);
  const [a, b] = [numbers(left), numbers(right)];
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? -1) - (b[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
