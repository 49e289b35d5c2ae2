import { Command } from "commander";
import { formatProblem, readTextFile } from "../../common/file-problem.ts";
import type { LatencyBody, LatencyPutBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, clientCommand, printJson } from "./client-command.ts";
import { CommandFailure } from "./failure.ts";

const EXAMPLES = `
A file has lines of prefix,pop,milliseconds, or JSON of {"192.0.2.0/24": {"syd": 12.5}}.
A new table replaces the one before it, in all routers within seconds.

Examples:
  meridian latency put measured.csv
  meridian latency show
  meridian latency show --table > measured.csv
  meridian latency clear`;

/** `meridian latency`: measured round trips, told to all routers. */
export function latencyCommand(): Command {
  const put = clientCommand("put")
    .argument("<file>", "the measured round trips")
    .description("steer by these round trips where they are measured")
    .addHelpText("after", EXAMPLES)
    .action(putTable);
  const show = clientCommand("show")
    .description("what is told, by whom, and which routers steer by it")
    .option("--table", "print the table itself, as it was put")
    .addHelpText("after", EXAMPLES)
    .action(showTable);
  const clear = clientCommand("clear")
    .description("steer by files and distance alone")
    .addHelpText("after", EXAMPLES)
    .action(clearTable);
  return new Command("latency")
    .description("tell routers measured round trips between clients and PoPs")
    .addHelpText("after", EXAMPLES)
    .addCommand(put)
    .addCommand(show)
    .addCommand(clear);
}

async function putTable(file: string, flags: ClientFlags): Promise<void> {
  const text = readTextFile(file);
  if (!text.ok) throw new CommandFailure(text.error.map(formatProblem).join("\n"));
  const put = { method: "PUT", path: "/latency", body: text.value } as const;
  const answer = await callApi<LatencyPutBody>(flags.api, put);
  if (flags.json === true) return printJson(answer);
  process.stdout.write(`${sizeText(answer)}, version ${answer.version}: routers take it now.\n`);
}

async function showTable(flags: ClientFlags & { readonly table?: boolean }): Promise<void> {
  const query = flags.table === true ? { table: "true" } : {};
  const answer = await callApi<LatencyBody>(flags.api, { path: "/latency", query });
  if (flags.json === true) return printJson(answer);
  if (answer.table !== undefined) {
    process.stdout.write(answer.table === "" ? "" : `${answer.table.trimEnd()}\n`);
    return;
  }
  const routers = answer.routers.map(({ name, version }) => `${name} ${version ?? "none"}`);
  process.stdout.write(
    answer.at === undefined
      ? "No round trips have been told.\n"
      : `${sizeText(answer)}, version ${answer.version}, put by ${answer.by} at ${answer.at}.\n` +
          `Versions that routers steer by: ${routers.join(", ") || "none has reported"}.\n`,
  );
}

async function clearTable(flags: ClientFlags): Promise<void> {
  const cleared = { method: "DELETE", path: "/latency" } as const;
  const answer = await callApi<LatencyPutBody>(flags.api, cleared);
  if (flags.json === true) return printJson(answer);
  process.stdout.write(`No round trips are told any more (version ${answer.version}).\n`);
}

function sizeText({ prefixes, ways }: LatencyPutBody): string {
  return `${ways} round trips of ${prefixes} prefixes`;
}
