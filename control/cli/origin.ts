import { isIP } from "node:net";
import { Command, Option } from "commander";
import type { SocketAddress } from "../../common/address.ts";
import { createLogger, type LogStyle } from "../../common/log.ts";
import { loadDeployment } from "./deployment.ts";
import { usageFailure } from "./failure.ts";
import { serveUntilSignal } from "./run.ts";
import { startOrigin } from "./start.ts";
import { logOption, readAddress } from "./values.ts";

const EXAMPLES = `
With --config it stands where the configuration says that the origin of a site is.

Examples:
  meridian origin --listen 127.0.0.1:9000
  meridian origin --config cdn.yaml --name netcinema
  meridian origin --listen 0.0.0.0:9000 --admin 0.0.0.0:9001`;

/** `meridian origin`: the demo origin. */
export function originCommand(): Command {
  return new Command("origin")
    .description("run the demo origin: a small site, and one path for each way to be cached")
    .addOption(new Option("--config <file>", "configuration (YAML) that says where to serve"))
    .addOption(new Option("--name <site>", "site of the configuration (default: the first)"))
    .addOption(
      new Option("--listen <address:port>", "where to serve (default: 127.0.0.1:9000)")
        .argParser(readAddress)
        .conflicts("config"),
    )
    .option("--admin <address:port>", "health and metrics", readAddress)
    .addOption(logOption("json"))
    .addHelpText("after", EXAMPLES)
    .action(runOrigin);
}

interface OriginFlags {
  readonly config?: string;
  readonly name?: string;
  readonly listen?: SocketAddress;
  readonly admin?: SocketAddress;
  readonly log: LogStyle;
}

async function runOrigin(flags: OriginFlags): Promise<void> {
  const log = createLogger(flags.log);
  const { admin } = flags;
  const listen = originListen(flags);
  const daemon = await startOrigin({ listen, ...(admin === undefined ? {} : { admin }), log });
  await serveUntilSignal(daemon, log);
}

function originListen({ config: file, name, listen }: OriginFlags): SocketAddress {
  if (file === undefined) return listen ?? { host: "127.0.0.1", port: 9000 };
  const { sites } = loadDeployment(file).config;
  const site = name === undefined ? sites[0] : sites.find((other) => other.name === name);
  if (site === undefined) {
    const names = sites.map((other) => other.name).join(", ");
    throw usageFailure(`${file} has no such site`, `It has: ${names || "none"}.`);
  }
  const [url = ""] = site.origin.urls;
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && protocol === "http:") return { host, port: Number(port || 80) };
  throw usageFailure(
    `the origin of "${site.name}", ${url}, is not an http: URL with an address`,
    "Say where to serve: --listen ADDRESS:PORT.",
  );
}
