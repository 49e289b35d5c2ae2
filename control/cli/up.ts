import { Command } from "commander";
import { runUntilSignal } from "../../common/daemon.ts";
import { createLogger, type LogStyle } from "../../common/log.ts";
import { loadDeployment, openState } from "./deployment.ts";
import { controlOptions, edgeOptions, placedEdges, routerOptions } from "./roles.ts";
import { accessPolicy, acmeSettings, DaemonGroup, sealingKey } from "./run.ts";
import { startControl, startEdge, startRouter } from "./start.ts";
import { logOption } from "./values.ts";

const EXAMPLES = `
State (sites, purges, drains) is kept in meridian.db beside the configuration, or in Redis if it
says "redis:".

Examples:
  meridian up --config cdn.yaml
  meridian up --config cdn.yaml --log pretty`;

/** `meridian up`: control, router and all edges of a configuration in one process. */
export function upCommand(): Command {
  return new Command("up")
    .description("run all roles of a configuration in one process")
    .requiredOption("--config <file>", "configuration (YAML)")
    .addOption(logOption("json"))
    .addHelpText("after", EXAMPLES)
    .action(runUp);
}

async function runUp(options: { config: string; log: LogStyle }): Promise<void> {
  const log = createLogger(options.log);
  const deployment = loadDeployment(options.config);
  const { config } = deployment;
  const state = await openState(deployment, log);
  try {
    const access = accessPolicy(config, log);
    const key = sealingKey(config, log);
    const acme = acmeSettings(config);
    const group = new DaemonGroup(log);
    const shared = { state, log };
    await group.start(
      startControl(
        controlOptions(config, { ...shared, access, sealingKey: key, ...(acme && { acme }) }),
      ),
    );
    const edges = placedEdges(config);
    const sharesProcess = edges.length > 1;
    for (const placed of edges) {
      await group.start(
        startEdge({
          ...edgeOptions(config, placed, { ...shared, sealingKey: key }),
          sharesProcess,
        }),
      );
    }
    // Behind the edges: its first probes would find nobody, and resolvers would keep that answer.
    await group.start(startRouter(routerOptions(config, "router", shared)));
    const ended = runUntilSignal(group.running.toReversed(), log);
    const addresses = { api: config.control.listen, dns: config.router.listen[0] };
    log.info({ event: "ready", name: "up", addresses });
    await ended;
  } finally {
    await state.close();
  }
}
