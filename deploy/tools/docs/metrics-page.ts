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

${sections.join("\n")}`;
}

function tableOf(part: MetricSpec["part"]): string {
  const rows = Object.entries<MetricSpec>(METRICS)
    .filter(([, spec]) => spec.part === part)
    .map(([name, spec]) => [
      `\`meridian_${name}\``,
      spec.kind,
      spec.labels.map((label) => `\`${label}\``).join(", "),
      spec.help,
    ]);
  return markdownTable(["metric", "kind", "labels", "meaning"], rows);
}
