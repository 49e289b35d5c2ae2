/** What stands at the top of every page that is made from code. */
export const GENERATED_NOTE =
  "<!-- Made by `npm run -s docs`. A test fails when this page and the code differ. -->";

/** Writes a table (P). Bars inside cells are escaped. */
export function markdownTable(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("");
}
