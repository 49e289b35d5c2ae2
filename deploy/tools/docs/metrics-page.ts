import { METRICS, type MetricSpec } from "../../../common/metric-table.ts";
import { GENERATED_NOTE, markdownTable } from "./markdown.ts";

const PARTS: readonly (readonly [part: MetricSpec["part"], title: string])[] = [
  ["edge", "Edges"],
  ["dns", "Routers"],
  ["control", "Control"],
  ["origin", "Demo origin"],
  ["all", "Every daemon but the origin"],
];

/** `docs/metrics.md`: every metric that a daemon shows at `/metrics` of its admin port (P). */
export function metricsPage(): string {
  const sections = PARTS.map(([part, title]) => `## ${title}\n\n${tableOf(part)}`);
  return `# Metrics

${GENERATED_NOTE}

Every daemon answers \`/metrics\` on its admin port in the Prometheus text format. Besides what is
listed here there are the \`process_*\` and \`nodejs_*\` figures of the process. Units are seconds and
bytes; a histogram has \`_bucket\`, \`_sum\` and \`_count\` series. Edges put \`edge\` and \`pop\` on every
sample.

Edges and routers have series for the sites with the most requests, \`metrics.sites\` of them (100), and one for all
others: \`site="other"\`. Once a minute at most a site that has had more than twice the requests of a labelled one gets
its label. Each series only grows: a site that gets a label begins at zero and leaves in \`other\` what was counted there,
the series of one that loses it end. Histograms are classic ones: the client library has no native ones yet.

${sections.join("\n")}`;
}

function tableOf(part: MetricSpec["part"]): string {
  const rows = Object.entries<MetricSpec>(METRICS)
    .filter(([, spec]) => spec.part === part)
    .map(([name, spec]) => [
      `\`meridian_${name}\``,
      spec.kind,
      unitOf(name),
      spec.labels.map((label) => `\`${label}\``).join(", "),
      spec.help,
    ]);
  return markdownTable(["metric", "kind", "unit", "labels", "meaning"], rows);
}

/** The unit that a name ends in, as Prometheus recommends; nothing for plain numbers. */
function unitOf(name: string): string {
  const base = name.replace(/_total$/, "");
  if (base.endsWith("_timestamp_seconds")) return "seconds since 1970";
  if (base.endsWith("_bytes_per_second")) return "bytes per second";
  return /_(seconds|bytes)$/.exec(base)?.[1] ?? "";
}
