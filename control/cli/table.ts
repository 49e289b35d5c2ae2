/**
 * Lays rows out in columns for a terminal (P). The first row is the heading; the last column is not
 * padded, so that lines have no trailing blanks.
 */
export function formatTable(rows: readonly (readonly string[])[], indent = ""): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "),
  );
  return lines.map((line) => `${indent}${line.trimEnd()}\n`).join("");
}

/** Writes a point in time as how long ago it was, such as `4 s` or `3 min` (P). */
export function formatAgo(ms: number): string {
  if (ms < 1_000) return "now";
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}
