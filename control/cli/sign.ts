import { Command } from "commander";
import { systemClock } from "../../common/clock.ts";
import { hostName } from "../../common/config/fields.ts";
import { readTextFile } from "../../common/file-problem.ts";
import { formatPrefix, type IpPrefix } from "../../common/ip.ts";
import { makeToken, parseSigningKeys, TOKEN_NAME, withoutToken } from "../../common/signed-url.ts";
import { printJson } from "./client-command.ts";
import { CommandFailure, usageFailure } from "./failure.ts";
import { jsonOption, readDuration, readPrefix } from "./values.ts";

const EXAMPLES = `
The file of keys is the one that edges have as edge.signingKeys; no daemon is asked.

Examples:
  meridian sign http://video.netcinema.test/film.mp4 --keys keys.txt --key-id k1 --expires 1h
  meridian sign http://video.netcinema.test/7/a.m3u8 --keys keys.txt --key-id k1 --prefix /7/ --cookie
  meridian sign http://video.netcinema.test/a --keys keys.txt --key-id k2 --client 192.0.2.0/24`;

interface SignFlags {
  readonly keys: string;
  readonly keyId: string;
  readonly expires: number;
  readonly prefix?: string;
  readonly client?: IpPrefix;
  readonly cookie?: boolean;
  readonly json?: boolean;
}

/** `meridian sign`: makes a URL or a cookie that a site with `protect.signed` takes. */
export function signCommand(): Command {
  return new Command("sign")
    .description("sign a URL, or make a cookie, for a site that asks for signatures")
    .argument("<url>", "what may be asked for")
    .requiredOption("--keys <file>", "file of keys: a line for each with its id and its secret")
    .requiredOption("--key-id <id>", "key that signs")
    .option("--expires <duration>", "for how long it is good", readDuration, 3_600_000)
    .option("--prefix <path>", "good for all paths that begin so, instead of for this URL alone")
    .option("--client <cidr>", "good for clients in this network only", readPrefix)
    .option("--cookie", "print a Set-Cookie field instead of a URL; needs --prefix")
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action(sign);
}

function sign(text: string, flags: SignFlags): void {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usageFailure(`"${text}" is not an http:// or https:// URL`);
  }
  const { prefix, client, keyId } = flags;
  if (flags.cookie === true && prefix === undefined) {
    throw usageFailure("--cookie needs --prefix", "A cookie goes along with many URLs.");
  }
  if (prefix !== undefined && !/^\/[!"$-)+-;=@-}]*$/.test(prefix)) {
    throw usageFailure("--prefix must be a path that starts with /, without *, ~, ? and #");
  }
  const host = hostName.safeParse(url.hostname).data ?? url.hostname;
  const { target } = withoutToken(url.pathname + url.search);
  const expires = Math.floor((systemClock.now() + flags.expires) / 1_000);
  const network = client === undefined ? undefined : formatPrefix(client);
  const grant = { keyId, expires, prefix, client: network };
  const token = makeToken(grant, { host, target }, secretOf(flags));
  const signed = `${url.origin}${target}${target.includes("?") ? "&" : "?"}${TOKEN_NAME}=${token}`;
  const maxAge = Math.floor(flags.expires / 1_000);
  const cookie = `${TOKEN_NAME}=${token}; Path=${prefix ?? "/"}; Max-Age=${maxAge}; HttpOnly`;
  const expiresAt = new Date(expires * 1_000).toISOString();
  if (flags.json === true) {
    printJson(flags.cookie === true ? { cookie, expiresAt } : { url: signed, expiresAt });
    return;
  }
  process.stdout.write(`${flags.cookie === true ? `Set-Cookie: ${cookie}` : signed}\n`);
}

function secretOf({ keys: file, keyId }: SignFlags): Buffer {
  const text = readTextFile(file);
  if (!text.ok) throw new CommandFailure(`${file}: ${text.error[0]?.message ?? "unreadable"}`);
  const keys = parseSigningKeys(text.value);
  if (!keys.ok) throw new CommandFailure(`${file}: ${keys.error}`);
  const secret = keys.value.get(keyId);
  if (secret === undefined) {
    const known = [...keys.value.keys()].join(", ") || "none";
    throw new CommandFailure(`${file} has no key ${keyId}; it has ${known}`);
  }
  return secret;
}
