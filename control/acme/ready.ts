import type { Resolver } from "node:dns/promises";
import { challengeName, delegatedName } from "../../common/acme-names.ts";
import { aliasesOf, nameResolver, POINTS_HERE, whereTo } from "../names.ts";
import { cdnHost } from "../site-text.ts";
import type { WantedCertificate } from "./plan.ts";

/**
 * Says what is missing before an authority can see that hosts are ours, or undefined: asking it
 * earlier would only be counted as a failure (Let's Encrypt allows five an hour for each host).
 */
export async function whyNotYet(
  { hosts, site, challenge }: WantedCertificate,
  { domain, resolver: address }: { readonly domain: string; readonly resolver: string | undefined },
): Promise<string | undefined> {
  const resolver = nameResolver(address);
  for (const host of hosts) {
    // Names below our own domain lead here once our own routers answer, and are asked.
    if (host.endsWith(`.${domain}`)) {
      if (await hasSoa(domain, resolver)) continue;
      return `nobody answers for ${domain} yet`;
    }
    const reason =
      challenge === "dns-01"
        ? await challengeGoes(host.replace(/^\*\./, ""), domain, resolver)
        : await leadsHere(host, cdnHost(site ?? "", domain), resolver);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function hasSoa(domain: string, resolver: Resolver): Promise<boolean> {
  return resolver.resolveSoa(domain).then(
    () => true,
    () => false,
  );
}

async function leadsHere(
  host: string,
  target: string,
  resolver: Resolver,
): Promise<string | undefined> {
  const found = await whereTo(host, target, resolver);
  return found === POINTS_HERE ? undefined : `${host} ${found}`;
}

async function challengeGoes(
  host: string,
  domain: string,
  resolver: Resolver,
): Promise<string | undefined> {
  const [name, target] = [challengeName(host), delegatedName(host, domain)];
  const aliases = await aliasesOf(name, resolver);
  return aliases.includes(target) ? undefined : `${name} is no CNAME of ${target} yet`;
}
