import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { hstsValue } from "../../common/config/site-tls.ts";
import { type Lifetimes, lifetimeMs } from "../decide/rule-fields.ts";
import { responseDirectives } from "../http/cache-control.ts";
import { type FieldLines, fieldMembers, hasField } from "../http/fields.ts";
import { compileEdits, type FieldEdits, PerRule } from "../key/header-edits.ts";
import type { Scheme } from "../key/primary.ts";

/** What a site and its rule change of a response on its way to the client. */
export interface ClientEdits {
  readonly fields: FieldEdits | undefined;
  /** For how long clients are told to keep it, in ms. */
  readonly lifetimes: Lifetimes | undefined;
}

type Compile = (site: Site, rule: SiteRule | undefined) => ClientEdits | undefined;

const ofSafe: Compile = (site, rule) => compileClientEdits(site, rule, rule?.clientTtl);
const ofUnsafe: Compile = (site, rule) => compileClientEdits(site, rule, undefined);

const compiled = {
  http: { safe: new PerRule(ofSafe), unsafe: new PerRule(ofUnsafe) },
  https: { safe: new PerRule(secured(ofSafe)), unsafe: new PerRule(secured(ofUnsafe)) },
};

/** A request as far as the fields of its answer depend on it. */
export interface EditedRequest {
  readonly method: string;
  readonly scheme: Scheme;
}

/** The changes for the answers to a request; undefined when there are none (P: made once). */
export function clientEdits(
  site: Site | undefined,
  rule: SiteRule | undefined,
  { method, scheme }: EditedRequest,
): ClientEdits | undefined {
  if (site === undefined) return undefined;
  const isSafe = method === "GET" || method === "HEAD";
  return compiled[scheme][isSafe ? "safe" : "unsafe"].of(site, rule);
}

/** RFC 6797 section 7.2: Strict-Transport-Security is said over TLS, and nowhere else. */
function secured(compile: Compile): Compile {
  return (site, rule) => {
    const edits = compile(site, rule);
    const hsts = site.tls?.hsts;
    if (hsts === undefined) return edits;
    const { without = [], lines = [] } = edits?.fields ?? {};
    const name = "strict-transport-security";
    const others = lines.filter(([other]) => other !== name);
    const fields = {
      without: new Set([...without, name]),
      lines: [...others, [name, hstsValue(hsts)] as const],
    };
    return { fields, lifetimes: edits?.lifetimes };
  };
}

function compileClientEdits(
  site: Site,
  rule: SiteRule | undefined,
  lifetimes: Lifetimes | undefined,
): ClientEdits | undefined {
  const fields = compileEdits(site.responseHeaders, rule?.responseHeaders);
  return fields === undefined && lifetimes === undefined ? undefined : { fields, lifetimes };
}

/** Cache-Control for clients, up to the number of seconds that ends it. */
export interface ClientLifetime {
  readonly before: string;
  /** From now on: clients count from when the response was made, so its age is added. */
  readonly seconds: number;
}

/** Parts of a response and that there is nothing new have the lifetime of the whole. */
const OF_WHOLE: ReadonlySet<number> = new Set([206, 304]);

/**
 * What clients are told instead of the origin's own lifetime (P); undefined where they are told
 * what the origin says: without a rule for the status, for what is `private`, `no-store` or
 * `no-cache`, and for what sets cookies. Other directives stay.
 */
export function clientLifetime(
  fields: FieldLines,
  status: number,
  edits: ClientEdits | undefined,
): ClientLifetime | undefined {
  const ms = lifetimeMs(edits?.lifetimes, OF_WHOLE.has(status) ? 200 : status);
  if (ms === undefined || hasField(fields, "set-cookie")) return undefined;
  const said = responseDirectives(fields);
  if (said.noStore || said.private !== false || said.noCache !== false) return undefined;
  const kept = fieldMembers(fields, "cache-control").filter(
    (member) => !/^max-age(?:=|$)/i.test(member),
  );
  return { before: [...kept, "max-age="].join(", "), seconds: Math.floor(ms / 1000) };
}
