import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { SocketAddress } from "../../common/address.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** An edge and its origin, each in a process of its own. */
export interface Pair {
  readonly edge: ChildProcess;
  readonly http: SocketAddress;
  readonly adminPort: number;
  stop(): void;
}

/** Starts the soak's origin, and a quick-mode edge in front of it with such a memory budget. */
export async function startPair(memoryBytes: number): Promise<Pair> {
  const children: ChildProcess[] = [];
  const stop = (): void => {
    for (const child of children) child.kill("SIGKILL");
  };
  try {
    const origin = start(children, ["bench/soak/origin.ts"]);
    const { port } = await announcement<{ port: number }>(origin.stdout);
    const edge = start(children, [
      "bin/meridian.mjs",
      "edge",
      "--listen=127.0.0.1:0",
      `--origin=http://127.0.0.1:${port}`,
      `--memory=${memoryBytes}B`,
    ]);
    const { addresses } = await announcement<Ready>(edge.stderr);
    return { edge, http: addresses.http, adminPort: addresses.admin.port, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** What an edge says when it serves. */
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

/** The sums of the edge's metrics that say how it fared. */
export async function metricsOf(port: number): Promise<Record<string, number>> {
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
