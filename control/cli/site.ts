import { Command, Option } from "commander";
import { parseSite } from "../../common/config/load.ts";
import { ruleSchema } from "../../common/config/rule.ts";
import { ruleText } from "../../common/config/rule-text.ts";
import type { SiteInput } from "../../common/config/site.ts";
import { readTextFile } from "../../common/file-problem.ts";
import type {
  DryRunBody,
  SiteBody,
  SiteListBody,
  SitePutBody,
  SiteRemovedBody,
} from "../api/shapes.ts";
import { siteInput } from "../site-text.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, changeCommand, clientCommand, printJson } from "./client-command.ts";
import { reportProblems } from "./config.ts";
import { printDryRun, siteHistoryCommand, siteRollbackCommand } from "./site-versions.ts";
import {
  EDGES_WAIT_MS,
  NAMES_WAIT_MS,
  printRollout,
  waitQuery,
  watchCertificate,
  watchNames,
} from "./site-wait.ts";
import { formatTable } from "./table.ts";
import { gather, readDuration } from "./values.ts";

const EXAMPLES = `
Examples:
  meridian site add shop --origin http://10.0.0.5:8000 --host www.shop.example --wait
  meridian site list
  meridian site show shop --json
  meridian site apply shop.yaml --dry-run
  meridian site history shop
  meridian site rollback shop --to 41
  meridian site remove shop`;

const APPLY_HELP = `
The file is YAML or JSON: one site as it stands under "sites" in a configuration, rules and all, or
the "site" that "site show --json" prints. It is checked first, with line and column of each mistake.

Two people who change one site do not undo each other's work with --if-match: what "site show --json"
gave as "etag" must still be in force.

Examples:
  meridian site apply shop.yaml --dry-run
  meridian site apply shop.yaml
  meridian site show shop --json | jq .site > shop.json && meridian site apply shop.json`;

interface AddFlags extends ClientFlags {
  readonly origin: readonly string[];
  readonly host?: readonly string[];
  readonly compress?: boolean;
  readonly certificate?: string;
  readonly httpsRedirect?: boolean;
  readonly hsts?: string | true;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly resolver?: string;
}

/** `meridian site`: which properties are hosted, and where each of them lives. */
export function siteCommand(): Command {
  const add = clientCommand("add <name>")
    .description("host a new site; prints the CNAME record that its owner must set")
    .requiredOption("--origin <url>", "where its content is; repeatable, in order", gather)
    .option("--host <name>", "a host name of its own; repeatable", gather)
    .option("--compress", "edges encode what the origin has not encoded")
    .option("--certificate <name>", "acme: get one and renew it; or one that was put here")
    .option("--https-redirect", "clients that come without TLS are sent to https://")
    .option("--hsts [max-age]", "browsers ask over TLS only, for so long (default: 365d)")
    .option(
      "--wait",
      "until all edges have it, its hosts lead to the CDN, and it has a certificate",
    )
    .addOption(
      new Option("--timeout <duration>", "how long --wait looks at its hosts")
        .argParser(readDuration)
        .default(NAMES_WAIT_MS, "10m"),
    )
    .option("--resolver <address>", "where --wait looks them up (default: as the system does)")
    .addHelpText("after", EXAMPLES)
    .action(addSite);
  const apply = changeCommand("apply <file>")
    .description("put a site in force as a file says, in place of what there is of that name")
    .addHelpText("after", APPLY_HELP)
    .action(applySite);
  const list = clientCommand("list")
    .description("list all sites")
    .addHelpText("after", EXAMPLES)
    .action(listSites);
  const show = clientCommand("show <name>")
    .description("show one site in full, and its CNAME records")
    .addHelpText("after", EXAMPLES)
    .action(showSite);
  const remove = clientCommand("remove <name>")
    .description("stop hosting a site: DNS first, edges when no resolver remembers it")
    .option("--wait", "until DNS does not answer it any more")
    .addHelpText("after", EXAMPLES)
    .action(removeSite);
  return new Command("site")
    .description("add, change, list, show or remove sites")
    .addHelpText("after", EXAMPLES)
    .addCommand(add)
    .addCommand(apply)
    .addCommand(list)
    .addCommand(show)
    .addCommand(siteHistoryCommand())
    .addCommand(siteRollbackCommand())
    .addCommand(remove);
}

