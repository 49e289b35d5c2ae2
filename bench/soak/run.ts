import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { Load, type LoadCounts } from "./load.ts";
import { type Options, TOLERANCE } from "./options.ts";
import { metricsOf, startPair } from "./pair.ts";
import { cpuSeconds, residentBytes } from "./resident.ts";

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
  const pair = await startPair(options.memoryBytes);
  try {
    const load = new Load({ ...options, at: pair.http });
    const samples = await watch(pair.edge, load, options, onSample);
    const metrics = await metricsOf(pair.adminPort);
    metrics["cpu_seconds"] = cpuSeconds(pair.edge.pid ?? 0);
    load.stop();
    return report(options, samples, load.counts, metrics);
  } finally {
    pair.stop();
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
