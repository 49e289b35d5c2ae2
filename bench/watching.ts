import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { eventually } from "../test/support/eventually.ts";
import { findProgram } from "../test/support/peers.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { type LoadFigures, runLoad } from "./http/load.ts";
import { LOAD_CORE, type RunningPeer, startEdge, startServer } from "./http/peers.ts";
import { mediansOf, noiseOf, type Series } from "./http/report.ts";
import { median } from "./median.ts";

/*
 * What it costs to be watched: hits of 1 KiB over HTTP/1.1 of edges that differ in that alone, on
 * one core in turns: `npm run -s bench:watching`. Needs wrk.
 */

const USAGE = "npm run -s bench:watching -- [--seconds 2] [--rounds 7] [--out FILE]";

const PATH = "/1024/hit";
const CONNECTIONS = 64;
const WARM_SECONDS = 4;

const stops: (() => void | Promise<void>)[] = [];
const scope = { after: (stop: () => void | Promise<void>) => void stops.push(stop) };

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "7" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});
const missing = ["wrk", "taskset"].filter((name) => !findProgram(name));
if (values.help === true || missing.length > 0) {
  process.stderr.write(missing.length > 0 ? `missing: ${missing.join(", ")}\n` : `${USAGE}\n`);
  process.exitCode = missing.length > 0 ? 1 : 0;
} else {
  try {
    await main();
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Edges by how they are watched; the first is the one that others are compared with. */
async function startEdges(origin: number): Promise<RunningPeer[]> {
  const folder = tempDir(scope);
  const log = (format: string) => [
    `--access-log=${join(folder, `${format}.log`)}`,
    `--access-format=${format}`,
  ];
  const ways = [
    ["metrics alone", []],
    ["access log, JSON", log("json")],
    ["access log, Combined", log("combined")],
  ] as const;
  const edges: RunningPeer[] = [];
  for (const [name, options] of ways) {
    edges.push({ ...(await startEdge(scope, origin, [], options)), name });
  }
  return edges;
}

async function main(): Promise<void> {
  const origin = await startServer(LOAD_CORE, scope, ["origin"]);
  const edges = await startEdges(origin.port);
  const options = { seconds: Number(values.seconds), connections: CONNECTIONS };
  const runs = new Map(edges.map((edge) => [edge, [] as LoadFigures[]]));
  for (const edge of edges) {
    await eventually("it serves", () => getOnce(edge.port));
    await runLoad(edge, PATH, { ...options, seconds: WARM_SECONDS });
  }
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [edge, figures] of runs) figures.push(await runLoad(edge, PATH, options));
  }
  const all = [...runs].map(([{ name }, figures]) => ({
    load: "1 KiB",
    server: name,
    runs: figures,
  }));
  process.stdout.write(`${costTable(all)}\n\n${noiseOf(all) ?? "quiet enough"}\n`);
  if (values.out !== undefined) {
    const result = { at: new Date().toISOString(), noise: noiseOf(all), series: all };
    writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  }
}

/** What each way costs, as the median over rounds of its ratio to the first (P). */
function costTable(all: readonly Series[]): string {
  const [plain] = all;
  const rows = all.map((series) => {
    const ratios = series.runs.map(
      (run, i) => (plain?.runs[i]?.requestsPerCpuSecond ?? Number.NaN) / run.requestsPerCpuSecond,
    );
    const cost = series === plain ? "" : `${((median(ratios) - 1) * 100).toFixed(1)} %`;
    const each = Math.round(mediansOf(series).requestsPerCpuSecond);
    return `| ${series.server} | ${each} | ${cost} |`;
  });
  const head = [
    "| watched by | requests per CPU second | more CPU time a request |",
    "| --- | ---: | ---: |",
  ];
  return [...head, ...rows].join("\n");
}

function getOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const ask = request({ host: "127.0.0.1", port, path: PATH, agent: new Agent() }, (answer) => {
      answer.once("error", reject);
      answer.resume().once("end", () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`${PATH}: ${answer.statusCode}`));
      });
    });
    ask.once("error", reject);
    ask.end();
  });
}
