import { runProcess } from "../../test/support/process.ts";
import { cpuSeconds } from "../soak/resident.ts";
import { LOAD_CORE, type RunningPeer } from "./peers.ts";

/** What one run of a load has shown. */
export interface LoadFigures {
  readonly requestsPerSecond: number;
  /** Requests for each second of CPU time that the server used. */
  readonly requestsPerCpuSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** `wrk` for so many seconds against one path of a server. Rejects if an answer was no success. */
export async function runLoad(
  { port, pid }: RunningPeer,
  path: string,
  options: { readonly seconds: number; readonly connections: number },
): Promise<LoadFigures> {
  const { seconds, connections } = options;
  const before = cpuSeconds(pid);
  const url = `http://127.0.0.1:${port}${path}`;
  const wrk = [
    "wrk",
    "-t1",
    `-c${connections}`,
    `-d${seconds}`,
    "--timeout",
    "30s",
    "--latency",
    url,
  ];
  const args = ["-c", String(LOAD_CORE), ...wrk];
  const { stdout } = await runProcess({ command: "taskset", args }, (seconds + 30) * 1_000);
  const used = cpuSeconds(pid) - before;
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${url}: ${stdout}`);
  return { ...figuresOf(stdout), requestsPerCpuSecond: requestsOf(stdout) / used };
}

function requestsOf(output: string): number {
  return Number(/(\d+) requests in/.exec(output)?.[1]);
}

/** Reads the report of `wrk --latency` (P). */
function figuresOf(output: string): Omit<LoadFigures, "requestsPerCpuSecond"> {
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    p50Ms: milliseconds(/^ *50% +(\S+)/m.exec(output)?.[1]),
    p99Ms: milliseconds(/^ *99% +(\S+)/m.exec(output)?.[1]),
  };
}

function milliseconds(text = ""): number {
  const [, value, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  return Number(value) * (unit === "us" ? 0.001 : unit === "s" ? 1_000 : 1);
}
