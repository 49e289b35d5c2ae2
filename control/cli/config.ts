import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { loadConfig, problemAt } from "../../common/config/load.ts";
import type { Config } from "../../common/config/schema.ts";
import { type FileProblem, formatProblem, readTextFile } from "../../common/file-problem.ts";
import { silentLogger } from "../../common/log.ts";
import { checkZoneFiles, type ServedBeside } from "../../router-dns/data/zone-check.ts";
import { parseCoverage } from "../../router-dns/geo/coverage.ts";
import { parseLatency } from "../../router-dns/geo/latency.ts";
import { absoluteFiles } from "./deployment.ts";
import { CommandFailure } from "./failure.ts";
import { routerOptions } from "./roles.ts";
import { jsonOption } from "./values.ts";

/** `meridian config`: is a configuration right? */
export function configCommand(): Command {
  const check = new Command("check")
    .description("find everything that is wrong in a configuration")
    .argument("<file>", "configuration (YAML)")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  meridian config check cdn.yaml")
    .action((file: string, flags: { json?: boolean }) => {
      const result = loadConfig(file);
      const found = result.ok
        ? fileProblems(file, result.value)
        : { problems: result.error, warnings: [] };
      reportProblems({ file, ...found, json: flags.json === true });
    });
  return new Command("config")
    .description("check a configuration")
    .addHelpText("after", "\nExamples:\n  meridian config check cdn.yaml")
    .addCommand(check);
}

/** What is wrong in the files that a configuration names. */
function fileProblems(
  file: string,
  relative: Config,
): Pick<CheckReport, "problems"> & { readonly warnings: readonly FileProblem[] } {
  const config = absoluteFiles(relative, dirname(resolve(file)));
  const { geoip, coverage, latency, health, edge, zones, tsig } = config;
  const named = [
    [["geoip", "city"], geoip.city],
    [["geoip", "asn"], geoip.asn],
    [["coverage"], coverage],
    [["latency", "file"], latency.file],
    [["health", "check", "ca"], health.check.ca],
    [["edge", "signingKeys"], edge.signingKeys],
    ...Object.entries(edge.originCertificates).flatMap(([name, { certificate, key }]) => {
      const path = ["edge", "originCertificates", name];
      return [
        [[...path, "certificate"], certificate],
        [[...path, "key"], key],
      ] as const;
    }),
    ...zones.flatMap(({ file, primaries }, index) =>
      primaries === undefined ? [[["zones", index, "file"], file] as const] : [],
    ),
    ...tsig.map(({ secretFile }, index) => [["tsig", index, "secretFile"], secretFile] as const),
  ] as const;
  const missing = named.flatMap(([path, name]) =>
    name === undefined || existsSync(name)
      ? []
      : [problemAt(file, path, `there is no file ${name}`)],
  );
  const present = zones.filter((zone) => zone.primaries === undefined && existsSync(zone.file));
  const files = present.map((zone) => ({ file: zone.file }));
  const checked = checkZoneFiles(files, servedBeside(config));
  const problems = [
    ...missing,
    ...checked.problems,
    ...(coverage !== undefined && existsSync(coverage) ? coverageProblems(coverage, config) : []),
    ...(latency.file !== undefined && existsSync(latency.file)
      ? latencyProblems(latency.file, config)
      : []),
  ];
  return { problems, warnings: checked.warnings };
}

/** What a router of a configuration serves beside its zone files (P). */
export function servedBeside(config: Config): ServedBeside {
  const { log: _, ...options } = routerOptions(config, "check", { log: silentLogger });
  return {
    identity: options,
    sites: config.sites,
    fetched: config.zones.flatMap(({ name, primaries }) =>
      name === undefined || primaries === undefined ? [] : [name],
    ),
  };
}

function coverageProblems(coverage: string, config: Config): readonly FileProblem[] {
  const text = readTextFile(coverage);
  if (!text.ok) return text.error;
  const parsed = parseCoverage(text.value, coverage, {
    pops: config.pops.map((pop) => pop.name),
    networks: config.geoip.asn !== undefined,
  });
  return parsed.ok ? [] : parsed.error;
}

function latencyProblems(file: string, config: Config): readonly FileProblem[] {
  const text = readTextFile(file);
  if (!text.ok) return text.error;
  const parsed = parseLatency(
    text.value,
    file,
    config.pops.map((pop) => pop.name),
  );
  return parsed.ok ? [] : parsed.error;
}

/** What a check has found. */
export interface CheckReport {
  readonly file: string;
  readonly problems: readonly FileProblem[];
  /** What is odd, but works. */
  readonly warnings?: readonly FileProblem[];
  /** What the file holds, if it is right. */
  readonly summary?: string;
  readonly json: boolean;
}

/** Prints what a check has found, each with its place. Problems end the command: exit code 1. */
export function reportProblems(report: CheckReport): void {
  const { file, problems, warnings = [], summary, json } = report;
  if (json) {
    const ok = problems.length === 0;
    process.stdout.write(`${JSON.stringify({ file, ok, problems, warnings })}\n`);
  } else {
    for (const problem of problems) process.stdout.write(`${formatProblem(problem)}\n`);
    for (const warning of warnings) process.stdout.write(`${formatProblem(warning)} (works)\n`);
    const held = summary === undefined ? "" : ` (${summary})`;
    if (problems.length === 0) process.stdout.write(`${file}: no problems${held}\n`);
  }
  if (problems.length > 0) {
    const many = problems.length > 1 ? `${problems.length} problems` : "1 problem";
    throw new CommandFailure(`${many} in ${file}`);
  }
}
