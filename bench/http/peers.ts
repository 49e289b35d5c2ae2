import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../test/support/eventually.ts";
import { freePort } from "../../test/support/free-port.ts";
import { REPOSITORY, RunningProcess } from "../../test/support/process.ts";
import type { Scope } from "../../test/support/scope.ts";
import { tempDir } from "../../test/support/temp-dir.ts";

/** A server that runs, and the process whose CPU time counts. */
export interface RunningPeer {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

/** The core of every server that is measured, and the one of loads and origins. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** Starts a command on one core; it is stopped with the scope. */
export function startOn(core: number, scope: Scope, command: readonly string[]): RunningProcess {
  const child = new RunningProcess({
    command: "taskset",
    args: ["-c", String(core), ...command],
    // The edge would begin anew to settle this, which a profiler does not survive.
    env: {
      MALLOC_ARENA_MAX: "1",
      MALLOC_MMAP_THRESHOLD_: "32768",
      MALLOC_TRIM_THRESHOLD_: "131072",
    },
  });
  scope.after(async () => {
    await child.stop();
  });
  return child;
}

/** One of the programs in `bench/http/servers.ts`. */
export async function startServer(
  core: number,
  scope: Scope,
  args: readonly string[],
): Promise<RunningPeer> {
  const program = join(REPOSITORY, "bench/http/servers.ts");
  const child = startOn(core, scope, [process.execPath, program, ...args]);
  const line = await child.waitForLine("stdout", (text) => text);
  const { port } = JSON.parse(line) as { port: number };
  return { name: args[0] ?? "", port, pid: child.pid };
}

/** The edge in quick mode, with what `node` is told before its program, and the edge behind it. */
export async function startEdge(
  scope: Scope,
  origin: number,
  nodeOptions: readonly string[] = [],
  edgeOptions: readonly string[] = [],
): Promise<RunningPeer> {
  const child = startOn(SERVER_CORE, scope, [
    process.execPath,
    ...nodeOptions,
    join(REPOSITORY, "bin/meridian.mjs"),
    "edge",
    "--listen=127.0.0.1:0",
    "--admin=127.0.0.1:0",
    `--origin=http://127.0.0.1:${origin}`,
    "--memory=512MiB",
    ...edgeOptions,
  ]);
  const ready = await child.waitForLine("stderr", (line) =>
    line.includes('"event":"ready"') ? line : undefined,
  );
  const { addresses } = JSON.parse(ready) as { addresses: { http: { port: number } } };
  return { name: "meridian", port: addresses.http.port, pid: child.pid };
}

export async function startNginx(scope: Scope, origin: number): Promise<RunningPeer> {
  const folder = tempDir(scope);
  const port = await freePort();
  const file = fillIn("nginx.conf", folder, { FOLDER: folder, PORT: port, ORIGIN: origin });
  const child = startOn(SERVER_CORE, scope, ["nginx", "-p", folder, "-c", file]);
  return { name: "nginx", port, pid: child.pid };
}

export async function startVarnish(scope: Scope, origin: number): Promise<RunningPeer> {
  const folder = tempDir(scope);
  const work = join(folder, "work");
  mkdirSync(work);
  const port = await freePort();
  const file = fillIn("varnish.vcl", folder, { ORIGIN: origin });
  const listen = ["-a", `127.0.0.1:${port}`, "-f", file, "-n", work];
  const command = ["varnishd", "-F", "-j", "none", ...listen, "-s", "malloc,512m"];
  const child = startOn(SERVER_CORE, scope, command);
  // The process that was started only looks after the one that serves.
  const pid = await eventually("varnish serves", () => {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
    const serving = children
      .trim()
      .split(" ")
      .find((each) => readFileSync(`/proc/${each}/comm`, "utf8").startsWith("cache"));
    if (serving === undefined) throw new Error("it has no such child yet");
    return Number(serving);
  });
  return { name: "varnish", port, pid };
}

function fillIn(name: string, folder: string, values: Record<string, string | number>): string {
  const template = readFileSync(join(REPOSITORY, "bench/peers", name), "utf8");
  const text = template.replaceAll(/@([A-Z]+)@/g, (all, key: string) => String(values[key] ?? all));
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}
