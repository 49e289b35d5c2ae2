import { Command, InvalidArgumentError } from "commander";
import {
  contextsFile,
  DEFAULT_API,
  readContexts,
  readTokenFile,
  writeContexts,
} from "./contexts.ts";
import { CommandFailure } from "./failure.ts";
import { formatTable } from "./table.ts";
import { jsonOption } from "./values.ts";

const EXAMPLES = `
A context is an API and a token under a name, kept in $XDG_CONFIG_HOME/meridian/contexts.json for its
owner alone. Commands talk to the API of the current one, unless --api or MERIDIAN_API say another.

Examples:
  meridian context add home --api http://127.0.0.1:9090 --token-file /etc/meridian/meridian.token
  meridian context use home
  meridian context list
  meridian context remove home`;

/** `meridian context`: which CDN commands talk to, and with which token. */
export function contextCommand(): Command {
  const add = new Command("add")
    .argument("<name>", "what to call it")
    .description("remember an API and a token, and use them from now on")
    .option("--api <url>", "its control API", readApi, DEFAULT_API)
    .option("--token-file <file>", "file with the token to show it (default: none)")
    .addHelpText("after", EXAMPLES)
    .action(addContext);
  const use = new Command("use")
    .argument("<name>", "one that was added")
    .description("talk to this one from now on")
    .addHelpText("after", EXAMPLES)
    .action(useContext);
  const list = new Command("list")
    .description("list them; * is the current one")
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action(listContexts);
  const remove = new Command("remove")
    .argument("<name>", "one that was added")
    .description("forget one, and its token")
    .addHelpText("after", EXAMPLES)
    .action(removeContext);
  return new Command("context")
    .description("choose the CDN that commands talk to")
    .addHelpText("after", EXAMPLES)
    .addCommand(add)
    .addCommand(use)
    .addCommand(list)
    .addCommand(remove);
}

function readApi(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError("must be a URL like http://127.0.0.1:9090");
  }
  return text;
}

function addContext(name: string, flags: { api: string; tokenFile?: string }): void {
  const before = readContexts();
  const token = flags.tokenFile === undefined ? undefined : readTokenFile(flags.tokenFile);
  const context = { api: flags.api, ...(token === undefined ? {} : { token }) };
  writeContexts({ current: name, contexts: { ...before.contexts, [name]: context } });
  const shown = token === undefined ? "no token" : "the token of that file";
  process.stdout.write(`Commands talk to ${flags.api} with ${shown} (${contextsFile()}).\n`);
}

function useContext(name: string): void {
  const before = readContexts();
  const context = known(before.contexts, name);
  writeContexts({ ...before, current: name });
  process.stdout.write(`Commands talk to ${context.api} now.\n`);
}

function listContexts(flags: { json?: boolean }): void {
  const { current, contexts } = readContexts();
  const shown = Object.entries(contexts).map(([name, { api, token }]) => ({
    name,
    api,
    token: token !== undefined,
    current: name === current,
  }));
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    return;
  }
  const rows = shown.map((one) => [
    `${one.current ? "*" : " "} ${one.name}`,
    one.api,
    one.token ? "yes" : "none",
  ]);
  process.stdout.write(formatTable([["  CONTEXT", "API", "TOKEN"], ...rows]));
}

function removeContext(name: string): void {
  const before = readContexts();
  known(before.contexts, name);
  const { [name]: _, ...contexts } = before.contexts;
  const { current } = before;
  writeContexts(current === undefined || current === name ? { contexts } : { current, contexts });
  process.stdout.write(`"${name}" is forgotten.\n`);
}

function known<T>(contexts: Readonly<Record<string, T>>, name: string): T {
  const context = contexts[name];
  if (context !== undefined) return context;
  const names = Object.keys(contexts).join(", ");
  throw new CommandFailure(`there is no context "${name}"`, {
    remedy: names === "" ? "Add one: meridian context add --help." : `There are: ${names}.`,
  });
}
