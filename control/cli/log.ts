import type { Command } from "commander";
import type { LogBody, ShownChange } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, clientCommand, printJson, readVersion } from "./client-command.ts";
import { formatTable } from "./table.ts";
import { readInteger } from "./values.ts";

const EXAMPLES = `
Examples:
  meridian log
  meridian log --site netcinema --limit 5
  meridian log --by ci --kind purge-tags --json`;

const LIMIT_MAX = 1_000;
const LIMIT_DEFAULT = 20;

interface LogFlags extends ClientFlags {
  readonly site?: string;
  readonly by?: string;
  readonly kind?: string;
  readonly before?: number;
  readonly limit: number;
}

/** `meridian log`: who changed what, newest first. */
export function logCommand(): Command {
  return clientCommand("log")
    .description("show who changed what, newest first")
    .option("--site <name>", "only what is about this site")
    .option("--by <name>", "only what this token did; config: the configuration file")
    .option("--kind <kind>", "only such changes: site-put, purge-urls, drain, token-put, ...")
    .option("--before <version>", "only what is older", readVersion)
    .option("--limit <n>", "at most so many", readLimit, LIMIT_DEFAULT)
    .addHelpText("after", EXAMPLES)
    .action(showLog);
}

function readLimit(text: string): number {
  return readInteger(text, 1, LIMIT_MAX);
}

async function showLog(flags: LogFlags): Promise<void> {
  const { site, by, kind, before, limit } = flags;
  const asked = { site, by, kind, before: before?.toString(), limit: String(limit) };
  const answer = await callApi<LogBody>(flags.api, { path: "/log", query: asked });
  if (flags.json === true) return printJson(answer);
  const rows = answer.changes.map((change) => [
    String(change.version),
    new Date(change.at).toISOString().slice(0, 19).replace("T", " "),
    change.by,
    change.body.kind,
    subject(change.body),
  ]);
  process.stdout.write(formatTable([["VERSION", "AT (UTC)", "BY", "CHANGE", "OF"], ...rows]));
  if (answer.next === undefined) return;
  process.stdout.write(`\nOlder: meridian log --before ${answer.next}\n`);
}

/** What a change is about, in a few words (P). */
function subject(body: ShownChange["body"]): string {
  switch (body.kind) {
    case "site-put":
      return body.site.name;
    case "site-remove":
    case "purge-all":
      return body.site;
    case "purge-urls":
      return `${body.site}: ${some(body.urls)}`;
    case "purge-prefixes":
      return `${body.site}: ${some(body.prefixes)}`;
    case "purge-tags":
      return `${body.site}: ${some(body.tags)}`;
    case "drain":
    case "undrain":
      return body.edge;
    case "token-put":
      return `${body.token.name} (${body.token.scope})`;
    case "token-remove":
      return body.token;
    case "certificate-put":
      return `${body.certificate.name} (${body.certificate.hosts.join(" ")})`;
    case "certificate-remove":
      return body.certificate;
    case "order-put":
      return body.order.certificate + (body.order.error === undefined ? "" : " (failed)");
    case "order-remove":
      return body.order;
    case "challenge-put":
      return `${body.challenge.host} (${body.challenge.kind})`;
    case "challenge-remove":
      return body.challenge;
    case "account-put":
      return body.account.directory;
    default:
      return "";
  }
}

function some([first = "", ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
