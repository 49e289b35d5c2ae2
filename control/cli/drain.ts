import type { Command } from "commander";
import type { DrainBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, clientCommand, printJson } from "./client-command.ts";

/** `meridian drain`: routers stop answering with an edge. */
export function drainCommand(): Command {
  return edgeChange("drain", "stop sending clients to an edge; it finishes what it has")
    .addHelpText("after", "\nExamples:\n  meridian drain syd-1")
    .action((edge: string, flags: ClientFlags) => change(edge, "drain", flags));
}

/** `meridian undrain`: routers may answer with it again. */
export function undrainCommand(): Command {
  return edgeChange("undrain", "send clients to an edge again")
    .addHelpText("after", "\nExamples:\n  meridian undrain syd-1")
    .action((edge: string, flags: ClientFlags) => change(edge, "undrain", flags));
}

function edgeChange(name: string, description: string): Command {
  return clientCommand(name).description(description).argument("<edge>", "its name, such as syd-1");
}

async function change(
  edge: string,
  action: "drain" | "undrain",
  flags: ClientFlags,
): Promise<void> {
  const path = `/edges/${encodeURIComponent(edge)}/${action}`;
  const answer = await callApi<DrainBody>(flags.api, { method: "POST", path });
  if (flags.json === true) return printJson(answer);
  process.stdout.write(
    answer.drained
      ? `${answer.edge} is draining (version ${answer.version}): DNS names it no more, and ` +
          "clients that have its address leave within the TTL.\n"
      : `${answer.edge} takes clients again (version ${answer.version}).\n`,
  );
}
