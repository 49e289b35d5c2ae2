import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Load, type LoadCounts } from "./load.ts";
import { type Options, TOLERANCE } from "./options.ts";
import { cpuSeconds, residentBytes } from "./resident.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** How a soak went. Resident memory in bytes, sampled once a second. */
export interface SoakReport {
  readonly passed: boolean;
  readonly seconds: number;
  readonly memoryBytes: number;
  readonly residentBytesMax: number;
  readonly residentShareMax: number;
  readonly residentBytesLast: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly counts: LoadCounts;
  /** Metrics of the edge at the end, by name. */
  readonly edge: Readonly<Record<string, number>>;
}

/** Runs an edge and an origin in processes of their own, and this process as their clients. */
export async function soak(
  options: Options,
  onSample: (second: number, resident: number, requests: number) => void,
): Promise<SoakReport> {
  const children: ChildProcess[] = [];
  try {
    const origin = start(children, ["bench/soak/origin.ts"]);
    const { port } = await announcement<{ port: number }>(origin.stdout);
    const edge = start(children, [
      "bin/meridian.mjs",
      "edge",
      "--listen=127.0.0.1:0",
      `--origin=http://127.0.0.1:${port}`,
      `--memory=${options.memoryBytes}B`,
    ]);
    const { addresses } = await announcement<Ready>(edge.stderr);
    const load = new Load({ ...options, at: addresses.http });
    const samples = await watch(edge, load, options, onSample);
    const metrics = await metricsOf(addresses.admin.port);
    metrics["cpu_seconds"] = cpuSeconds(edge.pid ?? 0);
    load.stop();
    return report(options, samples, load.counts, metrics);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

interface Ready {
  readonly addresses: {
    readonly http: { readonly host: string; readonly port: number };
    readonly admin: { readonly port: number };
  };
}

function start(children: ChildProcess[], args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: REPOSITORY, stdio: "pipe" });
  children.push(child);
  return child;
}

/** The first line that says where the child listens. The rest is read and forgotten. */
async function announcement<T>(output: Readable | null): Promise<T> {
  if (output === null) throw new Error("the child has no output");
  const lines = createInterface({ input: output });
  const shown: string[] = [];
  for (;;) {
    const [line] = (await Promise.race([once(lines, "line"), once(lines, "close")])) as [string?];
    if (line === undefined) throw new Error(`a child did not start:\n${shown.join("\n")}`);
    if (line.includes('"port":') && !line.includes('"level":"warn"')) {
      lines.on("line", () => {});
      return JSON.parse(line) as T;
    }
    shown.push(line);
  }
}

async function watch(
  edge: ChildProcess,
  load: Load,
  { seconds }: Options,
  onSample: (second: number, resident: number, requests: number) => void,
): Promise<number[]> {
  const samples: number[] = [];
  let requests = 0;
  for (let second = 1; second <= seconds; second += 1) {
    await delay(1_000);
    if (edge.exitCode !== null || edge.signalCode !== null) {
      throw new Error(`the edge has ended (${edge.exitCode ?? edge.signalCode})`);
    }
    const resident = residentBytes(edge.pid ?? 0);
    samples.push(resident);
    onSample(second, resident, load.counts.requests - requests);
    requests = load.counts.requests;
  }
  return samples;
}

/** The sums of the edge's metrics that say how it fared. */
async function metricsOf(port: number): Promise<Record<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const sums: Record<string, number> = {};
  for (const line of (await response.text()).split("\n")) {
    const [, name = "", value] =
      /^meridian_(edge_(?:store|evictions|cut|fills|memory)\w*|process\w*)\S* (\S+)$/.exec(line) ??
      [];
    if (name !== "") sums[name] = (sums[name] ?? 0) + Number(value);
  }
  return sums;
}

function report(
  { seconds, memoryBytes }: Options,
  samples: readonly number[],
  counts: LoadCounts,
  edge: Readonly<Record<string, number>>,
): SoakReport {
  const residentBytesMax = Math.max(...samples);
  const residentShareMax = residentBytesMax / memoryBytes;
  return {
    passed: residentShareMax <= TOLERANCE && counts.wrong === 0 && counts.requests > 0,
    seconds,
    memoryBytes,
    residentBytesMax,
    residentShareMax: Math.round(residentShareMax * 1_000) / 1_000,
    residentBytesLast: samples.at(-1) ?? 0,
    requestsPerSecond: Math.round(counts.requests / seconds),
    bytesPerSecond: Math.round(counts.bytes / seconds),
    counts,
    edge,
  };
}
