import { Command } from "commander";
import { type IpPrefix, parseIp, parsePrefix } from "../../common/ip.ts";
import type { Result } from "../../common/result.ts";
import {
  type CompiledMap,
  compileForReport,
  type MapChange,
  type MapStats,
  reportChange,
  reportClient,
  reportSize,
  reportStats,
} from "../../router-dns/data/map-report.ts";
import { printJson } from "./client-command.ts";
import { loadDeployment } from "./deployment.ts";
import { CommandFailure } from "./failure.ts";
import { formatTable } from "./table.ts";
import { jsonOption, reader } from "./values.ts";

const EXAMPLES = `
The map is compiled from the configuration and the files that it names, as routers do it; no daemon
is asked. Clients are counted by address space: single IPv4 addresses, IPv6 networks of 48 bits.

Examples:
  meridian map build --config cdn.yaml
  meridian map show --config cdn.yaml --client 129.94.0.0/24
  meridian map stats --config cdn.yaml --json
  meridian map diff --config cdn.yaml --before cdn.old.yaml`;

/** Rows of a table for people; `--json` has all. */
const ROWS_MAX = 20;

interface MapFlags {
  readonly config: string;
  readonly json?: boolean;
}

/** `meridian map`: what the steering map is, and what a change would do to it. */
export function mapCommand(): Command {
  const sub = (name: string, description: string) =>
    new Command(name)
      .description(description)
      .requiredOption("--config <file>", "configuration (YAML)")
      .addOption(jsonOption())
      .addHelpText("after", EXAMPLES);
  return new Command("map")
    .description("compile the steering map, look into it, measure it, compare two")
    .addHelpText("after", EXAMPLES)
    .addCommand(sub("build", "compile it, and say how large it is").action(buildAndTell))
    .addCommand(
      sub("show", "where a client is led, and why")
        .requiredOption("--client <ip|prefix>", "whose place in the map", reader(parseClient))
        .action(show),
    )
    .addCommand(sub("stats", "shares of PoPs, and how far clients are").action(stats))
    .addCommand(
      sub("diff", "which clients a change moves")
        .requiredOption("--before <file>", "the configuration as it was")
        .action(diff),
    );
}

async function buildAndTell(flags: MapFlags): Promise<void> {
  const started = process.hrtime.bigint();
  const compiled = await compile(flags.config);
  const ms = Math.round(Number(process.hrtime.bigint() - started) / 1e6);
  const size = reportSize(compiled);
  if (flags.json === true) return printJson({ ms, ...size });
  const { pops, prefixes, rankings, sources, broken } = size;
  const rows = [
    ["compiled in", `${ms} ms`],
    ["PoPs", String(pops)],
    ["prefixes", `${prefixes.v4} of IPv4, ${prefixes.v6} of IPv6`],
    ["rankings", String(rankings)],
    ...sources.map(({ file, type, built }) => ["database", `${type} of ${built}, ${file}`]),
    ...broken.map((reason) => ["broken", reason]),
  ];
  process.stdout.write(formatTable(rows));
}

async function show(flags: MapFlags & { readonly client: IpPrefix }): Promise<void> {
  const told = reportClient(await compile(flags.config), flags.client);
  if (flags.json === true) return printJson(told);
  const { location, prefix, reason, ranking } = told;
  const where =
    location === null
      ? "nobody knows where"
      : `${location.place.latitude}, ${location.place.longitude}`;
  process.stdout.write(`${prefix} (${where}): ${reason}\n`);
  const rows = ranking.slice(0, ROWS_MAX).map(({ pop, km }, i) => {
    return [String(i + 1), pop, km === null ? "" : `${km} km`];
  });
  process.stdout.write(formatTable([["", "pop", "distance"], ...rows], "  "));
}

async function stats(flags: MapFlags): Promise<void> {
  const measured = orFail(reportStats(await compile(flags.config)));
  if (flags.json === true) return printJson(measured);
  for (const [family, each] of Object.entries(measured)) printStats(family, each);
}

async function diff(flags: MapFlags & { readonly before: string }): Promise<void> {
  const before = await compile(flags.before);
  const changes = orFail(reportChange(before, await compile(flags.config)));
  if (flags.json === true) return printJson(changes);
  for (const [family, change] of Object.entries(changes)) printChange(family, change);
}

function printStats(family: string, { medianKm, p95Km, pops, reasons }: MapStats): void {
  const why = Object.entries(reasons).map(([reason, share]) => `${reason} ${percent(share)}`);
  process.stdout.write(
    `${family}: median ${medianKm} km, 95 % within ${p95Km} km; ${why.join(", ")}\n`,
  );
  const rows = pops
    .slice(0, ROWS_MAX)
    .map((each) => [each.pop, percent(each.share), `${each.medianKm} km`, `${each.p95Km} km`]);
  const more = pops.length > ROWS_MAX ? `  and ${pops.length - ROWS_MAX} more (--json)\n` : "";
  process.stdout.write(
    `${formatTable([["pop", "clients", "median", "p95"], ...rows], "  ")}${more}`,
  );
}

function printChange(family: string, { moved, flows, before, after }: MapChange): void {
  process.stdout.write(
    `${family}: ${percent(moved)} of clients move; median ${before.medianKm} -> ${after.medianKm} km, ` +
      `p95 ${before.p95Km} -> ${after.p95Km} km\n`,
  );
  if (flows.length === 0) return;
  const rows = flows.slice(0, ROWS_MAX).map(({ from, to, share }) => [from, to, percent(share)]);
  process.stdout.write(formatTable([["from", "to", "clients"], ...rows], "  "));
}

/** The map of a configuration; what is wrong with its files ends the command. */
async function compile(file: string): Promise<CompiledMap> {
  const compiled = orFail(await compileForReport(loadDeployment(file).config));
  for (const reason of compiled.broken) {
    process.stderr.write(`meridian: ${reason}; going on without this database\n`);
  }
  return compiled;
}

function orFail<T>(result: Result<T, string>): T {
  if (!result.ok) throw new CommandFailure(`the map cannot be compiled\n${result.error}`);
  return result.value;
}

function parseClient(text: string): Result<IpPrefix, string> {
  const address = parseIp(text);
  if (!address.ok) return parsePrefix(text);
  return { ok: true, value: { bytes: address.value, length: address.value.length * 8 } };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.0995 ? 2 : 1)} %`;
}
