import { Command } from "commander";
import type { SocketAddress } from "../../common/address.ts";
import { createLogger, type LogStyle } from "../../common/log.ts";
import { serveUntilSignal } from "./run.ts";
import { startOrigin } from "./start.ts";
import { logOption, readAddress } from "./values.ts";

const EXAMPLES = `
Examples:
  meridian origin --listen 127.0.0.1:9000
  meridian origin --listen 0.0.0.0:9000 --admin 0.0.0.0:9001`;

/** `meridian origin`: the demo origin. */
export function originCommand(): Command {
  return new Command("origin")
    .description("run the demo origin: a small site, and one path for each way to be cached")
    .option("--listen <address:port>", "where to serve", readAddress, {
      host: "127.0.0.1",
      port: 9000,
    })
    .option("--admin <address:port>", "health and metrics", readAddress)
    .addOption(logOption("json"))
    .addHelpText("after", EXAMPLES)
    .action(runOrigin);
}

async function runOrigin(options: {
  listen: SocketAddress;
  admin?: SocketAddress;
  log: LogStyle;
}): Promise<void> {
  const log = createLogger(options.log);
  const { listen, admin } = options;
  const daemon = await startOrigin({ listen, ...(admin === undefined ? {} : { admin }), log });
  await serveUntilSignal(daemon, log);
}
