import type { Command } from "commander";
import { buildProgram } from "../../../control/cli/program.ts";
import { GENERATED_NOTE } from "./markdown.ts";

/** Help is wrapped to this many columns, whatever the terminal of whoever makes the page. */
const HELP_COLUMNS = 96;

/** `docs/cli.md`: the help of every command, as the program prints it. */
export function cliPage(): string {
  const sections = everyCommand(buildProgram(), []).map(
    ({ path, command }) => `## ${path.join(" ")}\n\n\`\`\`\n${helpOf(command)}\n\`\`\`\n`,
  );
  return `# Commands

${GENERATED_NOTE}

In a checkout: \`npm run -s meridian -- COMMAND\`; installed: \`meridian COMMAND\`. Exit codes: 0, 1 (it
failed), 2 (bad usage or configuration). Daemons print one JSON line per event on stderr.

${sections.join("\n")}`;
}

function everyCommand(
  command: Command,
  above: readonly string[],
): { readonly path: readonly string[]; readonly command: Command }[] {
  const path = [...above, command.name()];
  return [{ path, command }, ...command.commands.flatMap((child) => everyCommand(child, path))];
}

/** The whole help, with the examples that are added behind it. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => HELP_COLUMNS,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}
