import { Command } from "commander";
import { apiOption, jsonOption, readInteger } from "./values.ts";

/** Options of everything that talks to a running CDN. */
export interface ClientFlags {
  /** Left out: as `callApi` finds it. */
  readonly api?: string;
  readonly json?: boolean;
}

/** A command that talks to a running CDN; `nameAndArguments` is like `show <name>`. */
export function clientCommand(nameAndArguments: string): Command {
  const [name = "", ...args] = nameAndArguments.split(" ");
  const command = new Command(name).addOption(apiOption()).addOption(jsonOption());
  for (const argument of args) command.argument(argument);
  return command;
}

/** A command that changes one thing, which may be looked at first and waited for afterwards. */
export function changeCommand(nameAndArguments: string): Command {
  return clientCommand(nameAndArguments)
    .option("--dry-run", "only show what would be different")
    .option("--if-match <etag>", "only if this is what is in force now")
    .option("--wait", "until all edges have it");
}

/** Reads a version of the log of changes, from 1. */
export function readVersion(text: string): number {
  return readInteger(text, 1, Number.MAX_SAFE_INTEGER);
}

/** Prints what `--json` asks for. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
