/** A query of a panel. */
export interface Query {
  /** PromQL; `$site`, `$edge` and `$router` are the variables of the dashboard. */
  readonly expr: string;
  /** Name of its lines, with labels as `{{edge}}`. */
  readonly legend?: string;
  /**
   * Why a CDN that is well, and has traffic, may have no value here. The test of the dashboards
   * fails on a query without data that does not say so.
   */
  readonly emptyWhen?: string;
}

/** A panel, 24 columns being the whole width. */
export interface Panel {
  readonly kind: "stat" | "graph" | "up-or-down";
  readonly title: string;
  readonly description: string;
  /** Grafana's name of a unit: `s`, `bytes`, `reqps`, `percentunit`. */
  readonly unit: string;
  readonly width: number;
  readonly queries: readonly Query[];
  /** Value from which a stat is orange, and from which red; descending if low is bad. */
  readonly limits?: readonly [orange: number, red: number];
  /** Lines lie on one another: only where their sum means something. */
  readonly stacked?: true;
}

/** Panels under one heading. */
export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** The lists that a reader narrows a dashboard by. */
export type VariableName = "site" | "edge" | "router";

/** One dashboard. */
export interface Board {
  /** Its file name, and the end of its uid. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly VariableName[];
  readonly sections: readonly Section[];
}

/** What a panel needs besides its kind. Widths have defaults: 3 for a stat, 8 for a graph. */
type PanelText = Omit<Panel, "kind" | "width" | "queries"> & {
  readonly width?: number;
  readonly queries: readonly (Query | readonly [expr: string, legend: string])[];
};

/** One figure with a small curve. */
export function stat(text: PanelText): Panel {
  return panel("stat", 3, text);
}

/** Lines over time. */
export function graph(text: PanelText): Panel {
  return panel("graph", 8, text);
}

/** A band for each series that is green while its value is 1 and red while it is 0. */
export function upOrDown(text: Omit<PanelText, "unit">): Panel {
  return panel("up-or-down", 12, { ...text, unit: "none" });
}

function panel(kind: Panel["kind"], width: number, text: PanelText): Panel {
  const queries = text.queries.map((query) =>
    "expr" in query ? query : { expr: query[0], legend: query[1] },
  );
  return { kind, width, ...text, queries };
}
