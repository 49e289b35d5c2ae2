import type { LiveBody, LiveEdge, LivePop } from "../api/live-figures.ts";
import { formatAgo } from "./table.ts";

/** How a line is told from others; the words in it say the same without colour. */
export type LineStyle = "plain" | "strong" | "soft" | "warning" | "bad";

/** One line of the screen. */
export interface ScreenLine {
  readonly text: string;
  readonly style: LineStyle;
}

/** Where the screen is shown. */
export interface ScreenSize {
  readonly columns: number;
  /** Left out: as many lines as there are things to show. */
  readonly rows?: number;
}

interface Section {
  readonly heading: readonly string[];
  /** Columns of numbers, which stand to the right. */
  readonly numbers: ReadonlySet<number>;
  readonly rows: readonly { readonly cells: readonly string[]; readonly style: LineStyle }[];
}

/** Cells of the bar that shows a PoP's part of all traffic. */
const BAR_CELLS = 16;

/**
 * Lays the figures out for a terminal (P): as many lines as it has, none longer than it is wide.
 * What does not fit is cut from the longest tables first, and a line says how much that is.
 *
 * `notice` is shown above everything: why the figures are old.
 */
export function topScreen(
  figures: LiveBody,
  size: ScreenSize,
  notice?: string,
): readonly ScreenLine[] {
  const sections = [
    popSection(figures),
    edgeSection(figures),
    routerSection(figures),
    siteSection(figures),
  ].filter(({ rows }) => rows.length > 0);
  const head: ScreenLine[] = [
    ...(notice === undefined ? [] : [{ text: notice, style: "bad" as const }]),
    ...summary(figures),
  ];
  const fixed = head.length + sections.length * 2;
  const lengths = sections.map(({ rows }) => rows.length);
  const shown = size.rows === undefined ? lengths : divide(Math.max(0, size.rows - fixed), lengths);
  const lines = [
    ...head,
    ...sections.flatMap((section, index) => sectionLines(section, shown[index] ?? 0)),
  ];
  return lines
    .slice(0, size.rows)
    .map(({ text, style }) => ({ text: fit(text, size.columns), style }));
}

/** The screen as text without colour (P), for files and pipes. */
export function plainText(lines: readonly ScreenLine[]): string {
  return lines.map(({ text }) => `${text}\n`).join("");
}

/**
 * Divides lines among tables (P): each gets what it needs, and when that is too much the longest
 * ones give way, evenly. Output: lines of each; their sum is at most `available`.
 */
export function divide(available: number, wanted: readonly number[]): number[] {
  const given = wanted.map(() => 0);
  let left = available;
  for (;;) {
    const hungry = wanted.flatMap((want, index) => (want > (given[index] ?? 0) ? [index] : []));
    if (left <= 0 || hungry.length === 0) return given;
    const each = Math.max(1, Math.floor(left / hungry.length));
    for (const index of hungry) {
      const more = Math.min(each, left, (wanted[index] ?? 0) - (given[index] ?? 0));
      given[index] = (given[index] ?? 0) + more;
      left -= more;
    }
  }
}

function summary({ domain, at, state, total }: LiveBody): ScreenLine[] {
  const clock = new Date(at).toISOString().slice(11, 19);
  const store = state.up
    ? `${state.kind} state at version ${state.version}`
    : `${state.kind} state does NOT ANSWER`;
  const allUp = total.edgesUp === total.edges;
  return [
    { text: `${domain}   ${clock} UTC   ${store}`, style: state.up ? "strong" : "bad" },
    {
      text:
        `hits ${ratio(total.hitRatio)} of requests, ${ratio(total.byteHitRatio)} of bytes   ` +
        `first byte ${time(total.firstByteP50Seconds)} p50, ${time(total.firstByteP99Seconds)} p99` +
        `   errors ${ratio(total.errorRatio)}`,
      style: "plain",
    },
    {
      text:
        `${total.edgesUp} of ${total.edges} edges up   ` +
        `${rate(total.requestsPerSecond)} requests/s   ${bits(total.bitsPerSecond)}   ` +
        `${total.connections} connections   ${rate(total.queriesPerSecond)} DNS queries/s`,
      style: allUp ? "plain" : "warning",
    },
  ];
}

function popSection({ pops }: LiveBody): Section {
  return {
    heading: ["POP", "UP", "REQ/S", "TRAFFIC", "CLIENTS", "HITS", "P99", "SHARE", ""],
    numbers: new Set([1, 2, 3, 4, 5, 6, 7]),
    rows: pops.map((pop) => ({
      cells: [
        pop.name,
        `${pop.edgesUp}/${pop.edges}`,
        rate(pop.requestsPerSecond),
        bits(pop.bitsPerSecond),
        String(pop.connections),
        ratio(pop.hitRatio),
        time(pop.firstByteP99Seconds),
        percent(pop.share),
        bar(pop.share),
      ],
      style: popStyle(pop),
    })),
  };
}

