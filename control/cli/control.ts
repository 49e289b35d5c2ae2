import { Command } from "commander";
import { createLogger, type LogStyle } from "../../common/log.ts";
import { loadDeployment, openSharedState } from "./deployment.ts";
import { controlOptions } from "./roles.ts";
import { accessPolicy, acmeSettings, sealingKey, serveUntilSignal } from "./run.ts";
import { startControl } from "./start.ts";
import { logOption } from "./values.ts";

const EXAMPLES = `
Examples:
  meridian control --config cdn.yaml`;

/** `meridian control`: the API and the console page, in a process of their own. */
export function controlCommand(): Command {
  return new Command("control")
    .description("run the control API and console page (needs redis: in the configuration)")
    .requiredOption("--config <file>", "configuration (YAML)")
    .addOption(logOption("json"))
    .addHelpText("after", EXAMPLES)
    .action(runControl);
}

async function runControl(options: { config: string; log: LogStyle }): Promise<void> {
  const log = createLogger(options.log);
  const deployment = loadDeployment(options.config);
  const state = await openSharedState(deployment, log);
  try {
    const access = accessPolicy(deployment.config, log);
    const key = sealingKey(deployment.config, log);
    const acme = acmeSettings(deployment.config);
    const options = controlOptions(deployment.config, {
      state,
      log,
      access,
      sealingKey: key,
      ...(acme && { acme }),
    });
    const daemon = await startControl(options);
    await serveUntilSignal(daemon, log);
  } finally {
    await state.close();
  }
}
