import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { parseConfig } from "../../common/config/load.ts";
import { METRICS, type MetricName, type MetricSpec } from "../../common/metric-table.ts";
import { dashboardDocuments } from "../../deploy/tools/grafana/boards.ts";
import { REPOSITORY, runProcess } from "../support/process.ts";
import { tempDir } from "../support/temp-dir.ts";

const DASHBOARDS = join(REPOSITORY, "deploy/grafana/dashboards");
const PROMETHEUS = join(REPOSITORY, "deploy/prometheus");

/** Labels that Prometheus or the daemon itself puts on every sample. */
const COMMON_LABELS: Readonly<Record<MetricSpec["part"], readonly string[]>> = {
  all: ["job", "instance"],
  control: ["job", "instance"],
  dns: ["job", "instance"],
  edge: ["job", "instance", "edge", "pop"],
  origin: ["job", "instance"],
};

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly definition?: string }[];
  };
}

const dashboards = readdirSync(DASHBOARDS).map(
  (file) => JSON.parse(readFileSync(join(DASHBOARDS, file), "utf8")) as Dashboard,
);

const expressions = dashboards.flatMap((board) =>
  board.panels.flatMap((panel) =>
    (panel.targets ?? []).map(({ expr }) => ({ where: `${board.title}: ${panel.title}`, expr })),
  ),
);

const alerts = ["rules.yml", "alerts.yml"].flatMap((file) =>
  (
    parse(readFileSync(join(PROMETHEUS, file), "utf8")) as {
      groups: { rules: { alert?: string; record?: string; expr: string }[] }[];
    }
  ).groups.flatMap(({ rules }) =>
    rules.map(({ alert, record, expr }) => ({ where: `${alert ?? record}`, expr })),
  ),
);

const recorded = new Set(alerts.map(({ where }) => where).filter((name) => name.includes(":")));

/** What an expression says about metrics that do not exist, or labels that they do not have. */
function unknownNames(expr: string): string[] {
  const problems: string[] = [];
  for (const [name] of expr.matchAll(/\b\w+:\w+:\w+/g)) {
    if (!recorded.has(name)) problems.push(`${name}: no such rule`);
  }
  // What rules record has no label but the first part of its name.
  const labels = new Set([...expr.matchAll(/\b(\w+):\w+:\w+/g)].map((match) => match[1] ?? ""));
  for (const [, name = ""] of expr.matchAll(/\bmeridian_(\w+)/g)) {
    const metric = name.replace(/_(bucket|sum|count)$/, "");
    const spec: MetricSpec | undefined = METRICS[metric as MetricName];
    if (spec === undefined) problems.push(`meridian_${name}: no such metric`);
    else if ((metric === name) === (spec.kind === "histogram")) {
      problems.push(`meridian_${name}: a ${spec.kind} is not used like that`);
    }
    for (const label of [...(spec?.labels ?? []), ...COMMON_LABELS[spec?.part ?? "all"]]) {
      labels.add(label);
    }
  }
  const used = [
    ...[...expr.matchAll(/[{,]\s*(\w+)\s*[=!]/g)].map((match) => match[1] ?? ""),
    ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) => (match[1] ?? "").split(/,\s*/)),
  ];
  for (const label of used) {
    if (label !== "le" && !labels.has(label)) problems.push(`label ${label}: not on these metrics`);
  }
  return problems;
}

test("every metric and label of the dashboards and alerts exists", () => {
  assert.ok(expressions.length > 100);
  for (const { where, expr } of [...expressions, ...alerts]) {
    assert.deepEqual(unknownNames(expr), [], where);
  }
  for (const { templating } of dashboards) {
    for (const { definition } of templating.list) {
      if (definition === undefined) continue;
      const [, metric = "", label = ""] =
        /^label_values\(meridian_(\w+), (\w+)\)$/.exec(definition) ?? [];
      const spec: MetricSpec | undefined = METRICS[metric as MetricName];
      assert.ok(spec !== undefined, definition);
      assert.ok([...spec.labels, ...COMMON_LABELS[spec.part]].includes(label), definition);
    }
  }
});

test("the check sees what it is for", () => {
  assert.deepEqual(unknownNames("rate(meridian_unknown_total[1m])"), [
    "meridian_unknown_total: no such metric",
  ]);
  assert.deepEqual(unknownNames('meridian_edge_requests_total{tier="memory"}'), [
    "label tier: not on these metrics",
  ]);
  assert.deepEqual(unknownNames("sum by (pop, shape) (meridian_edge_store_bytes)"), [
    "label shape: not on these metrics",
  ]);
  assert.deepEqual(unknownNames("site:edge_hits:ratio_rate2m"), [
    "site:edge_hits:ratio_rate2m: no such rule",
  ]);
  assert.deepEqual(unknownNames('site:edge_hits:ratio_rate30m{edge="a"}'), [
    "label edge: not on these metrics",
  ]);
  assert.equal(unknownNames("meridian_purge_latency_seconds").length, 1);
  assert.deepEqual(
    unknownNames('rate(meridian_edge_first_byte_seconds_bucket{cache="hit"}[1m])'),
    [],
  );
});

