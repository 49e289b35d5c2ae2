import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { REPOSITORY, runProcess } from "../support/process.ts";
import { tempDir } from "../support/temp-dir.ts";
import { headingAnchors } from "../tidy/docs.ts";

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** What Prometheus has scraped, and what it should fire, as `promtool test rules` takes it. */
interface AlertCase {
  readonly series: Readonly<Record<string, string>>;
  /** When it is looked at, from the beginning of the series. */
  readonly at: string;
  /** Labels of the alerts that fire then, beside their severity. */
  readonly fires: readonly Readonly<Record<string, string>>[];
  /** How far apart samples are; left out: a minute. */
  readonly every?: string;
}

const FOLDER = join(REPOSITORY, "deploy/prometheus");
const RUNBOOKS = "docs/operations/alerts.md";

const alerts = parse(readFileSync(join(FOLDER, "alerts.yml"), "utf8")) as RuleFile;
const rules = alerts.groups.flatMap((group) => group.rules);

/** So many answers a minute: 5xx and others. */
const answers = (errors: number, others: number, length = "600") => ({
  'meridian_edge_requests_total{site="shop",cache="miss",code="5xx"}': `0+${errors}x${length}`,
  'meridian_edge_requests_total{site="shop",cache="hit",code="2xx"}': `0+${others}x${length}`,
});

/** So many first bytes a minute, within a second and later. */
const firstBytes = (quick: number, slow: number, length = "600") => ({
  'meridian_edge_first_byte_seconds_bucket{site="shop",le="1"}': `0+${quick}x${length}`,
  'meridian_edge_first_byte_seconds_count{site="shop"}': `0+${quick + slow}x${length}`,
});

const SHOP = [{ site: "shop" }];
const ROUTER = [{ instance: "r1" }];
const TEN_DAYS_OF_SECONDS = 10 * 86_400;

