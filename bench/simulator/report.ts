import type { Result, Sample } from "./tally.ts";

/** A result as people read it (P). */
export function formatResult(result: Result): string {
  const { distance, closest, load, churn } = result;
  const rows: (readonly [string, string])[] = [
    ["prefixes, client networks for them", `${result.prefixes}, ${result.networks}`],
    ["PoPs, rankings of the map", `${result.pops}, ${result.rankings}`],
    ["distance, median and p95", `${distance.medianKm} km, ${distance.p95Km} km`],
    ["  if all had the best PoP of the map", `${closest.medianKm} km, ${closest.p95Km} km`],
    ["demand at its most, by capacity that is up", percent(load.busiest)],
    ["fullest edge at its most", percent(load.fullest)],
    ["worst edge over the mean of those it shares with", load.worstOverMean.toFixed(2)],
    ["  p95 of all minutes", load.p95OverMean.toFixed(2)],
    ["hours of edges over capacity", load.hoursOver.toFixed(1)],
    ["demand beyond capacity of its edge", percent(load.overflowShare)],
    ["demand sent to edges that were gone", percent(load.lostShare)],
    ["demand given away because of load", percent(load.awayShare)],
    ["answers changed per network and hour", churn.changesPerPrefixHour.toFixed(3)],
    ["answers changed twice within 30 s", String(churn.hasty)],
    ["changes of the load plan", String(churn.plans)],
    ...churn.losses.map(
      ({ pop, stood, others }) =>
        [
          `loss of ${pop}: clients there, others moved`,
          `${percent(stood)}, ${percent(others)}`,
        ] as const,
    ),
  ];
  return rows.map(([what, value]) => `${what.padEnd(52)} ${value}\n`).join("");
}

function percent(part: number): string {
  return `${(part * 100).toFixed(2)} %`;
}

const WIDTH = 900;
const HEIGHT = 320;
const MARGIN = 40;

const LINES: readonly (readonly [keyof Sample, string, string])[] = [
  ["demand", "demand by capacity", "#1f77b4"],
  ["fullest", "fullest edge", "#d62728"],
  ["away", "given away because of load", "#2ca02c"],
];

/** Draws the samples of a result as an SVG picture (P). */
export function drawResult({ samples }: Result): string {
  const hours = Math.max(1, samples.at(-1)?.hour ?? 1);
  const most = Math.max(1, ...samples.map(({ fullest, demand }) => Math.max(fullest, demand)));
  const x = (hour: number) => MARGIN + (hour / hours) * (WIDTH - 2 * MARGIN);
  const y = (part: number) => HEIGHT - MARGIN - (part / most) * (HEIGHT - 2 * MARGIN);
  const lines = LINES.map(([key, name, colour], i) => {
    const points = samples.map((s) => `${x(s.hour).toFixed(1)},${y(s[key]).toFixed(1)}`).join(" ");
    return (
      `<polyline fill="none" stroke="${colour}" points="${points}"/>\n` +
      `<text x="${MARGIN + i * 220}" y="20" fill="${colour}">${name}</text>\n`
    );
  });
  const full = y(1).toFixed(1);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="white"/>\n` +
    `<line x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${full}" y2="${full}" stroke="#999"/>\n` +
    `<text x="4" y="${full}">100 %</text>\n` +
    `<text x="${MARGIN}" y="${HEIGHT - 12}">0 h UTC</text>\n` +
    `<text x="${WIDTH - MARGIN - 30}" y="${HEIGHT - 12}">${hours.toFixed(0)} h</text>\n` +
    `${lines.join("")}</svg>\n`
  );
}
