import { resolve } from "node:path";
import { Command } from "commander";
import { checkZoneFiles } from "../../router-dns/data/zone-check.ts";
import { reportProblems, servedBeside } from "./config.ts";
import { loadDeployment } from "./deployment.ts";
import { jsonOption } from "./values.ts";
import { zoneKeysCommand } from "./zone-keys.ts";

const EXAMPLES = `
Examples:
  meridian zone check zones/netcinema.test.zone
  meridian zone check --origin netcinema.test db.netcinema
  meridian zone check zones/netcinema.test.zone --config cdn.yaml`;

interface ZoneFlags {
  readonly origin?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** `meridian zone`: is a zone file right, and which keys is a zone signed with? */
export function zoneCommand(): Command {
  const check = new Command("check")
    .description("find everything that is wrong in a zone file (RFC 1035)")
    .argument("<file>", "zone file")
    .option("--origin <name>", "name of the zone, if the file does not say it with $ORIGIN")
    .option("--config <file>", "check also that what ALIAS names is served there")
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action(runCheck);
  return new Command("zone")
    .description("check a zone file, or look after the keys of signed zones")
    .addHelpText("after", EXAMPLES)
    .addCommand(check)
    .addCommand(zoneKeysCommand());
}

function runCheck(file: string, flags: ZoneFlags): void {
  const { origin, config: configFile, json = false } = flags;
  const asked = origin === undefined ? { file } : { file, origin };
  if (configFile === undefined) {
    const { problems, warnings, zones } = checkZoneFiles([asked]);
    return reportProblems({ file, problems, warnings, ...summaryOf(zones), json });
  }
  const { config } = loadDeployment(configFile);
  // What the other files serve can only be told once they are right too.
  const isOther = (name: string) => resolve(name) !== resolve(file);
  const others = config.zones.flatMap(({ file: name, primaries }) =>
    primaries === undefined && isOther(name) ? [{ file: name }] : [],
  );
  const { problems, warnings, zones } = checkZoneFiles([asked, ...others], servedBeside(config));
  const isHere = (found: { readonly file: string }) => found.file === file;
  reportProblems({
    file,
    problems,
    warnings: warnings.filter(isHere),
    ...summaryOf(zones.filter(isHere)),
    json,
  });
}

/** How many names a zone has; nothing if it cannot be used. */
function summaryOf([zone]: readonly { readonly nodes: { readonly size: number } }[]) {
  return zone === undefined ? {} : { summary: `${zone.nodes.size} names` };
}