interface ApplyFlags extends ClientFlags {
  readonly wait?: boolean;
  readonly dryRun?: boolean;
  readonly ifMatch?: string;
}

async function applySite(file: string, flags: ApplyFlags): Promise<void> {
  const text = readTextFile(file);
  const parsed = text.ok ? parseSite(text.value, file) : text;
  if (!parsed.ok)
    return reportProblems({ file, problems: parsed.error, json: flags.json === true });
  const site = parsed.value;
  const answer = await callApi<SitePutBody | DryRunBody>(flags.api, {
    method: "PUT",
    path: `/sites/${encodeURIComponent(site.name)}`,
    query: {
      dryRun: flags.dryRun === true ? "true" : undefined,
      wait: waitQuery(flags.wait),
    },
    waitMs: EDGES_WAIT_MS,
    headers: flags.ifMatch === undefined ? {} : { "if-match": flags.ifMatch },
    body: siteInput(site),
  });
  if (flags.json === true) return printJson(answer);
  if ("dryRun" in answer) return printDryRun(`Site "${site.name}"`, answer);
  const rules = site.rules.length === 1 ? "1 rule" : `${site.rules.length} rules`;
  printText(`Site "${site.name}" with ${rules} is in force (version ${answer.version}).`);
  printOrigins(answer);
  printWarnings(answer.warnings);
  if (flags.wait === true) printRollout(answer);
}

async function addSite(name: string, flags: AddFlags): Promise<void> {
  const { certificate } = flags;
  const site: SiteInput = {
    name,
    hosts: [...(flags.host ?? [])],
    origin: { urls: [...flags.origin] },
    ...(flags.compress === true ? { compress: {} } : {}),
    ...(certificate === undefined ? {} : { https: { certificate } }),
    ...tlsOf(flags),
  };
  const answer = await callApi<SitePutBody>(flags.api, {
    method: "POST",
    path: "/sites",
    query: { wait: waitQuery(flags.wait) },
    waitMs: EDGES_WAIT_MS,
    body: site,
  });
  if (flags.json === true) return printJson(answer);
  printText(`Site "${name}" is hosted at ${answer.cdnHost} (version ${answer.version}).`);
  printOrigins(answer);
  printRecords(answer);
  printWarnings(answer.warnings);
  if (flags.wait !== true) return;
  printText("");
  printRollout(answer);
  const { timeout: timeoutMs, resolver } = flags;
  await watchNames(answer, { timeoutMs, ...(resolver === undefined ? {} : { resolver }) });
  if (flags.certificate === undefined) return;
  await watchCertificate(answer, { api: flags.api, timeoutMs });
  const [host = answer.cdnHost] = answer.site.hosts ?? [];
  printText(`\nhttps://${host}/`);
}

function tlsOf({ httpsRedirect, hsts }: AddFlags): Pick<SiteInput, "tls"> {
  if (httpsRedirect === undefined && hsts === undefined) return {};
  return {
    tls: {
      redirect: httpsRedirect === true,
      ...(hsts === undefined ? {} : { hsts: hsts === true ? {} : { maxAge: hsts } }),
    },
  };
}

function printOrigins({ origins }: SitePutBody): void {
  for (const { url, answers, detail } of origins) {
    printText(answers ? `Origin ${url} answers (${detail}).` : "");
    if (answers) continue;
    printText(`WARNING: the origin ${url} does not answer: ${detail}.`);
    printText("Edges will answer 502 or 504 until it does. Is the URL right, and is it running?");
  }
}

async function listSites(flags: ClientFlags): Promise<void> {
  const answer = await allSites(flags.api);
  if (flags.json === true) return printJson(answer);
  if (answer.sites.length === 0) {
    return printText("No sites yet. Add one: meridian site add NAME --origin URL --host HOST");
  }
  const rows = answer.sites.map(({ site, cdnHost }) => [
    site.name,
    cdnHost,
    (site.hosts ?? []).join(" ") || "-",
    site.origin.urls.join(" "),
  ]);
  process.stdout.write(formatTable([["SITE", "SERVED AT", "HOSTS", "ORIGIN"], ...rows]));
}

