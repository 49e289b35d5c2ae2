import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { originUrl } from "../../common/config/fields.ts";
import { siteSchema } from "../../common/config/site.ts";
import type { IpPrefix } from "../../common/ip.ts";
import { createLogger, type LogStyle } from "../../common/log.ts";
import type { EdgeOptions } from "../../edge/server.ts";
import { loadDeployment, openSharedState } from "./deployment.ts";
import { usageFailure } from "./failure.ts";
import { edgeOptions, placedEdges } from "./roles.ts";
import { edgeSealingKey, serveUntilSignal } from "./run.ts";
import { startEdge } from "./start.ts";
import { gathering, logOption, readAddress, readDiskSize, readPrefix, readSize } from "./values.ts";

const EXAMPLES = `
With --config it is one edge of a CDN. With --listen and --origin it is a cache of its own: every
Host, passed through to one origin, nothing to configure. "rfc" stores whatever the RFCs allow;
"safe" also refuses what has burnt operators, such as responses with Set-Cookie.

Examples:
  meridian edge --config cdn.yaml --name syd-1
  meridian edge --listen 127.0.0.1:8080 --origin http://127.0.0.1:9000 --memory 1GiB
  meridian edge --listen 127.0.0.1:8080 --origin http://127.0.0.1:9000 \\
    --disk /var/cache/meridian --disk-size 100GiB
  meridian edge --listen 127.0.0.1:8080 --origin http://127.0.0.1:9000 \\
    --tls-listen 127.0.0.1:8443 --tls-cert shop.pem --tls-key shop.key`;

/** What the command line says. */
interface EdgeFlags {
  readonly config?: string;
  readonly name?: string;
  readonly listen?: SocketAddress;
  readonly origin?: string;
  readonly memory: number;
  readonly disk?: string;
  readonly diskSize: number;
  readonly admin?: SocketAddress;
  readonly tlsListen?: SocketAddress;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly profile: "safe" | "rfc";
  readonly compress?: boolean;
  readonly purgeFrom?: readonly IpPrefix[];
  readonly accessLog?: string;
  readonly accessFormat: "json" | "combined";
  readonly log: LogStyle;
}

/** The options of quick mode that are about TLS. */
function withTlsOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--tls-listen <address:port>", "quick mode: where to serve over TLS too")
        .argParser(readAddress)
        .conflicts("config"),
    )
    .addOption(
      new Option("--tls-cert <file>", "quick mode: certificate chain (PEM)").conflicts("config"),
    )
    .addOption(
      new Option("--tls-key <file>", "quick mode: its private key (PEM)").conflicts("config"),
    );
}

/** `meridian edge`: one edge of a configuration, or a cache without one. */
export function edgeCommand(): Command {
  return withTlsOptions(
    new Command("edge")
      .description("run one edge: of a configuration, or as a cache in front of one origin")
      .addOption(new Option("--config <file>", "configuration (YAML); needs redis: in it"))
      .addOption(
        new Option("--name <edge>", "which edge of the configuration; quick mode: its name").env(
          "MERIDIAN_NAME",
        ),
      )
      .addOption(
        new Option("--listen <address:port>", "quick mode: where to serve")
          .argParser(readAddress)
          .conflicts("config"),
      )
      .addOption(new Option("--origin <url>", "quick mode: where content is").conflicts("config"))
      .addOption(
        new Option("--memory <size>", "quick mode: memory budget of the whole process")
          .argParser(readSize)
          .default(256 * 2 ** 20, "256MiB")
          .conflicts("config"),
      )
      .addOption(
        new Option(
          "--disk <folder>",
          "quick mode: folder where objects outlive the process",
        ).conflicts("config"),
      )
      .addOption(
        new Option("--disk-size <size>", "quick mode: bytes of all files in that folder")
          .argParser(readDiskSize)
          .default(10 * 2 ** 30, "10GiB")
          .conflicts("config"),
      )
      .addOption(
        new Option(
          "--admin <address:port>",
          "quick mode: health and metrics (default: a free port)",
        )
          .argParser(readAddress)
          .conflicts("config"),
      )
      .addOption(
        new Option("--profile <profile>", "quick mode: what may be stored")
          .choices(["safe", "rfc"])
          .default("safe")
          .conflicts("config"),
      )
      .addOption(
        new Option("--compress", "quick mode: encode what the origin has not encoded").conflicts(
          "config",
        ),
      )
      .addOption(
        new Option(
          "--purge-from <prefix>",
          "quick mode: who may PURGE; repeatable (default: loopback)",
        )
          .argParser(gathering(readPrefix))
          .conflicts("config"),
      )
      .addOption(
        new Option(
          "--access-log <file>",
          "quick mode: a line for each request, to a file or `stdout`",
        ).conflicts("config"),
      )
      .addOption(
        new Option("--access-format <format>", "quick mode: how these lines look")
          .choices(["json", "combined"])
          .default("json")
          .conflicts("config"),
      )
      .addOption(logOption("json"))
      .addHelpText("after", EXAMPLES)
      .action((flags: EdgeFlags) =>
        flags.config === undefined ? runQuick(flags) : runConfigured(flags.config, flags),
      ),
  );
}