test("what the design promises to measure is on a dashboard", () => {
  const all = expressions.map(({ expr }) => expr).join("\n");
  const shown = `
    edge_requests_total edge_response_bytes_total edge_first_byte_seconds_bucket edge_fills_total
    edge_fill_waiters edge_store_bytes edge_evictions_total edge_origin_up
    dns_queries_total dns_query_duration_seconds_bucket dns_steered_total dns_edge_health
    purge_latency_seconds_bucket state_up state_lag_versions
  `;
  for (const metric of shown.trim().split(/\s+/)) {
    assert.ok(all.includes(`meridian_${metric}`), metric);
  }
});

test("every variable of an expression is one of its dashboard, and each is used", () => {
  for (const { title, panels, templating } of dashboards) {
    const all = panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr)).join("\n");
    const used = [...all.matchAll(/"\$(\w+)"/g)].map((match) => match[1]);
    const declared = templating.list.filter(({ definition }) => definition !== undefined);
    assert.deepEqual(new Set(used), new Set(declared.map(({ name }) => name)), title);
  }
});

test("no file is left of a dashboard that is not made any more", () => {
  const made = dashboardDocuments().map(([path]) => join(REPOSITORY, path));
  const found = readdirSync(DASHBOARDS).map((file) => join(DASHBOARDS, file));
  assert.deepEqual(new Set(found), new Set(made));
});

test("panels have their own id and place", () => {
  for (const { panels } of dashboards) {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.equal(taken.get(`${x},${y}`), undefined, `${title} lies over another panel`);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  }
});

test("promtool parses every expression, the scrape configuration and the alerts", async (t) => {
  const dir = tempDir(t);
  const rules = expressions.map(({ expr }, index) => ({
    record: `panel:${index}`,
    expr: expr.replaceAll("$__rate_interval", "1m").replaceAll(/\$\w+/g, ".*"),
  }));
  const file = join(dir, "panels.json");
  writeFileSync(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
  for (const args of [
    ["check", "rules", file],
    ["check", "rules", join(PROMETHEUS, "rules.yml"), join(PROMETHEUS, "alerts.yml")],
    ["check", "config", "--syntax-only", join(PROMETHEUS, "prometheus.yml")],
  ]) {
    const { code, stdout, stderr } = await runProcess({ command: "promtool", args });
    assert.equal(code, 0, `${args.join(" ")}\n${stdout}${stderr}`);
  }
});

test("prometheus.yml scrapes every daemon of the compose file on its admin port", () => {
  const scraped = parse(readFileSync(join(PROMETHEUS, "prometheus.yml"), "utf8")) as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  const targets = scraped.scrape_configs.flatMap(({ static_configs }) =>
    static_configs.flatMap(({ targets }) => targets),
  );
  const compose = parse(readFileSync(join(REPOSITORY, "docker-compose.yml"), "utf8"), {
    merge: true,
  }) as { services: Record<string, { command?: string[]; image: string }> };
  const daemons = Object.entries(compose.services).filter(
    ([name, { image }]) => image.includes("MERIDIAN_IMAGE") && name !== "wan",
  );
  const expected = daemons.map(([name]) => `${name}:9100`);
  assert.deepEqual(new Set(targets), new Set([...expected, "127.0.0.1:9090"]));
});

test("the compose file and its configuration name the same edges and addresses", () => {
  const file = join(REPOSITORY, "deploy/compose/meridian.yaml");
  const config = parseConfig(readFileSync(file, "utf8"), file);
  assert.ok(config.ok, config.ok ? "" : JSON.stringify(config.error));
  const compose = parse(readFileSync(join(REPOSITORY, "docker-compose.yml"), "utf8"), {
    merge: true,
  }) as {
    services: Record<
      string,
      { command?: string[]; networks: { internet: { ipv4_address: string } } }
    >;
  };
  const started = Object.values(compose.services)
    .filter(({ command }) => command?.[0] === "edge")
    .map(({ command, networks }) => [command?.at(-1), networks.internet.ipv4_address]);
  const configured = config.value.pops.flatMap(({ edges }) =>
    edges.map(({ name, address }) => [name, address]),
  );
  assert.deepEqual(started, configured);
  const [ns] = config.value.cdn.nameservers;
  assert.equal(ns?.address, compose.services["router"]?.networks.internet.ipv4_address);
});