/** All pages of the list as one. */
async function allSites(api: string | undefined): Promise<SiteListBody> {
  const sites: SiteBody[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await callApi<SiteListBody>(api, { path: "/sites", query: { after } });
    sites.push(...page.sites);
    if (page.next === undefined) return { version: page.version, sites };
    after = page.next;
  }
}

async function showSite(name: string, flags: ClientFlags): Promise<void> {
  const path = `/sites/${encodeURIComponent(name)}`;
  const answer = await callApi<SiteBody>(flags.api, { path });
  if (flags.json === true) return printJson(answer);
  const { site } = answer;
  const rows = [
    ["site", site.name],
    ["served at", answer.cdnHost],
    ["hosts", (site.hosts ?? []).join(" ") || "-"],
    ["origins", site.origin.urls.join(" ")],
    ["Host to origin", site.origin.host ?? "as the client sent it"],
    [
      "timeouts",
      `connect ${site.origin.connectTimeout}, first byte ${site.origin.firstByteTimeout}, ` +
        `idle ${site.origin.idleTimeout}, total ${site.origin.totalTimeout ?? "no limit"}`,
    ],
    ["encoded", compressText(site.compress)],
    ["TLS", tlsText(site.tls)],
    ["waiting clients", waitingText(site)],
    ["next origin on", site.origin.failoverOn?.join(" ") ?? "no status"],
    ["failures kept", negativeText(site.negativeTtl) ?? "no"],
    ["client directives", site.clientDirectives ?? "ignore"],
    ["when all are down", allDownText(site.allDown)],
    ...(site.rules ?? []).map((rule, index) => {
      const parsed = ruleSchema.safeParse(rule);
      return [`rule ${index}`, parsed.success ? ruleText(parsed.data) : JSON.stringify(rule)];
    }),
  ];
  process.stdout.write(formatTable(rows));
  printRecords(answer);
}

function compressText(compress: SiteInput["compress"]): string {
  if (compress === undefined) return "no";
  const { codings = [], types = [], min, max } = compress;
  return `${codings.join(", ")}, from ${min} to ${max}, of ${types.length} media types`;
}

function tlsText(tls: SiteInput["tls"]): string {
  const hsts = tls?.hsts === undefined ? "" : `, HSTS for ${tls.hsts.maxAge ?? "365d"}`;
  return `${tls?.redirect === true ? "always, others are sent there" : "as clients like"}${hsts}`;
}

function waitingText({ coalesce, origin }: SiteBody["site"]): string {
  if (coalesce === false) return "none, each asks the origin";
  return origin.waiters === undefined ? "as many as an edge allows" : String(origin.waiters);
}

function negativeText(ttls: SiteBody["site"]["negativeTtl"]): string | undefined {
  if (ttls === undefined) return undefined;
  return Object.entries(ttls)
    .map(([status, ttl]) => `${status} ${ttl}`)
    .join(", ");
}

async function removeSite(
  name: string,
  flags: ClientFlags & { readonly wait?: boolean },
): Promise<void> {
  const answer = await callApi<SiteRemovedBody>(flags.api, {
    method: "DELETE",
    path: `/sites/${encodeURIComponent(name)}`,
    query: { wait: waitQuery(flags.wait) },
    waitMs: EDGES_WAIT_MS,
  });
  if (flags.json === true) return printJson(answer);
  printText(`Site "${answer.removed}" is removed (version ${answer.version}).`);
  printText(
    `Edges serve it for ${answer.servedForSeconds} s more, for resolvers that remember it.`,
  );
  printText("Its owner should take the CNAME record away: it points at nothing now.");
  printWarnings(answer.warnings);
  if (flags.wait === true) printRollout(answer);
}

function printRecords(body: SiteBody): void {
  const many = body.records.length > 1;
  printText(`\nThe owner of the site sets ${many ? "these records" : "this record"}:\n`);
  for (const { text } of body.records) printText(`  ${text}`);
}

function printWarnings(warnings: readonly string[]): void {
  for (const warning of warnings) printText(`\nNote: ${warning}`);
}

function printText(line: string): void {
  if (line !== "") process.stdout.write(`${line}\n`);
}

/** What DNS answers when no edge is up, in words. */
function allDownText(allDown: SiteInput["allDown"]): string {
  if (allDown === undefined || typeof allDown === "string") return allDown ?? "";
  return `CNAME to ${allDown.backup}`;
}