/** What makes each alert fire. */
const FIRING: Readonly<Record<string, AlertCase>> = {
  AvailabilityBurnFast: { series: answers(20, 980), at: "1h10m", fires: SHOP },
  AvailabilityBurnSlow: {
    series: answers(2, 998, "900"),
    every: "6m",
    at: "74h",
    fires: SHOP,
  },
  FirstByteBurnFast: { series: firstBytes(800, 200), at: "1h10m", fires: SHOP },
  FirstByteBurnSlow: { series: firstBytes(980, 20, "900"), every: "6m", at: "74h", fires: SHOP },
  HitRatioCollapse: {
    series: {
      'meridian_edge_requests_total{site="shop",cache="hit",code="2xx"}':
        "0+9000x144 1297000+1000x12",
      'meridian_edge_requests_total{site="shop",cache="miss",code="2xx"}':
        "0+1000x144 153000+9000x12",
    },
    every: "10m",
    at: "25h10m",
    fires: SHOP,
  },
  OriginDown: {
    series: { 'meridian_edge_origin_up{site="shop",origin="http://o",edge="e1"}': "1 0x10" },
    at: "5m",
    fires: [{ site: "shop", origin: "http://o" }],
  },
  OriginErrors: {
    series: {
      'meridian_edge_fills_total{site="shop",result="timeout"}': "0+10x30",
      'meridian_edge_fills_total{site="shop",result="stored"}': "0+90x30",
    },
    at: "15m",
    fires: SHOP,
  },
  DaemonDown: {
    series: { 'up{job="edge",instance="e1"}': "1 0x10" },
    at: "5m",
    fires: [{ job: "edge", instance: "e1" }],
  },
  EdgeOutOfDns: {
    series: { 'meridian_dns_edge_health{edge="e1",instance="r1"}': "1 0x10" },
    at: "8m",
    fires: [{ edge: "e1", instance: "r1" }],
  },
  EdgeFlapping: {
    series: { 'meridian_dns_edge_health{edge="e1",instance="r1"}': "1 1 0 1 0 1 0 1 1 1" },
    at: "9m",
    fires: [{ edge: "e1" }],
  },
  NoEdgeUp: {
    series: {
      'meridian_dns_edge_health{edge="e1",instance="r1"}': "1 0x10",
      'meridian_dns_edge_health{edge="e2",instance="r1"}': "0x10",
    },
    at: "3m",
    fires: ROUTER,
  },
  PopFull: {
    series: { 'meridian_dns_pop_load{pop="syd",instance="r1"}': "0.99x20" },
    at: "12m",
    fires: [{ pop: "syd" }],
  },
  DiskErrors: {
    series: { 'meridian_edge_disk_errors_total{edge="e1",operation="read"}': "0x5 1x10" },
    at: "8m",
    fires: [{ edge: "e1", operation: "read" }],
  },
  LogLinesLost: {
    series: {
      'meridian_edge_access_log_lines_total{edge="e1",result="dropped"}': "0+60x20",
      'meridian_dns_query_log_lines_total{instance="r1",result="failed"}': "0+60x20",
    },
    at: "12m",
    fires: [{ edge: "e1" }, { instance: "r1" }],
  },
  DnsServfail: {
    series: {
      'meridian_dns_queries_total{instance="r1",rcode="SERVFAIL"}': "0+10x20",
      'meridian_dns_queries_total{instance="r1",rcode="NOERROR"}': "0+990x20",
    },
    at: "12m",
    fires: ROUTER,
  },
  RateLimitActive: {
    series: { 'meridian_dns_rrl_total{instance="r1",action="drop"}': "0+1200x20" },
    at: "12m",
    fires: ROUTER,
  },
  QuorumLost: {
    series: { 'meridian_dns_health_quorum{instance="r1"}': "0x10" },
    at: "4m",
    fires: ROUTER,
  },
  LoadUnknown: {
    series: { 'meridian_dns_load_stale{instance="r1"}': "1x10" },
    at: "8m",
    fires: ROUTER,
  },
  MapProblems: {
    series: { 'meridian_dns_map_problems{instance="r1"}': "2x30" },
    at: "20m",
    fires: ROUTER,
  },
  KeysUnreadable: {
    series: { 'meridian_dns_zone_keys_good{instance="r1",zone="a.test"}': "0x10" },
    at: "8m",
    fires: [{ instance: "r1", zone: "a.test" }],
  },
  KeyWaitsForParent: {
    series: {
      'meridian_dns_zone_key_state{instance="r1",zone="a.test",tag="7",role="ksk",state="ready"}':
        "1x200",
    },
    every: "1h",
    at: "170h",
    fires: [{ zone: "a.test", tag: "7" }],
  },
  CertificateExpires: {
    series: {
      'meridian_dns_certificate_expiry_timestamp_seconds{job="router",instance="r1"}': `${TEN_DAYS_OF_SECONDS}x120`,
    },
    at: "90m",
    fires: [{ job: "router", instance: "r1" }],
  },
  CertificateExpiresSoon: {
    series: {
      'meridian_dns_certificate_expiry_timestamp_seconds{job="router",instance="r1"}': "86400x30",
    },
    at: "15m",
    fires: [{ job: "router", instance: "r1" }],
  },
  StateCutOff: {
    series: { 'meridian_state_up{job="edge",instance="e1"}': "1 0x10" },
    at: "5m",
    fires: [{ job: "edge", instance: "e1" }],
  },
  StateLagging: {
    series: { 'meridian_state_lag_versions{job="edge",instance="e1"}': "0 3x10" },
    at: "5m",
    fires: [{ job: "edge", instance: "e1" }],
  },
  PurgesSlow: {
    series: {
      'meridian_purge_latency_seconds_bucket{le="1"}': "0x60",
      'meridian_purge_latency_seconds_bucket{le="2.5"}': "0+10x60",
      'meridian_purge_latency_seconds_bucket{le="+Inf"}': "0+10x60",
    },
    at: "45m",
    fires: [{}],
  },
};

/** Three hours of a CDN to which nothing happens, or no more than always does. */
const HEALTHY: Readonly<Record<string, string>> = {
  ...answers(0, 990, "240"),
  'meridian_edge_requests_total{site="shop",cache="miss",code="2xx"}': "0+110x240",
  ...firstBytes(1_095, 1, "240"),
  'meridian_edge_fills_total{site="shop",result="stored"}': "0+109x240",
  'meridian_edge_fills_total{site="shop",result="error"}': "0+1x240",
  'meridian_edge_origin_up{site="shop",origin="http://o",edge="e1"}': "1x240",
  'up{job="edge",instance="e1"}': "1x240",
  'meridian_dns_edge_health{edge="e1",instance="r1"}': "1x100 0 1x139",
  'meridian_dns_pop_load{pop="syd",instance="r1"}': "0.6x240",
  'meridian_edge_disk_errors_total{edge="e1",operation="read"}': "0x240",
  'meridian_edge_access_log_lines_total{edge="e1",result="written"}': "0+1100x240",
  'meridian_dns_queries_total{instance="r1",rcode="NOERROR"}': "0+10000x240",
  'meridian_dns_queries_total{instance="r1",rcode="SERVFAIL"}': "0+1x240",
  'meridian_dns_rrl_total{instance="r1",action="pass"}': "0+10000x240",
  'meridian_dns_rrl_total{instance="r1",action="slip"}': "0+60x240",
  'meridian_dns_health_quorum{instance="r1"}': "1x240",
  'meridian_dns_load_stale{instance="r1"}': "0x240",
  'meridian_dns_map_problems{instance="r1"}': "0x240",
  'meridian_dns_zone_keys_good{instance="r1",zone="a.test"}': "1x240",
  'meridian_dns_certificate_expiry_timestamp_seconds{job="router",instance="r1"}': "8000000x240",
  'meridian_state_up{job="edge",instance="e1"}': "1x240",
  'meridian_state_lag_versions{job="edge",instance="e1"}': "0x50 1 0x189",
  'meridian_purge_latency_seconds_bucket{le="1"}': "0+10x240",
  'meridian_purge_latency_seconds_bucket{le="+Inf"}': "0+10x240",
};

