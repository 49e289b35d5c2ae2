import { Command } from "commander";
import { formatBytes } from "../../common/units.ts";
import type { EdgeStatus, StatusBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import type { ClientFlags } from "./client-command.ts";
import { formatAgo, formatTable } from "./table.ts";
import { apiOption, jsonOption } from "./values.ts";

/** `meridian status`: the whole CDN on one screen. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show every edge as routers see it, its load, and what is hosted")
    .addOption(apiOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  meridian status\n  meridian status --json | jq .pops")
    .action(async (flags: ClientFlags) => {
      const status = await callApi<StatusBody>(flags.api, { path: "/status" });
      process.stdout.write(
        flags.json === true ? `${JSON.stringify(status, null, 2)}\n` : formatStatus(status),
      );
    });
}

/** Writes a status for a terminal (P). */
export function formatStatus(status: StatusBody): string {
  const { state, cdn } = status;
  const store = state.up
    ? `${state.kind} state at version ${state.version}`
    : `${state.kind} state does NOT ANSWER: edges serve on, nothing can be changed`;
  const edges = status.pops.flatMap((pop) => pop.edges);
  const routers = status.routers.map(routerText);
  const problems = status.routers.flatMap(({ name, mapProblems }) =>
    mapProblems.map((problem) => `router ${name}, map: ${problem}\n`),
  );
  const sites = status.sites.map(({ site, cdnHost }) => [
    site.name,
    cdnHost,
    (site.hosts ?? []).join(" ") || "-",
    site.origin.urls.join(" "),
  ]);
  return [
    `${cdn.domain}, TTL ${cdn.ttlSeconds} s, ${store}\n`,
    `routers: ${routers.join(", ") || "none has reported"}\n`,
    ...problems,
    "\n",
    formatTable([EDGE_HEADING, ...edges.map((edge) => edgeRow(edge, status))]),
    "\n",
    state.up ? "" : "Of the sites, only those of the configuration are known just now:\n",
    formatTable([["SITE", "SERVED AT", "HOSTS", "ORIGIN"], ...sites]),
    certificatesText(status.certificates),
  ].join("");
}

function certificatesText({ good, problems }: StatusBody["certificates"]): string {
  if (good + problems.length === 0) return "";
  const lines = problems.map(({ name, problem }) => `  ${name} ${problem}\n`);
  return [`\ncertificates: ${good} good\n`, ...lines].join("");
}

const EDGE_HEADING = [
  "EDGE",
  "POP",
  "ADDRESS",
  "HEALTH",
  "FOR",
  "REQ/S",
  "MBIT/S",
  "CPU",
  "CACHE",
  "VERSION",
  "LAST PROBE",
];

function edgeRow(edge: EdgeStatus, status: StatusBody): string[] {
  const beat = edge.heartbeat;
  const since = edge.routers[0]?.since;
  const health = edge.running === false ? `${edge.health} (stopped)` : edge.health;
  return [
    edge.name,
    edge.pop,
    `${edge.address}:${edge.port}`,
    edge.drained && edge.health !== "draining" ? `${health}, drained` : health,
    since === undefined ? "-" : formatAgo(status.now - since),
    beat === undefined ? "-" : beat.requestsPerSecond.toFixed(1),
    beat === undefined ? "-" : (beat.bitsPerSecond / 1e6).toFixed(1),
    beat?.cpu === undefined ? "-" : `${Math.round(beat.cpu * 100)}%`,
    beat === undefined
      ? "no heartbeat"
      : `${beat.objects} ${beat.objects === 1 ? "object" : "objects"}, ${formatBytes(beat.storeBytes)}`,
    versionText(edge),
    edge.routers[0]?.detail ?? "-",
  ];
}

/** A router, and what of the log is not in its answers. */
function routerText(router: StatusBody["routers"][number]): string {
  const { name, lag, queriesPerSecond, rollout } = router;
  const facts = [`${Math.round(queriesPerSecond)} queries/s`];
  if (lag > 0) facts.push(`${lag} behind`);
  if (rollout !== undefined && rollout.waiting > 0) {
    const { waiting, waitedMs, edges } = rollout;
    const whom = edges.length === 0 ? "edges" : edges.join(" ");
    facts.push(`${waiting} not in DNS yet: for ${(waitedMs / 1_000).toFixed(1)} s without ${whom}`);
  }
  return `${name} (${facts.join(", ")})`;
}

function versionText({ version, lag = 0 }: EdgeStatus): string {
  if (version === undefined) return "-";
  return lag > 0 ? `${version} (${lag} behind)` : String(version);
}
