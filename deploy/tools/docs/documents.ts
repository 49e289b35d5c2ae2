import { dashboardDocuments } from "../grafana/boards.ts";
import { cliPage } from "./cli-page.ts";
import { configurationPage } from "./configuration-page.ts";
import { configurationSchema } from "./configuration-schema.ts";
import { metricsPage } from "./metrics-page.ts";
import { rfcIndexPage } from "./rfc-index-page.ts";

/**
 * Every document that is made from code: its path from the root of the repository, and its text.
 */
export function generatedDocuments(): ReadonlyMap<string, string> {
  const schema = { title: "Meridian configuration", ...configurationSchema() };
  return new Map([
    ["docs/metrics.md", metricsPage()],
    ["docs/configuration.md", configurationPage()],
    ["docs/cli.md", cliPage()],
    ["docs/rfc-index.md", rfcIndexPage()],
    ["deploy/config.schema.json", `${JSON.stringify(schema, null, 2)}\n`],
    ...dashboardDocuments(),
  ]);
}
