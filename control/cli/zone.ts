import { Command } from "commander";
import { reportProblems } from "./config.ts";
import { jsonOption } from "./values.ts";
import { checkZoneFile } from "./zone-check.ts";
import { zoneKeysCommand } from "./zone-keys.ts";

const EXAMPLES = `
Examples:
  meridian zone check zones/netcinema.test.zone
  meridian zone check --origin netcinema.test db.netcinema`;

interface ZoneFlags {
  readonly origin?: string;
  readonly json?: boolean;
}

/** `meridian zone`: is a zone file right, and which keys is a zone signed with? */
export function zoneCommand(): Command {
  const check = new Command("check")
    .description("find everything that is wrong in a zone file (RFC 1035)")
    .argument("<file>", "zone file")
    .option("--origin <name>", "name of the zone, if the file does not say it with $ORIGIN")
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
  reportProblems({ file, ...checkZoneFile(file, flags.origin), json: flags.json === true });
}
