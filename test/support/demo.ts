import { join } from "node:path";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { freePort } from "./free-port.ts";
import { REPOSITORY, type RunningProcess, startProcess } from "./process.ts";
import type { Scope } from "./scope.ts";

/** One edge of the demo. */
export interface DemoEdge {
  readonly name: string;
  readonly pop: string;
  readonly http: SocketAddress;
  readonly admin: SocketAddress;
}

/** A running demo, on ports of its own. */
export interface RunningDemo {
  readonly child: RunningProcess;
  readonly dns: SocketAddress;
  readonly api: SocketAddress;
  readonly origin: SocketAddress;
  readonly admin: Readonly<Record<"router" | "control" | "origin", SocketAddress>>;
  readonly edges: readonly DemoEdge[];
  /** What the demo has printed for people, once it was ready. */
  readonly screen: string;
  /** From the start of the process to the ready screen. */
  readonly readyMs: number;
}

interface ReadyEvent {
  readonly addresses: Readonly<
    Record<"dns" | "origin" | "api" | "controlAdmin" | "routerAdmin" | "originAdmin", SocketAddress>
  >;
  readonly edges: readonly {
    readonly name: string;
    readonly pop: string;
    readonly address: string;
    readonly port: number;
    readonly admin: SocketAddress;
  }[];
}

/** Starts `meridian demo` of a checkout on free ports, and waits for its screen. */
export async function startDemo(scope: Scope, checkout = REPOSITORY): Promise<RunningDemo> {
  const started = performance.now();
  const child = startProcess(scope, {
    command: process.execPath,
    args: [join(checkout, "bin", "meridian.mjs"), "demo", "--log", "json", ...(await moves())],
    cwd: checkout,
  });
  const ready = await child.waitForLine("stderr", demoReady);
  await child.waitForLine("stdout", (line) => line.includes("Ctrl-C stops") || undefined);
  const readyMs = performance.now() - started;
  const { dns, origin, api, controlAdmin, routerAdmin, originAdmin } = ready.addresses;
  return {
    child,
    dns,
    api,
    origin,
    admin: { router: routerAdmin, control: controlAdmin, origin: originAdmin },
    edges: ready.edges.map(({ name, pop, address, port, admin }) => ({
      name,
      pop,
      http: { host: address, port },
      admin,
    })),
    screen: child.stdout.join("\n"),
    readyMs,
  };
}

/** The edge of one PoP. */
export function edgeOf(demo: RunningDemo, pop: string): DemoEdge {
  const edge = demo.edges.find((other) => other.pop === pop);
  if (edge === undefined) throw demo.child.failure(`the demo has no edge in ${pop}`);
  return edge;
}

/** Options that move every port of the demo to a free one. */
async function moves(): Promise<string[]> {
  const options = ["dns", "control", "origin", "router-admin", "control-admin", "origin-admin"];
  const moved: string[] = [];
  for (const option of options) {
    const address = { host: "127.0.0.1", port: await freePort() };
    moved.push(`--${option}`, formatSocketAddress(address));
  }
  moved.push("--edge-port", String(await freePort("127.0.10.1")));
  moved.push("--edge-admin-port", String(await freePort("127.0.10.1")));
  return moved;
}

function demoReady(line: string): ReadyEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  const event = JSON.parse(line) as ReadyEvent & { event: string; name?: string };
  return event.event === "ready" && event.name === "demo" ? event : undefined;
}
