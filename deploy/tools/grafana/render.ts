import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as statPanel from "@grafana/grafana-foundation-sdk/stat";
import * as timeline from "@grafana/grafana-foundation-sdk/statetimeline";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import type { Board, Panel, Query, VariableName } from "./board.ts";

/** The data source is chosen by a variable, so that a dashboard works where it is imported. */
const DATA_SOURCE: common.DataSourceRef = { type: "prometheus", uid: "$datasource" };

/** Of Grafana 12.0, which the compose file starts; later ones read it and bring it up to date. */
const SCHEMA_VERSION = 41;

/** Rows of the grid: 30 pixels each. */
const HEIGHTS: Readonly<Record<Panel["kind"], number>> = { stat: 4, graph: 8, "up-or-down": 8 };

const VARIABLES: Readonly<Record<VariableName, { label: string; definition: string }>> = {
  site: { label: "Site", definition: "label_values(meridian_edge_requests_total, site)" },
  edge: { label: "Edge", definition: "label_values(meridian_edge_connections, edge)" },
  router: { label: "Router", definition: "label_values(meridian_dns_map_prefixes, instance)" },
};

/** A dashboard in the form that Grafana reads from a file (P). */
export function renderBoard(board: Board): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(board.title)
    .uid(`meridian-${board.name}`)
    .description(board.description)
    .tags(["meridian"])
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .refresh("10s")
    .time({ from: "now-30m", to: "now" })
    .timezone("browser")
    .link(linkToTheOthers())
    .withVariable(dataSourceVariable());
  for (const name of board.variables) builder.withVariable(labelVariable(name));
  for (const { title, panels } of board.sections) {
    builder.withRow(new dashboard.RowBuilder(title));
    for (const panel of panels) builder.withPanel(renderPanel(panel));
  }
  const built = builder.build();
  built.schemaVersion = SCHEMA_VERSION;
  // The builder hides links in a menu, where nobody looks for them.
  for (const link of built.links ?? []) delete link.placement;
  built.panels?.forEach((panel, index) => {
    panel.id = index + 1;
  });
  return built;
}

function linkToTheOthers(): dashboard.DashboardLinkBuilder {
  return new dashboard.DashboardLinkBuilder("Meridian")
    .type(dashboard.DashboardLinkType.Dashboards)
    .tags(["meridian"])
    .includeVars(true)
    .keepTime(true);
}

function dataSourceVariable(): dashboard.DatasourceVariableBuilder {
  return new dashboard.DatasourceVariableBuilder("datasource")
    .label("Data source")
    .type("prometheus");
}

function labelVariable(name: VariableName): dashboard.QueryVariableBuilder {
  const { label, definition } = VARIABLES[name];
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(DATA_SOURCE)
    .query({ query: definition, refId: name })
    .definition(definition)
    .multi(true)
    .includeAll(true)
    .allValue(".*")
    .current({ text: "All", value: "$__all" })
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc);
}

function renderPanel(panel: Panel): { build(): dashboard.Panel } {
  const builder = visualization(panel)
    .title(panel.title)
    .description(panel.description)
    .datasource(DATA_SOURCE)
    .unit(panel.unit)
    .height(HEIGHTS[panel.kind])
    .span(panel.width);
  panel.queries.forEach((query, index) => builder.withTarget(renderQuery(query, index)));
  return builder;
}

function visualization(
  panel: Panel,
): statPanel.PanelBuilder | timeseries.PanelBuilder | timeline.PanelBuilder {
  switch (panel.kind) {
    case "stat":
      return new statPanel.PanelBuilder()
        .thresholds(thresholds(panel.limits))
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
        .graphMode(common.BigValueGraphMode.Area)
        .colorMode(common.BigValueColorMode.Value);
    case "graph":
      return new timeseries.PanelBuilder()
        .min(0)
        .fillOpacity(panel.stacked === true ? 40 : 8)
        .stacking(
          new common.StackingConfigBuilder().mode(
            panel.stacked === true ? common.StackingMode.Normal : common.StackingMode.None,
          ),
        )
        .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi));
    case "up-or-down":
      return new timeline.PanelBuilder().mappings([
        {
          type: dashboard.MappingType.ValueToText,
          options: { "0": { text: "down", color: "red" }, "1": { text: "up", color: "green" } },
        },
      ]);
  }
}

/** Green, orange, red upwards; where low is bad, red is at the bottom. Without limits no colour. */
function thresholds(limits: Panel["limits"]): dashboard.ThresholdsConfigBuilder {
  const builder = new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute);
  if (limits === undefined) return builder.steps([{ value: null, color: "text" }]);
  const [orange, red] = limits;
  if (orange <= red) {
    return builder.steps([
      { value: null, color: "green" },
      { value: orange, color: "orange" },
      { value: red, color: "red" },
    ]);
  }
  return builder.steps([
    { value: null, color: "red" },
    { value: red, color: "orange" },
    { value: orange, color: "green" },
  ]);
}

function renderQuery(query: Query, index: number): prometheus.DataqueryBuilder {
  const builder = new prometheus.DataqueryBuilder()
    .refId(String.fromCharCode("A".charCodeAt(0) + index))
    .datasource(DATA_SOURCE)
    .expr(query.expr)
    .range();
  return query.legend === undefined ? builder : builder.legendFormat(query.legend);
}