/** One test of `promtool test rules`. */
function promtoolTest(
  { series, at, every = "1m" }: Omit<AlertCase, "fires">,
  expected: readonly { readonly rule: AlertRule; readonly labels: readonly object[] }[],
) {
  return {
    interval: every,
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: expected.map(({ rule, labels }) => ({
      eval_time: at,
      alertname: rule.alert,
      exp_alerts: labels.map((each) => ({ exp_labels: { ...rule.labels, ...each } })),
    })),
  };
}

function ruleNamed(name: string): AlertRule {
  const rule = rules.find(({ alert }) => alert === name);
  assert.ok(rule !== undefined, `there is no alert ${name}`);
  return rule;
}

describe("the alerts", () => {
  it("fire when they should, and not in a healthy CDN", async (t) => {
    const firing = Object.entries(FIRING).map(([name, { fires, ...world }]) =>
      promtoolTest(world, [{ rule: ruleNamed(name), labels: fires }]),
    );
    const looks = ["30m", "102m", "3h"].map((at) =>
      promtoolTest(
        { series: HEALTHY, at },
        rules.map((rule) => ({ rule, labels: [] })),
      ),
    );
    const [first] = looks;
    const healthy = {
      ...first,
      interval: "1m",
      alert_rule_test: looks.flatMap((look) => look.alert_rule_test),
    };
    // What they say is for people; promtool would want it to the letter.
    const groups = alerts.groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ({ ...rule, annotations: {} })),
    }));
    const folder = tempDir(t);
    const bare = join(folder, "alerts.json");
    writeFileSync(bare, JSON.stringify({ groups }));
    const ruleFiles = [join(FOLDER, "rules.yml"), bare];
    // Days are looked at in larger steps: each step evaluates all rules.
    const bySteps = Map.groupBy([...firing, healthy], ({ interval }) => interval);
    const files = [...bySteps].map(([interval, tests]) => {
      const file = join(folder, `${interval}.json`);
      const all = {
        rule_files: ruleFiles,
        evaluation_interval: interval,
        // Ratios first: at such steps those of the step before are too old to be seen.
        group_eval_order: ["meridian-ratios", ...groups.map(({ name }) => name)],
        tests,
      };
      writeFileSync(file, JSON.stringify(all));
      return file;
    });
    const args = ["test", "rules", ...files];
    const { code, stdout, stderr } = await runProcess({ command: "promtool", args }, 240_000);
    assert.equal(code, 0, `${stdout}${stderr}`);
  });

  it("all have a case here that makes them fire", () => {
    assert.deepEqual(new Set(Object.keys(FIRING)), new Set(rules.map(({ alert }) => alert)));
  });

  it("all say what is wrong, how urgent it is, and where to read what to do", () => {
    const page = readFileSync(join(REPOSITORY, RUNBOOKS), "utf8");
    const anchors = headingAnchors(page);
    for (const { alert, labels, annotations } of rules) {
      assert.ok(["page", "ticket"].includes(labels.severity), alert);
      assert.ok((annotations["summary"] ?? "").length > 20, alert);
      const [file, anchor = ""] = (annotations["runbook"] ?? "").split("#");
      assert.equal(file, RUNBOOKS, alert);
      assert.ok(anchors.has(anchor), `${alert}: ${RUNBOOKS} has no section of it`);
    }
    const sections = page.split("\n").filter((line) => line.startsWith("## "));
    assert.deepEqual(
      sections.map((line) => line.slice(3)).toSorted(),
      rules.map(({ alert }) => alert).toSorted(),
    );
  });
});
