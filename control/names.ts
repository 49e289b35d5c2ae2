import { Resolver } from "node:dns/promises";

/** How long one look-up may take. */
const LOOK_TIMEOUT_MS = 2_000;

/** What `whereTo` says of a name that leads to the CDN. */
export const POINTS_HERE = "leads to the CDN";

/** Where names are looked up: an address such as `127.0.0.1:5300`, or as the system does. */
export function nameResolver(address: string | undefined): Resolver {
  const resolver = new Resolver({ timeout: LOOK_TIMEOUT_MS, tries: 2 });
  if (address !== undefined) resolver.setServers([address]);
  return resolver;
}

/**
 * Says where a host leads: to the CDN by a CNAME of `target`, or, at an apex, by the addresses that
 * `target` has; or what is there instead.
 */
export async function whereTo(host: string, target: string, resolver: Resolver): Promise<string> {
  const aliases = await aliasesOf(host, resolver);
  if (aliases.includes(target)) return POINTS_HERE;
  if (aliases.length > 0) return `is a CNAME of ${aliases.join(", ")}, not of ${target}`;
  const [own, ours] = await Promise.all(
    [host, target].map((name) => answerOf(resolver.resolve4(name))),
  );
  if (own === undefined || own.length === 0) return "has no record yet";
  const isOurs = own.every((address) => ours?.includes(address));
  return isOurs ? POINTS_HERE : `has the address ${own.join(", ")}, not those of ${target}`;
}

/** What a name is a CNAME of; nothing if it is none, or nobody answers. */
export function aliasesOf(name: string, resolver: Resolver): Promise<string[]> {
  return answerOf(resolver.resolveCname(name));
}

/** What a name has; nothing if it is not there or nobody answers. */
async function answerOf(question: Promise<string[]>): Promise<string[]> {
  try {
    return (await question).map((name) => name.toLowerCase().replace(/\.$/, ""));
  } catch {
    return [];
  }
}