function popStyle({ edgesUp, edges }: LivePop): LineStyle {
  if (edgesUp === edges) return "plain";
  return edgesUp === 0 ? "bad" : "warning";
}

function edgeSection({ edges }: LiveBody): Section {
  return {
    heading: [
      "EDGE",
      "HEALTH",
      "FOR",
      "REQ/S",
      "TRAFFIC",
      "CLIENTS",
      "HITS",
      "P99",
      "CPU",
      "MEMORY",
      "DISK",
      "VERSION",
    ],
    numbers: new Set([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    rows: edges.map((edge) => ({ cells: edgeCells(edge), style: edgeStyle(edge) })),
  };
}

function edgeCells(edge: LiveEdge): string[] {
  const { heard, lag, version } = edge;
  const known = (text: string) => (heard ? text : "-");
  return [
    edge.name,
    edge.drained && edge.health !== "draining" ? `${edge.health}, drained` : edge.health,
    edge.forMs === undefined ? "-" : formatAgo(edge.forMs),
    known(rate(edge.requestsPerSecond)),
    known(bits(edge.bitsPerSecond)),
    known(String(edge.connections)),
    ratio(edge.hitRatio),
    time(edge.firstByteP99Seconds),
    edge.cpu === undefined ? "-" : percent(edge.cpu),
    known(percent(edge.memory)),
    edge.disk === undefined ? "-" : percent(edge.disk),
    version === undefined ? "-" : `${version}${lag > 0 ? ` (-${lag})` : ""}`,
  ];
}

function edgeStyle(edge: LiveEdge): LineStyle {
  if (edge.health === "down") return "bad";
  return edge.health === "up" && !edge.drained && edge.lag === 0 ? "plain" : "warning";
}

function routerSection({ routers }: LiveBody): Section {
  return {
    heading: ["ROUTER", "QUERIES/S", "VERSION", "MAP"],
    numbers: new Set([1, 2]),
    rows: routers.map(({ name, queriesPerSecond, version, lag, mapProblems }) => ({
      cells: [
        name,
        rate(queriesPerSecond),
        `${version}${lag > 0 ? ` (-${lag})` : ""}`,
        mapProblems.join("; ") || "ok",
      ],
      style: lag > 0 || mapProblems.length > 0 ? "warning" : "plain",
    })),
  };
}

function siteSection({ sites }: LiveBody): Section {
  return {
    heading: ["SITE", "REQ/S", "TRAFFIC", "HITS", "BYTE HITS", "SERVED AT", "ORIGIN"],
    numbers: new Set([1, 2, 3, 4]),
    rows: sites.map(({ name, servedAt, origins, traffic }) => ({
      cells: [
        name,
        traffic === undefined ? "-" : rate(traffic.requestsPerSecond),
        traffic === undefined ? "-" : bits(traffic.bitsPerSecond),
        ratio(traffic?.hitRatio),
        ratio(traffic?.byteHitRatio),
        servedAt,
        origins.join(" "),
      ],
      style: "plain",
    })),
  };
}

function sectionLines({ heading, numbers, rows }: Section, room: number): ScreenLine[] {
  const fits = rows.length <= room;
  const visible = fits ? rows : rows.slice(0, Math.max(0, room - 1));
  const table = [heading, ...visible.map(({ cells }) => cells)];
  const widths = heading.map((_, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return numbers.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  const hidden = rows.length - visible.length;
  return [
    { text: "", style: "plain" },
    { text: line(heading), style: "soft" },
    ...visible.map(({ cells, style }) => ({ text: line(cells), style })),
    ...(fits || room === 0 ? [] : [{ text: `... and ${hidden} more`, style: "soft" as const }]),
  ];
}

/** A figure per second: one decimal while that says something. */
function rate(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function percent(part: number): string {
  return `${Math.round(part * 100)}%`;
}

function ratio(part: number | undefined): string {
  return part === undefined ? "-" : `${(part * 100).toFixed(part > 0 && part < 1 ? 1 : 0)}%`;
}

function time(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  return `${(seconds * 1_000).toFixed(seconds < 0.01 ? 2 : 0)} ms`;
}

function bits(perSecond: number): string {
  const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
  let value = perSecond;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function bar(part: number): string {
  return "#".repeat(Math.round(part * BAR_CELLS));
}

/** A line that fits, and that cannot move the cursor: texts come from elsewhere. */
function fit(text: string, columns: number): string {
  const harmless = text.replace(/\p{Cc}/gu, "?");
  return harmless.length <= columns ? harmless : `${harmless.slice(0, Math.max(0, columns - 1))}>`;
}
