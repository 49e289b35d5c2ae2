import { compileGlob, type Glob } from "../../common/config/glob.ts";
import type {
  CorsPolicy,
  Protect,
  RateLimit,
  RefererPolicy,
  SignedPolicy,
} from "../../common/config/protect.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { type IpPrefix, parsePrefix } from "../../common/ip.ts";
import { PerRule } from "../key/header-edits.ts";

/** What protects the requests under one rule of a site, ready for many of them. */
export interface Policy {
  readonly allow: readonly IpPrefix[] | undefined;
  readonly deny: readonly IpPrefix[];
  /** `bucket` tells limits of a site and of its rules apart. */
  readonly rate: (RateLimit & { readonly bucket: string }) | undefined;
  readonly referers:
    | (Omit<RefererPolicy, "hosts"> & { readonly hosts: readonly Glob[] })
    | undefined;
  readonly signed: SignedPolicy | undefined;
  readonly maxBody: number | undefined;
  readonly cors: CorsPolicy | undefined;
}

/** The policy under a rule of a site, or where no rule matches (P: made once). */
export const policies: PerRule<Policy> = new PerRule(compilePolicy);

/** True if a site asks anything of requests beyond being well-formed (P: worked out once). */
export function isProtected(site: Site): boolean {
  return usesOf(site).any;
}

/** True if tokens mean something to a site (P: worked out once). */
export function usesTokens(site: Site): boolean {
  return usesOf(site).tokens;
}

interface Uses {
  readonly any: boolean;
  readonly tokens: boolean;
}

const uses = new WeakMap<Site, Uses>();

function usesOf(site: Site): Uses {
  let found = uses.get(site);
  if (found === undefined) {
    const given = [site, ...site.rules].flatMap(({ protect }) => protect ?? []);
    const tokens = given.some(({ signed }) => signed !== undefined && signed !== false);
    found = { any: given.length > 0, tokens };
    uses.set(site, found);
  }
  return found;
}

function compilePolicy(site: Site, rule: SiteRule | undefined): Policy {
  const { allow, deny, rate, referers, signed, maxBody, cors } = mergedProtect(site, rule);
  const hasOwnRate = rule?.protect?.rate !== undefined;
  const place = hasOwnRate && rule !== undefined ? `#${site.rules.indexOf(rule)}` : "";
  return {
    allow: allow ? prefixes(allow) : undefined,
    deny: deny ? prefixes(deny) : [],
    rate: rate ? { ...rate, bucket: `${site.name}${place}` } : undefined,
    referers: referers ? { ...referers, hosts: referers.hosts.map(compileGlob) } : undefined,
    signed: signed || undefined,
    maxBody: maxBody === false ? undefined : maxBody,
    cors: cors || undefined,
  };
}

/** Each part that a rule leaves out is as the site has it. */
function mergedProtect(site: Site, rule: SiteRule | undefined): Protect {
  return { ...site.protect, ...rule?.protect };
}

/** The schema has read them before. */
function prefixes(texts: readonly string[]): IpPrefix[] {
  return texts.flatMap((text) => {
    const prefix = parsePrefix(text);
    return prefix.ok ? [prefix.value] : [];
  });
}
