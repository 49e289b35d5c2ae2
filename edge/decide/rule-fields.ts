import type { EpochMs } from "../../common/clock.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { CacheDirectives } from "../http/cache-control.ts";
import type { FieldLines } from "../http/fields.ts";
import { directivesOf } from "./facts.ts";
import { explicitLifetimeSeconds } from "./freshness.ts";

/** Lifetimes in ms: one for all statuses below 500, or by status and class. */
export type Lifetimes = NonNullable<SiteRule["ttl"]>;

/** The lifetime that a rule gives a status, in ms; undefined where it gives none (P). */
export function lifetimeMs(lifetimes: Lifetimes | undefined, status: number): number | undefined {
  if (typeof lifetimes !== "object") return status < 500 ? lifetimes : undefined;
  return lifetimes[String(status)] ?? lifetimes[`${Math.floor(status / 100)}xx`];
}

/** A token that no cache knows: it keeps the field from being empty, which would be ignored. */
const BY_RULE = "by-rule";

/**
 * The fields of an answer as if the origin had said what a rule says (P).
 *
 * Overridden directives, and `stale-while-revalidate` and `stale-if-error` of a rule, are written
 * into `Meridian-Cache-Control`, which beats all other fields (RFC 9213 section 2.2), is stored
 * with the answer and goes to no client. What the origin says to browsers stays as it is. The same
 * list comes back when the rule has nothing to say.
 */
export function fieldsUnderRule(
  fields: FieldLines,
  rule: SiteRule | undefined,
  receivedAt: EpochMs,
): FieldLines {
  if (rule === undefined) return fields;
  const { override = [], staleWhileRevalidate, staleIfError } = rule;
  if (override.length === 0 && staleWhileRevalidate === undefined && staleIfError === undefined) {
    return fields;
  }
  const overrides = new Set<string>(override);
  const { directives } = directivesOf(fields);
  // RFC 9111 section 5.2.2.10. Who names a time for serving stale means also what says s-maxage.
  const impliedBySMaxage =
    directives.sMaxage !== undefined &&
    staleWhileRevalidate === undefined &&
    staleIfError === undefined;
  const said = directiveTexts({
    ...directives,
    maxAge: explicitLifetimeSeconds(fields, receivedAt),
    public: directives.public || directives.sMaxage !== undefined,
    private: overrides.has("private") ? false : directives.private,
    noStore: directives.noStore && !overrides.has("no-store"),
    noCache: overrides.has("no-cache") ? false : directives.noCache,
    mustRevalidate: directives.mustRevalidate && !overrides.has("must-revalidate"),
    proxyRevalidate:
      (directives.proxyRevalidate || impliedBySMaxage) && !overrides.has("must-revalidate"),
    staleWhileRevalidate: seconds(staleWhileRevalidate) ?? directives.staleWhileRevalidate,
    staleIfError: seconds(staleIfError) ?? directives.staleIfError,
  });
  return [
    ...fields.filter(([name]) => name !== "meridian-cache-control"),
    ["meridian-cache-control", said.join(", ")],
  ];
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1000);
}

/** Directives as members of a dictionary, but for s-maxage, which max-age stands for (P). */
function directiveTexts(directives: CacheDirectives): string[] {
  const { maxAge, staleWhileRevalidate, staleIfError, noCache } = directives;
  const timed = (name: string, value: number | undefined) =>
    value === undefined ? [] : [`${name}=${value}`];
  const flag = (name: string, value: boolean) => (value ? [name] : []);
  const limited = (name: string, value: boolean | readonly string[]) =>
    typeof value === "boolean" ? flag(name, value) : [`${name}="${value.join(", ")}"`];
  return [
    BY_RULE,
    ...timed("max-age", maxAge),
    ...timed("stale-while-revalidate", staleWhileRevalidate),
    ...timed("stale-if-error", staleIfError),
    ...flag("no-store", directives.noStore),
    ...flag("public", directives.public),
    ...flag("must-revalidate", directives.mustRevalidate),
    ...flag("proxy-revalidate", directives.proxyRevalidate),
    ...flag("must-understand", directives.mustUnderstand),
    ...limited("no-cache", noCache),
    ...limited("private", directives.private),
  ];
}
