import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { ListenError } from "../../common/listen.ts";
import { certificateCommand } from "./certificate.ts";
import { completionCommand } from "./completion.ts";
import { configCommand } from "./config.ts";
import { contextCommand } from "./context.ts";
import { controlCommand } from "./control.ts";
import { demoCommand } from "./demo.ts";
import { drainCommand, undrainCommand } from "./drain.ts";
import { edgeCommand } from "./edge.ts";
import { explainCommand } from "./explain.ts";
import { CommandFailure } from "./failure.ts";
import { latencyCommand } from "./latency.ts";
import { logCommand } from "./log.ts";
import { mapCommand } from "./map.ts";
import { originCommand } from "./origin.ts";
import { purgeCommand } from "./purge.ts";
import { routerCommand } from "./router.ts";
import { signCommand } from "./sign.ts";
import { siteCommand } from "./site.ts";
import { statusCommand } from "./status.ts";
import { tokenCommand } from "./token.ts";
import { topCommand } from "./top.ts";
import { upCommand } from "./up.ts";
import { zoneCommand } from "./zone.ts";

/**
 * Runs one command line. Resolves with the exit code: 0, 1 (it failed) or 2 (bad usage or
 * configuration). What went wrong is on stderr by then.
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    return explainFailure(error);
  }
}

/** The whole command line, one command per file. Exported so that documents are made from it. */
export function buildProgram(): Command {
  const program = new Command("meridian")
    .description(
      "A CDN of your own: DNS that answers with the closest healthy edge, and the edges.",
    )
    .version(packageVersion(), "-V, --version", "print the version")
    .addHelpText("after", PROGRAM_EXAMPLES);
  program
    .addCommand(demoCommand())
    .addCommand(upCommand())
    .addCommand(routerCommand())
    .addCommand(edgeCommand())
    .addCommand(controlCommand())
    .addCommand(originCommand())
    .addCommand(siteCommand())
    .addCommand(signCommand())
    .addCommand(purgeCommand())
    .addCommand(drainCommand())
    .addCommand(undrainCommand())
    .addCommand(statusCommand())
    .addCommand(topCommand())
    .addCommand(explainCommand())
    .addCommand(logCommand())
    .addCommand(certificateCommand())
    .addCommand(latencyCommand())
    .addCommand(tokenCommand())
    .addCommand(contextCommand())
    .addCommand(mapCommand())
    .addCommand(zoneCommand())
    .addCommand(configCommand());
  program.addCommand(completionCommand(program));
  for (const command of everyCommand(program)) {
    command.exitOverride().showHelpAfterError("Add --help to see how it is used.");
  }
  return program;
}

const PROGRAM_EXAMPLES = `
Examples:
  meridian demo                         the whole CDN on this machine, and what to try
  meridian up --config cdn.yaml         your own, all in one process
  meridian site add shop --origin http://10.0.0.5:8000 --host www.shop.example
  meridian explain dns netcinema.kingcdn.test --client 129.94.0.1`;

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function explainFailure(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed its message, or the help that was asked for.
    return error.exitCode === 0 ? 0 : 2;
  }
  if (error instanceof CommandFailure) {
    process.stderr.write(`meridian: ${error.message}\n`);
    if (error.remedy !== undefined) process.stderr.write(`${error.remedy}\n`);
    return error.exitCode;
  }
  if (error instanceof ListenError) {
    process.stderr.write(`meridian: ${error.message}\n`);
    return 1;
  }
  // Whatever else arrives here is our own mistake: its trace is what a report needs.
  process.stderr.write(`meridian: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

function packageVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
