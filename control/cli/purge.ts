import { Command } from "commander";
import type { PurgeBody, SiteListBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, printJson } from "./client-command.ts";
import { CommandFailure, usageFailure } from "./failure.ts";
import { formatTable } from "./table.ts";
import { apiOption, gather, jsonOption } from "./values.ts";

/** How long --wait waits for the edges. */
const WAIT_MS = 10_000;

const EXAMPLES = `
A purge is in force on an edge from the moment it acknowledges: what it stored before is fetched
again. Without --wait the command ends as soon as the purge is accepted.

A prefix is the beginning of URLs, query included: http://a.example/q?page= is one. A tag is a word of
the origin's Surrogate-Key or Cache-Tag field. With --soft objects become stale instead: the next
request is answered with them while they are refreshed, and they stand in for an origin that fails,
as far as the origin allowed it (stale-while-revalidate, stale-if-error).

Examples:
  meridian purge http://video.netcinema.test/style.css --wait
  meridian purge --prefix http://video.netcinema.test/live/ --wait
  meridian purge --site netcinema --tag title-7 --tag trailers --soft --wait
  meridian purge --site netcinema --all --wait`;

interface PurgeFlags extends ClientFlags {
  readonly site?: string;
  readonly all?: boolean;
  readonly prefix?: readonly string[];
  readonly tag?: readonly string[];
  readonly soft?: boolean;
  readonly wait?: boolean;
}

/** `meridian purge`: what is stored of these URLs, prefixes, tags or a site is served no more. */
export function purgeCommand(): Command {
  return new Command("purge")
    .description("make edges forget URLs, prefixes, tags, or everything of a site")
    .argument("[urls...]", "absolute URLs, as clients ask for them")
    .option("--prefix <url>", "everything whose URL begins so; repeatable", gather)
    .option("--tag <tag>", "everything that carries this tag, with --site; repeatable", gather)
    .option("--all", "everything of the site, with --site")
    .option("--site <name>", "the site (default: the one that the URLs' host belongs to)")
    .option("--soft", "make it stale instead of removing it")
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
      body: flags.soft === true ? { ...body, soft: true } : body,
      waitMs,
    });
    answers.push(answer);
    if (flags.json !== true) printPurge(answer, waitMs > 0);
  }
  if (flags.json === true) {
    const [only] = answers;
    const printed = answers.length === 1 ? only : answers;
    printJson(printed);
  }
  const late = answers.flatMap(({ pending }) => pending.filter(({ live }) => live));
  if (waitMs > 0 && late.length > 0) {
    throw new CommandFailure(
      `not acknowledged after ${waitMs / 1_000} s: ${late.map(({ edge }) => edge).join(", ")}`,
      { remedy: "An edge that cannot follow the log revalidates what it serves: meridian status." },
    );
  }
}

type PurgeRequest =
  | { readonly all: true }
  | { readonly urls: readonly string[] }
  | { readonly prefixes: readonly string[] }
  | { readonly tags: readonly string[] };

/** Which site each purge is for: as named, or by the hosts of the URLs. */
async function purgesBySite(
  urls: readonly string[],
  flags: PurgeFlags,
): Promise<ReadonlyMap<string, PurgeRequest>> {
  const { all = false, prefix: prefixes = [], tag: tags = [], site } = flags;
  if ([urls.length > 0, prefixes.length > 0, tags.length > 0, all].filter(Boolean).length !== 1) {
    throw usageFailure(
      "name either URLs, or prefixes with --prefix, or tags with --tag, or a site with --all",
      "Like: meridian purge http://video.netcinema.test/style.css --wait",
    );
  }
  if (all || tags.length > 0) {
    if (site !== undefined) return new Map([[site, all ? { all } : { tags }]]);
    const option = all ? "--all" : "--tag";
    throw usageFailure(`${option} needs --site NAME`, "See which there are: meridian site list");
  }
  const named = urls.length > 0 ? urls : prefixes;
  const request = (some: readonly string[]): PurgeRequest =>
    urls.length > 0 ? { urls: some } : { prefixes: some };
  if (site !== undefined) return new Map([[site, request(named)]]);
  const { sites } = await callApi<SiteListBody>(flags.api, { path: "/sites" });
  const bySite = Map.groupBy(named, (url) => siteOf(url, sites));
  return new Map([...bySite].map(([owner, group]) => [owner, request(group)]));
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
