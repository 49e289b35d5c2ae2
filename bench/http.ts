import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { eventually } from "../test/support/eventually.ts";
import { findProgram } from "../test/support/peers.ts";
import { REPOSITORY } from "../test/support/process.ts";
import { type LoadFigures, runLoad } from "./http/load.ts";
import {
  LOAD_CORE,
  type RunningPeer,
  SERVER_CORE,
  startEdge,
  startNginx,
  startServer,
  startVarnish,
} from "./http/peers.ts";
import { noiseOf, type Series, tableOf } from "./http/report.ts";
import { median } from "./median.ts";

/*
 * Hits over HTTP/1.1 of this edge, nginx and Varnish, one core each, in turns: `npm run -s
 * bench:http`. The server has core 0, load and origin have core 1. Needs nginx, varnish and wrk.
 */

const USAGE = "npm run -s bench:http -- [--seconds 2] [--rounds 5] [--sizes 1024,...] [--out FILE]";

const KIB = 1_024;

/** Large bodies keep a load busy with few connections. */
const connectionsFor = (bytes: number) => (bytes > 1_000 * KIB ? 8 : 64);

/** Before anything counts, each server has been asked for so long: code is compiled meanwhile. */
const WARM_SECONDS = 4;

/** What misses need is compiled meanwhile, too: the hits before them went another way. */
const WARM_MISSES = 1_000;

const MISSES = 300;

const stops: (() => void | Promise<void>)[] = [];
const scope = { after: (stop: () => void | Promise<void>) => void stops.push(stop) };

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    sizes: { type: "string", default: [1, 10, 100, 10_240].map((n) => n * KIB).join(",") },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});
const missing = ["nginx", "varnishd", "wrk", "taskset"].filter((name) => !findProgram(name));
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

async function main(): Promise<void> {
  const origin = await startServer(LOAD_CORE, scope, ["origin"]);
  const caches = [
    await startEdge(scope, origin.port),
    await startNginx(scope, origin.port),
    await startVarnish(scope, origin.port),
  ];
  const all: Series[] = [];
  for (const bytes of values.sizes.split(",").map(Number)) {
    const raw = await startServer(SERVER_CORE, scope, ["raw", String(bytes)]);
    all.push(...(await compare(bytes, [...caches, { ...raw, name: "node:net, no cache" }])));
  }
  const misses = await addedByMisses(origin, caches);
  const noise = noiseOf(all);
  process.stdout.write(`${tableOf(all)}\n\n${missTable(misses)}\n\n${noise ?? "quiet enough"}\n`);
  const result = { machine: machine(), noise, series: all, misses };
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
}

/** Hits of one size, each server once in each round. */
async function compare(bytes: number, servers: readonly RunningPeer[]): Promise<Series[]> {
  const path = `/${bytes}/hit`;
  const options = { seconds: Number(values.seconds), connections: connectionsFor(bytes) };
  const runs = new Map(servers.map((server) => [server, [] as LoadFigures[]]));
  for (const server of servers) {
    await eventually("it serves", () => getOnce(server.port, path, new Agent()));
    await runLoad(server, path, { ...options, seconds: WARM_SECONDS });
  }
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [server, figures] of runs) figures.push(await runLoad(server, path, options));
  }
  const load = bytes < 1_024 * KIB ? `${bytes / KIB} KiB` : `${bytes / KIB / KIB} MiB`;
  return [...runs].map(([{ name }, figures]) => ({ load, server: name, runs: figures }));
}

interface MissFigures {
  readonly server: string;
  readonly medianMs: number;
}

/** Time to the last byte of something new, by the origin itself and through each cache in turns. */
async function addedByMisses(
  origin: RunningPeer,
  caches: readonly RunningPeer[],
): Promise<MissFigures[]> {
  const agent = new Agent({ keepAlive: true });
  const times = new Map<RunningPeer, number[]>([origin, ...caches].map((each) => [each, []]));
  for (let i = -WARM_MISSES; i < MISSES; i += 1) {
    for (const [server, ms] of times) {
      const start = performance.now();
      await getOnce(server.port, `/1024/miss-${process.pid}-${i}`, agent);
      if (i >= 0) ms.push(performance.now() - start);
    }
  }
  agent.destroy();
  return [...times].map(([{ name }, ms]) => ({ server: name, medianMs: median(ms) }));
}

function missTable(misses: readonly MissFigures[]): string {
  const direct = misses[0]?.medianMs ?? 0;
  const rows = misses.map(
    ({ server, medianMs }) =>
      `| ${server} | ${medianMs.toFixed(3)} | ${(medianMs - direct).toFixed(3)} |`,
  );
  const head = [
    "| a miss of 1 KiB by | median ms | more than from the origin |",
    "| --- | ---: | ---: |",
  ];
  return [...head, ...rows].join("\n");
}

function getOnce(port: number, path: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const ask = request({ host: "127.0.0.1", port, path, agent }, (answer) => {
      answer.once("error", reject);
      answer.resume().once("end", () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`${path}: ${answer.statusCode}`));
      });
    });
    ask.once("error", reject);
    ask.end();
  });
}

function machine() {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: REPOSITORY }).toString().trim();
  const program = join(REPOSITORY, "bench");
  return {
    at: new Date().toISOString(),
    commit: git("rev-parse", "--short", "HEAD"),
    isClean: git("status", "--porcelain", "--", "edge", "common", program) === "",
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    linux: release(),
    node: process.version,
  };
}
