import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { systemClock } from "../../common/clock.ts";
import { runUntilSignal } from "../../common/daemon.ts";
import { ListenError, listenTcp } from "../../common/listen.ts";
import { createLogger, type Logger, type LogStyle } from "../../common/log.ts";
import { systemRandom } from "../../common/random.ts";
import { makeSealingKey } from "../../common/sealed.ts";
import type { StateStore } from "../../state/store.ts";
import { startEdgeCommand, stopEdgeCommand } from "./demo-edge.ts";
import { DemoFleet } from "./demo-fleet.ts";
import {
  type DemoLayout,
  type DemoMoves,
  type DemoPlan,
  optionThatMoves,
  planDemo,
} from "./demo-plan.ts";
import { untilAllUp } from "./demo-ready.ts";
import { demoScreen } from "./demo-screen.ts";
import { loadDeployment } from "./deployment.ts";
import { CommandFailure } from "./failure.ts";
import {
  controlOptions,
  edgeOptions,
  type PlacedEdge,
  placedEdges,
  routerOptions,
} from "./roles.ts";
import { announcePart, DaemonGroup } from "./run.ts";
import { startControl, startEdge, startOrigin, startRouter } from "./start.ts";
import { jsonOption, logOption, readAddress, readPort, readSeconds } from "./values.ts";

const CONFIG_FILE = fileURLToPath(new URL("../../deploy/demo/demo.yaml", import.meta.url));

/** Nobody waits for the demo's traffic: whatever is under way may break when it ends. */
const STOP_DEADLINE_MS = 1_000;

const EXAMPLES = `
Examples:
  meridian demo
  meridian demo --seconds 30
  meridian demo --dns 127.0.0.1:5353 --control 127.0.0.1:9190
  meridian demo stop-edge syd-1           while it runs: as if that machine had died
  meridian demo start-edge syd-1`;

interface DemoFlags extends DemoMoves {
  readonly seconds?: number;
  readonly json?: boolean;
  readonly log: LogStyle;
}

/** `meridian demo`: the whole CDN on loopback, in one process, with state in memory. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("run a whole CDN on this machine: origin, router, five regions, control, console")
    .option("--seconds <n>", "stop after so many seconds", readSeconds)
    .option("--dns <address:port>", "where DNS answers", readAddress)
    .option("--control <address:port>", "where the control API and the console are", readAddress)
    .option("--origin <address:port>", "where the origin is", readAddress)
    .option("--origin-admin <address:port>", "admin port of the origin", readAddress)
    .option("--edge-port <port>", "port of the edges", readPort)
    .option("--edge-admin-port <port>", "admin port of the edges", readPort)
    .option("--router-admin <address:port>", "admin port of the router", readAddress)
    .option("--control-admin <address:port>", "admin port of the control server", readAddress)
    .addOption(jsonOption())
    .addOption(logOption("pretty"))
    .addHelpText("after", EXAMPLES)
    .action(runDemo)
    .addCommand(stopEdgeCommand())
    .addCommand(startEdgeCommand());
}

async function runDemo(flags: DemoFlags): Promise<void> {
  // People get a screen, not a log: only what is wrong is worth a line on it.
  const log = createLogger(flags.log, flags.log === "pretty" ? "warn" : "info");
  const say = (line: string) => {
    if (flags.json !== true) process.stdout.write(`${line}\n`);
  };
  const layout = await availableLayout();
  const plan = planDemo(loadDeployment(CONFIG_FILE).config, flags, layout);
  const started = systemClock.monotonic();
  const { openEmbeddedState } = await import("../../state/embedded.ts");
  const state = openEmbeddedState({ file: ":memory:", log });
  try {
    const group = new DaemonGroup(log);
    const fleet = await startAll(plan, { state, log }, { group, say });
    const readyMs = systemClock.monotonic() - started;
    const ended = runUntilSignal([...group.running, fleet.asDaemon()].reverse(), log, {
      deadlineMs: STOP_DEADLINE_MS,
      ...(flags.seconds === undefined ? {} : { stopAfterMs: flags.seconds * 1_000 }),
    });
    log.info({ event: "ready", name: "demo", ms: Math.round(readyMs), ...summary(plan) });
    process.stdout.write(
      flags.json === true ? `${JSON.stringify(summary(plan))}\n` : demoScreen(plan, readyMs),
    );
    await ended;
  } catch (error) {
    throw withMove(error, plan);
  } finally {
    await state.close();
  }
}

async function startAll(
  plan: DemoPlan,
  shared: { state: StateStore; log: Logger },
  { group, say }: { group: DaemonGroup; say: (line: string) => void },
): Promise<DemoFleet> {
  const { config } = plan;
  const { log } = shared;
  const edges = new Map(placedEdges(config).map((placed) => [placed.edge.name, placed]));
  const fleet = new DemoFleet(async (name) => {
    const options = edgeOptions(config, knownEdge(edges, name), shared);
    return announcePart(await startEdge({ ...options, sharesProcess: true }), log);
  });
  say("Starting the origin, what NetCinema publishes ...");
  await group.start(startOrigin({ listen: plan.origin, admin: plan.originAdmin, log }));
  say("Starting the control API and the console ...");
  // What is sealed with it goes with the demo's state.
  const { key } = makeSealingKey(systemRandom);
  await group.start(
    startControl({
      ...controlOptions(config, { ...shared, access: { kind: "open" }, sealingKey: key }),
      demo: fleet,
    }),
  );
  say(`Starting ${edges.size} edges: ${[...edges.keys()].join(", ")} ...`);
  try {
    for (const name of edges.keys()) await fleet.start(name);
    say("Starting the router, which learns where the world's networks are ...");
    await group.start(startRouter(routerOptions(config, "router", shared)));
    say("Waiting until the router has seen every edge healthy ...");
    await untilAllUp(shared.state, [...edges.keys()], systemClock);
  } catch (error) {
    for (const daemon of [fleet.asDaemon(), ...group.running]) await daemon.stop(STOP_DEADLINE_MS);
    throw error;
  }
  return fleet;
}

function knownEdge(edges: ReadonlyMap<string, PlacedEdge>, name: string): PlacedEdge {
  const placed = edges.get(name);
  if (placed === undefined) throw new CommandFailure(`there is no edge "${name}"`);
  return placed;
}

/** What runs where, for programs. */
function summary(plan: DemoPlan): Readonly<Record<string, unknown>> {
  const { config } = plan;
  return {
    addresses: {
      dns: config.router.listen[0],
      origin: plan.origin,
      originAdmin: plan.originAdmin,
      api: config.control.listen,
      controlAdmin: config.control.admin,
      routerAdmin: config.router.admin,
    },
    edges: placedEdges(config).map(({ pop, edge }) => ({
      name: edge.name,
      pop: pop.name,
      address: edge.address,
      port: edge.port,
      admin: edge.admin,
    })),
  };
}

/** Five addresses if the machine has them (Linux has all of 127.0.0.0/8), else five ports. */
async function availableLayout(): Promise<DemoLayout> {
  const server = createServer();
  try {
    await listenTcp(server, { host: "127.0.10.1", port: 0 }, "test");
  } catch {
    return "ports";
  }
  server.close();
  return "addresses";
}

/** Says which option moves a port that is taken. */
function withMove(error: unknown, plan: DemoPlan): unknown {
  if (!(error instanceof ListenError)) return error;
  const option = optionThatMoves(error.address, plan);
  if (option === undefined) return error;
  return new CommandFailure(error.message, {
    remedy: `Is another demo running? Otherwise move it: meridian demo ${option}`,
  });
}
