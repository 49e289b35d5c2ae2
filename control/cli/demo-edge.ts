import type { Command } from "commander";
import type { DemoEdgeBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, clientCommand } from "./client-command.ts";

/** `meridian demo stop-edge`: as if an edge of the running demo had died. */
export function stopEdgeCommand(): Command {
  return edgeSwitch("stop", "close an edge of the running demo, as if its machine had died");
}

/** `meridian demo start-edge`: it is back, with an empty cache. */
export function startEdgeCommand(): Command {
  return edgeSwitch("start", "start an edge of the running demo again, with an empty cache");
}

function edgeSwitch(action: "stop" | "start", description: string): Command {
  return (
    clientCommand(`${action}-edge`)
      .description(description)
      .argument("<edge>", "its name, such as syd-1")
      .addHelpText("after", `\nExamples:\n  meridian demo ${action}-edge syd-1`)
      // `demo` has --json too, and takes the flag for itself when it stands behind the edge's name.
      .action((edge: string, _flags: unknown, command: Command) =>
        turn(edge, action, command.optsWithGlobals()),
      )
  );
}

async function turn(edge: string, action: "stop" | "start", flags: ClientFlags): Promise<void> {
  const path = `/demo/edges/${encodeURIComponent(edge)}/${action}`;
  const answer = await callApi<DemoEdgeBody>(flags.api, { method: "POST", path });
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    return;
  }
  process.stdout.write(
    answer.running
      ? `${answer.edge} is running again, with an empty cache.\n`
      : `${answer.edge} is stopped: watch DNS name the next closest edge (meridian status).\n`,
  );
}
