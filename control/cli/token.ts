import { Command, Option } from "commander";
import { TOKEN_SCOPES } from "../../state/records.ts";
import type { TokenCreatedBody, TokenListBody, TokenRevokedBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, clientCommand, printJson } from "./client-command.ts";
import { formatTable } from "./table.ts";
import { gather } from "./values.ts";

const EXAMPLES = `
Scopes, each with what those before it may do:
  read    see sites, status, the log and explanations
  purge   purge
  site    add, change and remove sites
  admin   drain edges, make and revoke tokens, tell measured round trips
A token for some sites (--site) sees and changes nothing else.

Examples:
  meridian token create ci --scope purge --site netcinema --expires 90d
  meridian token create ci --scope purge --json | jq -r .token
  meridian token list
  meridian token revoke ci`;

interface CreateFlags extends ClientFlags {
  readonly scope: string;
  readonly site?: readonly string[];
  readonly expires?: string;
}

/** `meridian token`: who may call the control API. */
export function tokenCommand(): Command {
  const scopes = new Option("--scope <scope>", "what it allows")
    .choices([...TOKEN_SCOPES])
    .makeOptionMandatory();
  const create = clientCommand("create")
    .argument("<name>", "who will use it: changes are logged under this name")
    .description("make a token; it is shown this once")
    .addOption(scopes)
    .option("--site <name>", "only for this site; repeatable (default: all)", gather)
    .option("--expires <duration>", "from now, such as 90d (default: never)")
    .addHelpText("after", EXAMPLES)
    .action(createToken);
  const list = clientCommand("list")
    .description("list all tokens")
    .addHelpText("after", EXAMPLES)
    .action(listTokens);
  const revoke = clientCommand("revoke")
    .argument("<token>", "its name or id")
    .description("refuse a token from now on")
    .addHelpText("after", EXAMPLES)
    .action(revokeToken);
  return new Command("token")
    .description("make, list and revoke tokens of the control API")
    .addHelpText("after", EXAMPLES)
    .addCommand(create)
    .addCommand(list)
    .addCommand(revoke);
}

async function createToken(name: string, flags: CreateFlags): Promise<void> {
  const { scope, site, expires } = flags;
  const answer = await callApi<TokenCreatedBody>(flags.api, {
    method: "POST",
    path: "/tokens",
    body: {
      name,
      scope,
      ...(site === undefined ? {} : { sites: site }),
      ...(expires === undefined ? {} : { expiresIn: expires }),
    },
  });
  if (flags.json === true) return printJson(answer);
  process.stdout.write(
    `Token "${answer.name}" (${answer.id}), scope ${answer.scope}, for ${sitesText(answer)}, ` +
      `${answer.expires === undefined ? "without end" : `until ${answer.expires}`}.\n` +
      "Only its hash is kept: this is the only time that it is shown.\n\n" +
      `  ${answer.token}\n`,
  );
}

async function listTokens(flags: ClientFlags): Promise<void> {
  const answer = await callApi<TokenListBody>(flags.api, { path: "/tokens" });
  if (flags.json === true) return printJson(answer);
  if (answer.tokens.length === 0) {
    process.stdout.write("No tokens but the operator's own. Make one: meridian token create.\n");
    return;
  }
  const rows = answer.tokens.map((token) => [
    token.name,
    token.id,
    token.scope,
    sitesText(token),
    token.created.slice(0, 10),
    token.expired ? "expired" : (token.expires?.slice(0, 10) ?? "never"),
  ]);
  const head = ["TOKEN", "ID", "SCOPE", "SITES", "CREATED", "EXPIRES"];
  process.stdout.write(formatTable([head, ...rows]));
}

async function revokeToken(token: string, flags: ClientFlags): Promise<void> {
  const answer = await callApi<TokenRevokedBody>(flags.api, {
    method: "DELETE",
    path: `/tokens/${encodeURIComponent(token)}`,
  });
  if (flags.json === true) return printJson(answer);
  process.stdout.write(
    `Token "${answer.name}" (${answer.id}) is refused from now on (version ${answer.version}).\n`,
  );
}

function sitesText({ sites }: { readonly sites?: readonly string[] }): string {
  return sites === undefined ? "all sites" : sites.join(" ");
}
