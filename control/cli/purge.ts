import { Command } from "commander";
import type { PurgeBody, SiteListBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { CommandFailure, usageFailure } from "./failure.ts";
import { formatTable } from "./table.ts";
import { apiOption, jsonOption } from "./values.ts";

/** How long --wait waits for the edges. */
const WAIT_MS = 10_000;

const EXAMPLES = `
A purge is in force on an edge from the moment it acknowledges: what it stored before is fetched
again. Without --wait the command ends as soon as the purge is accepted.

Examples:
  meridian purge http://video.netcinema.test/style.css --wait
  meridian purge --site netcinema --all --wait`;

interface PurgeFlags {
  readonly api: string;
  readonly json?: boolean;
  readonly site?: string;
  readonly all?: boolean;
  readonly wait?: boolean;
}

/** `meridian purge`: what is stored of these URLs, or of a whole site, is not served any more. */
export function purgeCommand(): Command {
  return new Command("purge")
    .description("make edges forget URLs, or everything of a site")
    .argument("[urls...]", "absolute URLs, as clients ask for them")
    .option("--site <name>", "the site (default: the one that the URLs' host belongs to)")
    .option("--all", "everything of the site")
    .option("--wait", "wait until every live edge has done it, and show how long each took")
    .addOption(apiOption())
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action(runPurge);
}

async function runPurge(urls: readonly string[], flags: PurgeFlags): Promise<void> {
  const bySite = await purgesBySite(urls, flags);
  const waitMs = flags.wait === true ? WAIT_MS : 0;
  const answers: PurgeBody[] = [];
  for (const [site, body] of bySite) {
    const answer = await callApi<PurgeBody>(flags.api, {
      method: "POST",
      path: `/sites/${encodeURIComponent(site)}/purge`,
      query: { wait: String(waitMs) },
      body,
      waitMs,
    });
    answers.push(answer);
    if (flags.json !== true) printPurge(answer, waitMs > 0);
  }
  if (flags.json === true) {
    const [only] = answers;
    const printed = answers.length === 1 ? only : answers;
    process.stdout.write(`${JSON.stringify(printed, null, 2)}\n`);
  }
  const late = answers.flatMap(({ pending }) => pending.filter(({ live }) => live));
  if (waitMs > 0 && late.length > 0) {
    throw new CommandFailure(
      `not acknowledged after ${waitMs / 1_000} s: ${late.map(({ edge }) => edge).join(", ")}`,
      { remedy: "An edge that cannot follow the log revalidates what it serves: meridian status." },
    );
  }
}

type PurgeRequest = { readonly all: true } | { readonly urls: readonly string[] };

/** Which site each purge is for: as named, or by the hosts of the URLs. */
async function purgesBySite(
  urls: readonly string[],
  flags: PurgeFlags,
): Promise<ReadonlyMap<string, PurgeRequest>> {
  if (urls.length > 0 === (flags.all === true)) {
    throw usageFailure(
      "name either URLs, or a site with --all",
      "Like: meridian purge http://video.netcinema.test/style.css --wait",
    );
  }
  if (flags.all === true) {
    if (flags.site !== undefined) return new Map([[flags.site, { all: true }]]);
    throw usageFailure("--all needs --site NAME", "See which there are: meridian site list");
  }
  if (flags.site !== undefined) return new Map([[flags.site, { urls }]]);
  const { sites } = await callApi<SiteListBody>(flags.api, { path: "/sites" });
  const bySite = Map.groupBy(urls, (url) => siteOf(url, sites));
  return new Map([...bySite].map(([site, group]) => [site, { urls: group }]));
}

function siteOf(url: string, sites: SiteListBody["sites"]): string {
  const host = URL.parse(url)?.hostname;
  if (host === undefined || host === "") {
    throw usageFailure(`"${url}" is not an absolute URL (like http://video.netcinema.test/a.css)`);
  }
  const owner = sites.find(
    ({ site, cdnHost }) => cdnHost === host || (site.hosts ?? []).includes(host),
  );
  if (owner !== undefined) return owner.site.name;
  throw new CommandFailure(`no site has the host "${host}"`, {
    remedy: "See which there are: meridian site list",
  });
}

function printPurge(answer: PurgeBody, waited: boolean): void {
  process.stdout.write(`Purge of "${answer.site}" accepted as version ${answer.version}.\n`);
  const done = answer.acknowledged.map(({ edge, ms }) => [edge, `done in ${ms} ms`]);
  const open = answer.pending.map(({ edge, live }) => [
    edge,
    live ? "pending" : "sends no heartbeat: it revalidates before it serves again",
  ]);
  if (waited) process.stdout.write(formatTable([...done, ...open], "  "));
}
