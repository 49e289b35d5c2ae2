import type { SocketAddress } from "../../common/address.ts";
import { freePort } from "../support/free-port.ts";
import {
  type LogEvent,
  type RunningProcess,
  runMeridian,
  startMeridian,
} from "../support/process.ts";
import type { Scope } from "../support/scope.ts";

/** A demo on ports of its own. */
export interface RunningDemo {
  readonly child: RunningProcess;
  readonly ready: LogEvent;
  readonly dns: SocketAddress;
  readonly origin: SocketAddress;
  readonly api: string;
  readonly edgePort: number;
  /** How long it took from the start of the process. */
  readonly readyMs: number;
  /** The options that moved it. */
  readonly moves: readonly string[];
  /** Runs a command against its API. */
  meridian(...args: string[]): ReturnType<typeof runMeridian>;
}

/** Starts `meridian demo` where nothing else is. */
export async function startDemo(scope: Scope, extra: readonly string[] = []): Promise<RunningDemo> {
  const [dns, control, origin, routerAdmin, controlAdmin, originAdmin] = [
    await local(),
    await local(),
    await local(),
    await local(),
    await local(),
    await local(),
  ];
  const edgePort = await freePort("127.0.10.1");
  const moves = [
    `--dns=${text(dns)}`,
    `--control=${text(control)}`,
    `--origin=${text(origin)}`,
    `--router-admin=${text(routerAdmin)}`,
    `--control-admin=${text(controlAdmin)}`,
    `--origin-admin=${text(originAdmin)}`,
    `--edge-port=${edgePort}`,
    `--edge-admin-port=${await freePort("127.0.10.2")}`,
  ];
  const started = performance.now();
  const { child, ready } = await startMeridian(scope, [
    "demo",
    "--log",
    "json",
    ...moves,
    ...extra,
  ]);
  const readyMs = performance.now() - started;
  const api = `http://${text(control)}`;
  return {
    child,
    ready,
    dns,
    origin,
    api,
    edgePort,
    readyMs,
    moves,
    meridian: (...args) => runMeridian(args, { env: { MERIDIAN_API: api } }),
  };
}

async function local(): Promise<SocketAddress> {
  return { host: "127.0.0.1", port: await freePort() };
}

function text({ host, port }: SocketAddress): string {
  return `${host}:${port}`;
}