async function runQuick(flags: EdgeFlags): Promise<void> {
  const log = createLogger(flags.log);
  const daemon = await startEdge(quickEdge(flags, log));
  await serveUntilSignal(daemon, log);
}

function quickEdge(flags: EdgeFlags, log: EdgeOptions["log"]): EdgeOptions {
  const { listen, origin } = flags;
  if (listen === undefined || origin === undefined) {
    throw usageFailure(
      "an edge needs either --config FILE --name EDGE, or --listen ADDRESS:PORT --origin URL",
      "Like: meridian edge --listen 127.0.0.1:8080 --origin http://127.0.0.1:9000",
    );
  }
  const url = originUrl.safeParse(origin);
  if (!url.success) throw usageFailure(`--origin: ${url.error.issues[0]?.message ?? "not valid"}`);
  return {
    name: flags.name ?? quickName(listen),
    pop: "local",
    listen,
    admin: flags.admin ?? { host: "127.0.0.1", port: 0 },
    ...quickTls(flags),
    memoryBytes: flags.memory,
    ownsProcess: true,
    ...(flags.disk === undefined
      ? {}
      : { disk: { path: resolve(flags.disk), bytes: flags.diskSize } }),
    capacityBitsPerSecond: 1e9,
    profile: flags.profile,
    ...(flags.purgeFrom === undefined ? {} : { purgeFrom: flags.purgeFrom }),
    sites: [
      siteSchema.parse({
        name: "default",
        origin: { urls: [url.data] },
        ...(flags.compress === true ? { compress: {} } : {}),
      }),
    ],
    ...(flags.accessLog === undefined ? {} : { access: accessLog(flags.accessLog, flags) }),
    anyHost: true,
    log,
  };
}

function accessLog(
  to: string,
  { accessFormat: format }: EdgeFlags,
): NonNullable<EdgeOptions["access"]> {
  const file = to === "stdout" ? to : resolve(to);
  return { to: file, format, fields: undefined, sample: 1, anonymise: true };
}

function quickTls({ tlsListen, tlsCert, tlsKey }: EdgeFlags): Pick<EdgeOptions, "tls"> {
  const given = [tlsListen, tlsCert, tlsKey].filter((flag) => flag !== undefined);
  if (given.length === 0) return {};
  if (tlsListen === undefined || tlsCert === undefined || tlsKey === undefined) {
    throw usageFailure("--tls-listen, --tls-cert and --tls-key need one another");
  }
  const files = [{ certificate: resolve(tlsCert), key: resolve(tlsKey) }];
  return {
    tls: { listen: tlsListen, files, unnamed: "first", minVersion: "TLSv1.2", http2: true },
  };
}

/**
 * A name that no other quick edge has: two of them may stand one behind the other, and a request
 * that has passed an edge of one's own name is a loop (RFC 8586).
 */
function quickName(listen: SocketAddress): string {
  const pid = listen.port === 0 ? `:${process.pid}` : "";
  const place = `${hostname()}/${formatSocketAddress(listen)}${pid}`;
  return `edge-${createHash("sha256").update(place).digest("hex").slice(0, 6)}`;
}

async function runConfigured(file: string, flags: EdgeFlags): Promise<void> {
  const log = createLogger(flags.log);
  const deployment = loadDeployment(file);
  const edges = placedEdges(deployment.config);
  const names = edges.map(({ edge }) => edge.name).join(", ");
  if (flags.name === undefined) {
    throw usageFailure("--config needs --name too", `Edges of ${file}: ${names}.`);
  }
  const placed = edges.find(({ edge }) => edge.name === flags.name);
  if (placed === undefined) {
    throw usageFailure(`${file} has no edge "${flags.name}"`, `It has: ${names}.`);
  }
  const state = await openSharedState(deployment, log);
  try {
    const options = edgeOptions(deployment.config, placed, {
      state,
      log,
      sealingKey: edgeSealingKey(deployment.config),
    });
    const daemon = await startEdge({ ...options, ownsProcess: true });
    await serveUntilSignal(daemon, log);
  } finally {
    await state.close();
  }
}
