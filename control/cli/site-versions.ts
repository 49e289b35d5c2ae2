import type { Command } from "commander";
import type { Difference, DryRunBody, SiteHistoryBody, SitePutBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, clientCommand, printJson, readVersion } from "./client-command.ts";

const EXAMPLES = `
Versions are as far back as the log of changes reaches (10,000 changes of all sites and purges).

Examples:
  meridian site history shop
  meridian site rollback shop --to 41 --dry-run
  meridian site rollback shop --to 41`;

/** `meridian site history`: who made what different, newest first. */
export function siteHistoryCommand(): Command {
  return clientCommand("history <name>")
    .description("show the versions of a site, and what each made different")
    .addHelpText("after", EXAMPLES)
    .action(showHistory);
}

/** `meridian site rollback`: puts a site in force again as it was. */
export function siteRollbackCommand(): Command {
  return clientCommand("rollback <name>")
    .description("put a site in force as it was at a version, as a new change")
    .requiredOption("--to <version>", "the version, as history shows it", readVersion)
    .option("--dry-run", "only show what would be different")
    .addHelpText("after", EXAMPLES)
    .action(rollBack);
}

async function showHistory(name: string, flags: ClientFlags): Promise<void> {
  const path = `/sites/${encodeURIComponent(name)}/history`;
  const answer = await callApi<SiteHistoryBody>(flags.api, { path });
  if (flags.json === true) return printJson(answer);
  if (answer.versions.length === 0) {
    process.stdout.write(`The log knows of no change of a site "${name}".\n`);
    return;
  }
  for (const { version, at, by, action, differences = [] } of answer.versions) {
    const when = at.slice(0, 19).replace("T", " ");
    const what = action === "put" ? "" : ", removed";
    process.stdout.write(`version ${version}, ${when} UTC, by ${by}${what}\n`);
    process.stdout.write(formatDifferences(differences));
  }
}

async function rollBack(
  name: string,
  flags: ClientFlags & { readonly to: number; readonly dryRun?: boolean },
): Promise<void> {
  const answer = await callApi<SitePutBody | DryRunBody>(flags.api, {
    method: "POST",
    path: `/sites/${encodeURIComponent(name)}/rollback`,
    query: { dryRun: flags.dryRun === true ? "true" : undefined },
    body: { version: flags.to },
  });
  if (flags.json === true) return printJson(answer);
  if ("dryRun" in answer) return printDryRun(`Site "${name}"`, answer);
  process.stdout.write(
    `Site "${name}" is in force as it was at version ${flags.to} (version ${answer.version}).\n`,
  );
}

/** Says what a change would do. */
export function printDryRun(what: string, { differences, version }: DryRunBody): void {
  const nothing = differences.length === 0;
  process.stdout.write(
    nothing
      ? `${what} would be as it is (version ${version}).\n`
      : `${what} would differ from version ${version}; nothing has been changed:\n`,
  );
  process.stdout.write(formatDifferences(differences));
}

/** One line for what goes and one for what comes (P). */
function formatDifferences(differences: readonly Difference[]): string {
  return differences
    .flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [`  - ${path}: ${JSON.stringify(before)}\n`]),
      ...(after === undefined ? [] : [`  + ${path}: ${JSON.stringify(after)}\n`]),
    ])
    .join("");
}
