import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { SocketAddress } from "../../common/address.ts";
import { routerSchema } from "../../common/config/router.ts";
import { createLogger, type LogStyle } from "../../common/log.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { RouterOptions } from "../../router-dns/server.ts";
import { loadDeployment, openSharedState } from "./deployment.ts";
import { usageFailure } from "./failure.ts";
import {
  parseProbe,
  parseQuickEdge,
  type QuickEdge,
  type QuickService,
  quickConfig,
} from "./quick-router.ts";
import { routerRoleOptions } from "./roles.ts";
import { serveUntilSignal } from "./run.ts";
import { startRouter } from "./start.ts";
import { gathering, logOption, readAddress, reader } from "./values.ts";

const EXAMPLES = `
With --config it is the router of a CDN. With --listen, --zone and --edge it needs no file: any name
below the zone is steered over those edges.

Examples:
  meridian router --config cdn.yaml
  meridian router --listen 127.0.0.1:5300 --zone kingcdn.test --probe none \\
    --edge syd=192.0.2.1@-33.87,151.21 --edge fra=192.0.2.2@50.11,8.68`;

/** What the command line says. */
interface RouterFlags extends QuickService {
  readonly config?: string;
  readonly name: string;
  readonly listen?: readonly SocketAddress[];
  readonly zone?: string;
  readonly edge?: readonly QuickEdge[];
  readonly geoip?: string;
  readonly probe: RouterOptions["probe"];
  readonly admin?: SocketAddress;
  readonly queryLog?: string;
  readonly workers?: number;
  readonly log: LogStyle;
}

/** `meridian router`: the router of a configuration, or one without. */
export function routerCommand(): Command {
  const quick = (flags: string, description: string) =>
    new Option(flags, `quick mode: ${description}`).conflicts("config");
  return new Command("router")
    .description("run a router: of a configuration, or over edges named here")
    .addOption(new Option("--config <file>", "configuration (YAML); needs redis: in it"))
    .addOption(
      new Option("--name <router>", "what it is called in reports")
        .env("MERIDIAN_NAME")
        .default("router"),
    )
    .addOption(
      quick("--listen <address:port>", "where to answer; repeatable").argParser(
        gathering(readAddress),
      ),
    )
    .addOption(quick("--zone <domain>", "names below it are steered"))
    .addOption(
      quick("--edge <name=ip@lat,lon>", "an edge and where it stands; repeatable").argParser(
        gathering(reader(parseQuickEdge)),
      ),
    )
    .addOption(quick("--geoip <file>", "database (.mmdb) that says where clients are"))
    .addOption(
      quick("--probe <probe>", "how to see that an edge is up: none, http:PORT/PATH or tcp:PORT")
        .argParser(reader(parseProbe))
        .default(
          { kind: "http", port: 8080, path: "/healthz", expect: [200] },
          "http:8080/healthz",
        ),
    )
    .addOption(quick("--tls-cert <file>", "certificate (PEM) for --dot and --doh"))
    .addOption(quick("--tls-key <file>", "its private key (PEM)"))
    .addOption(
      quick("--dot <address:port>", "where to answer DNS over TLS; repeatable").argParser(
        gathering(readAddress),
      ),
    )
    .addOption(
      quick("--doh <address:port>", "where to answer DNS over HTTPS; repeatable").argParser(
        gathering(readAddress),
      ),
    )
    .addOption(quick("--nsid <text>", "name of this server, for who asks for it"))
    .addOption(
      quick("--rate-limit <mode>", "limit answers to addresses that may be forged").choices([
        "on",
        "dry-run",
        "off",
      ]),
    )
    .addOption(quick("--query-log <file>", "a line for each query, to a file or `stdout`"))
    .addOption(
      quick("--admin <address:port>", "health and metrics (default: a free port)").argParser(
        readAddress,
      ),
    )
    .addOption(
      new Option(
        "--workers <number>",
        "threads that answer over UDP (default: router.workers, or one for each core)",
      ).argParser(reader(parseWorkers)),
    )
    .addOption(logOption("json"))
    .addHelpText("after", EXAMPLES)
    .action((flags: RouterFlags) =>
      flags.config === undefined ? runQuick(flags) : runConfigured(flags.config, flags),
    );
}

async function runQuick(flags: RouterFlags): Promise<void> {
  const log = createLogger(flags.log);
  const daemon = await startRouter(quickRouter(flags, log));
  await serveUntilSignal(daemon, log);
}

function quickRouter(flags: RouterFlags, log: RouterOptions["log"]): RouterOptions {
  const { listen, zone, edge: edges, geoip } = flags;
  if (listen === undefined || zone === undefined || edges === undefined) {
    throw usageFailure(
      "a router needs either --config FILE, or --listen, --zone and at least one --edge",
      "Like: meridian router --listen 127.0.0.1:5300 --zone kingcdn.test " +
        "--edge syd=192.0.2.1@-33.87,151.21",
    );
  }
  const isSecure = flags.dot !== undefined || flags.doh !== undefined;
  const hasCertificate = flags.tlsCert !== undefined && flags.tlsKey !== undefined;
  if (isSecure !== hasCertificate) {
    throw usageFailure("--tls-cert and --tls-key go together with --dot, --doh or both");
  }
  const config = quickConfig({
    listen,
    zone,
    edges,
    service: flags,
    ...(geoip === undefined ? {} : { geoip }),
  });
  if (!config.ok) throw usageFailure(config.error);
  return {
    ...routerRoleOptions(config.value, flags.name, { log }),
    ...workersOf(flags),
    admin: flags.admin ?? { host: "127.0.0.1", port: 0 },
    probe: flags.probe,
    ...(flags.queryLog === undefined ? {} : { queries: queryLog(flags.queryLog) }),
    anyName: true,
  };
}

function queryLog(to: string): NonNullable<RouterOptions["queries"]> {
  const file = to === "stdout" ? to : resolve(to);
  return { to: file, fields: undefined, sample: 1, anonymise: true };
}

function parseWorkers(text: string): Result<number, string> {
  const parsed = routerSchema.shape.workers.safeParse(/^\d+$/.test(text) ? Number(text) : text);
  return parsed.success && parsed.data !== undefined
    ? ok(parsed.data)
    : fail(`"${text}" is not a number of threads from 1 to 64`);
}

function workersOf({ workers }: RouterFlags): Pick<RouterOptions, "workers"> {
  return workers === undefined ? {} : { workers };
}

async function runConfigured(file: string, flags: RouterFlags): Promise<void> {
  const log = createLogger(flags.log);
  const deployment = loadDeployment(file);
  const state = await openSharedState(deployment, log);
  try {
    const shared = { state, log };
    const options = {
      ...routerRoleOptions(deployment.config, flags.name, shared),
      ...workersOf(flags),
    };
    await serveUntilSignal(await startRouter(options), log);
  } finally {
    await state.close();
  }
}
