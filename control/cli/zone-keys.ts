import { Command, Option } from "commander";
import { systemClock } from "../../common/clock.ts";
import { type SignedZoneConfig, signedZones } from "../../common/config/dnssec.ts";
import { formatProblem } from "../../common/file-problem.ts";
import type { Result } from "../../common/result.ts";
import {
  confirmDs,
  generateKeys,
  type KeyReport,
  reportKeys,
  rollKeys,
  type ZoneKeysFailure,
  type ZoneKeysOrder,
  type ZoneKeysReport,
} from "../../router-dns/data/zone-keys.ts";
import { printJson } from "./client-command.ts";
import { loadDeployment } from "./deployment.ts";
import { CommandFailure, usageFailure } from "./failure.ts";
import { signingPolicy } from "./roles.ts";
import { formatTable } from "./table.ts";
import { jsonOption, readInteger } from "./values.ts";

const EXAMPLES = `
Examples:
  meridian zone keys generate kingcdn.test --config cdn.yaml
  meridian zone keys list --config cdn.yaml
  meridian zone keys ds kingcdn.test --config cdn.yaml
  meridian zone keys roll kingcdn.test --role ksk --config cdn.yaml
  meridian zone keys ds-seen kingcdn.test 12345 --config cdn.yaml`;

interface KeysFlags {
  readonly config: string;
  readonly json?: boolean;
}

/** `meridian zone keys`: the keys of signed zones, in the folder that the configuration names. */
export function zoneKeysCommand(): Command {
  const list = keysCommand("list [zone]")
    .description("show the keys of signed zones: what each does now, and what comes next")
    .action((zone: string | undefined, flags: KeysFlags) => listKeys(zone, flags));
  const generate = keysCommand("generate <zone>")
    .description("make the first keys of a zone; prints the DS record for its parent")
    .action((zone: string, flags: KeysFlags) => generateFirst(zone, flags));
  const ds = keysCommand("ds <zone>")
    .description("print the DS record that the parent zone should have now")
    .action((zone: string, flags: KeysFlags) => showDs(zone, flags));
  const roll = keysCommand("roll <zone>")
    .description("begin to replace a key by a new one, without a moment of broken answers")
    .addOption(
      new Option("--role <role>", "ksk: the key that the parent names; zsk: the one for records")
        .choices(["ksk", "zsk"])
        .makeOptionMandatory(),
    )
    .action((zone: string, flags: KeysFlags & { role: "ksk" | "zsk" }) => {
      const { order } = signedZone(zone, flags);
      printChange(rollKeys(order, flags.role, systemClock.now()), flags);
    });
  const seen = keysCommand("ds-seen <zone>")
    .description("say that all servers of the parent have the DS of a key: the older one may go")
    .argument("<tag>", "tag of the key", (text) => readInteger(text, 0, 65_535))
    .action((zone: string, tag: number, flags: KeysFlags) => {
      const { order } = signedZone(zone, flags);
      printChange(confirmDs(order, tag, systemClock.now()), flags);
    });
  return new Command("keys")
    .description("make, show and roll the keys that zones are signed with (DNSSEC)")
    .addHelpText("after", EXAMPLES)
    .addCommand(list)
    .addCommand(generate)
    .addCommand(ds)
    .addCommand(roll)
    .addCommand(seen);
}

function keysCommand(nameAndArguments: string): Command {
  return new Command(nameAndArguments.split(" ")[0])
    .arguments(nameAndArguments.split(" ").slice(1).join(" "))
    .requiredOption("--config <file>", "configuration (YAML) with a section `dnssec`")
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES);
}

function listKeys(zone: string | undefined, flags: KeysFlags): void {
  const orders = zone === undefined ? allZones(flags) : [signedZone(zone, flags)];
  const now = systemClock.now();
  const reports = orders.map(({ order }) => valueOf(reportKeys(order, now)));
  if (flags.json === true) return printJson(reports);
  for (const report of reports) printReport(report);
}

function generateFirst(zone: string, flags: KeysFlags): void {
  const { order, config } = signedZone(zone, flags);
  printChange(generateKeys(order, config.algorithm, systemClock.now()), flags);
}

function showDs(zone: string, flags: KeysFlags): void {
  const { order } = signedZone(zone, flags);
  const report = valueOf(reportKeys(order, systemClock.now()));
  if (flags.json === true) return printJson({ zone: report.zone, parentDs: report.parentDs });
  if (report.parentDs !== null) {
    process.stdout.write(`${report.parentDs}\n`);
    return;
  }
  const from = report.keys.find((key) => key.dsFrom !== null)?.dsFrom ?? "later";
  throw new CommandFailure(`it is too early for a DS of ${zone}: resolvers may know it unsigned`, {
    remedy: `Ask again from ${from} on.`,
  });
}

/** A signed zone of the configuration, and where its keys are. */
interface SignedZone {
  readonly config: SignedZoneConfig;
  readonly order: ZoneKeysOrder;
}

function allZones(flags: KeysFlags): readonly SignedZone[] {
  const { config, file } = loadDeployment(flags.config);
  const { dnssec } = config;
  if (dnssec === undefined) {
    throw usageFailure(
      `${file} signs no zone`,
      "Add a section like `dnssec: { keys: keys, zones: [{ name: kingcdn.test }] }`.",
    );
  }
  return signedZones(dnssec).map((zone) => ({
    config: zone,
    order: { folder: dnssec.keys, zone: zone.name, policy: signingPolicy(zone) },
  }));
}

function signedZone(name: string, flags: KeysFlags): SignedZone {
  const zones = allZones(flags);
  const wanted = name.toLowerCase().replace(/\.$/, "");
  const found = zones.find(({ config }) => config.name === wanted);
  if (found !== undefined) return found;
  const known = zones.map(({ config }) => config.name).join(", ");
  throw usageFailure(`${flags.config} does not sign ${name}`, `It signs ${known}.`);
}

function valueOf(result: Result<ZoneKeysReport, ZoneKeysFailure>): ZoneKeysReport {
  if (result.ok) return result.value;
  const { error } = result;
  throw new CommandFailure(typeof error === "string" ? error : error.map(formatProblem).join("\n"));
}

function printChange(result: Result<ZoneKeysReport, ZoneKeysFailure>, flags: KeysFlags): void {
  const report = valueOf(result);
  if (flags.json === true) return printJson(report);
  printReport(report);
}

function printReport({ zone, keys, parentDs }: ZoneKeysReport): void {
  const rows = keys.map((key) => [
    String(key.tag),
    key.role,
    key.algorithm,
    key.state,
    nextOf(key),
  ]);
  const table = formatTable([["tag", "role", "algorithm", "state", "next"], ...rows], "  ");
  const waiting = keys.findLast(({ dsFrom, dsPublished }) => dsFrom !== null && !dsPublished);
  const ds =
    parentDs ?? (waiting === undefined ? "" : `${waiting.ds}   (not before ${waiting.dsFrom})`);
  process.stdout.write(`${zone}\n${table}  DS at the parent: ${ds}\n`);
}

/** What happens to a key next, and when. */
function nextOf(key: KeyReport): string {
  if (key.state === "ready") return "give its DS to the parent, then `zone keys ds-seen`";
  if (key.state === "published" && key.dsFrom !== null) return `DS to the parent at ${key.dsFrom}`;
  if (key.state === "published") return `signs records from ${key.activate}`;
  if (key.state === "retired" && key.removeAt !== null) return `leaves the zone at ${key.removeAt}`;
  return "";
}
