import type { AdminAnswer } from "../common/admin-server.ts";
import { redirectTarget } from "../common/config/location.ts";
import type { SiteRule } from "../common/config/rule.ts";
import { ruleText } from "../common/config/rule-text.ts";
import type { Site } from "../common/config/site.ts";
import { judgeRequest } from "./accept/request-policy.ts";
import type { EdgeContext } from "./context.ts";
import { currentAgeSeconds } from "./decide/age.ts";
import { freshnessLifetimeSeconds } from "./decide/freshness.ts";
import { decideReuse } from "./decide/reuse.ts";
import { sliceCount, slicingOf } from "./decide/slicing.ts";
import type { Standing } from "./decide/standing.ts";
import type { FieldLine, FieldLines } from "./http/fields.ts";
import { tagsOf } from "./http/tags.ts";
import { deriveRequest, placeOf } from "./key/derive.ts";
import { askedOfHost } from "./key/site.ts";
import { addressOf, type Guarded, type GuardedRequest } from "./protect/protection.ts";
import { standingsOf } from "./steps/lookup.ts";
import { type CacheObject, partKey, type StoredVariants } from "./store/store.ts";
import { httpsLocation } from "./tls/scheme-policy.ts";

/**
 * Answers `/explain?url=&method=&client=&header=name:value` (any number of `header`): what this
 * edge would do with such a request now, and why, from the functions that decide about real ones.
 * Changes nothing.
 */
export async function explainRequest(
  query: URLSearchParams,
  edge: EdgeContext,
  follower: { readonly status: string; readonly version: number },
): Promise<AdminAnswer> {
  const url = URL.parse(query.get("url") ?? "");
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return { status: 400, body: { error: "url= must be an absolute http:// or https:// URL" } };
  }
  const headers = parseHeaders(query.getAll("header"));
  if (headers === undefined) {
    return { status: 400, body: { error: "header= must look like name:value" } };
  }
  const method = (query.get("method") ?? "GET").toUpperCase();
  const requestFields: FieldLine[] = [["host", url.host], ...headers];
  const target = url.pathname + url.search;
  const verdict = judgeRequest({ method, version: "1.1", target, fields: requestFields });
  const base = { edge: edge.name, url: url.href, method, state: follower };
  if (verdict.kind === "reject") {
    return { status: 200, body: { ...base, decision: { kind: "reject", reason: verdict.reason } } };
  }
  const scheme = url.protocol === "https:" ? "https" : "http";
  const { site, host } = askedOfHost(edge.sites, url.host, scheme);
  const reject = { kind: "reject", reason: "unknown-site" };
  if (site === undefined) return { status: 200, body: { ...base, decision: reject } };
  if (scheme === "http" && site.tls?.redirect === true) {
    const redirect = httpsLocation({ method, host: url.host, target }, edge.tlsPort);
    const decision = { kind: "redirect", reason: "tls" };
    return { status: 200, body: { ...base, site: site.name, redirect, decision } };
  }
  const address = addressOf(query.get("client") ?? undefined);
  const guarded = guardedAs(edge, { site, method, host, target, fields: requestFields, address });
  const stopped = stoppedBy(guarded);
  if (stopped !== undefined) {
    return { status: 200, body: { ...base, site: site.name, decision: stopped } };
  }
  const asked = deriveRequest(site, { ...guarded, method, scheme, host });
  const { rule, key, bypass, fields } = asked;
  if (rule?.redirect !== undefined || asked.climbs) {
    return {
      status: 200,
      body: {
        ...base,
        site: site.name,
        ...ruleFacts(rule),
        ...answeredHere(rule, { host, target: guarded.target }),
      },
    };
  }
  const inMemory = new Set(edge.store.lookup(key)?.objects.map(({ id }) => id));
  const variants = await edge.store.peek(key);
  const standings = standingsOf({ variants, ...asked }, edge);
  const facts = {
    ...base,
    site: site.name,
    ...ruleFacts(rule),
    key,
    origin: { host: site.origin.host ?? asked.host, target: asked.originTarget },
  };
  const decision =
    bypass === undefined
      ? decisionFor({ method, requestFields: fields, variants, standings, site }, edge)
      : { kind: "bypass", reason: bypass };
  return {
    status: 200,
    body: {
      ...facts,
      stored: (variants?.objects ?? []).map((object, index) => ({
        ...describe(object, edge),
        tier: inMemory.has(object.id) ? "memory" : "disk",
        standing: standings?.[index]?.kind,
        encoding: edge.forms.explain(object, { site, rule, method, requestFields }),
      })),
      decision,
      fillUnderWay: edge.fills.find(key, fields, variants) !== undefined,
      coalesced: edge.fills.mayCoalesce(key),
    },
  };
}

function guardedAs(
  { protection, clock }: EdgeContext,
  request: Omit<GuardedRequest, "now" | "monotonic">,
): Guarded {
  return protection.explain({ ...request, now: clock.now(), monotonic: clock.monotonic() });
}

/** What protection answers without asking anybody; undefined: it lets the request pass. */
function stoppedBy({ refusal, preflight }: Guarded): object | undefined {
  if (refusal !== undefined) return { kind: "reject", reason: refusal.reason };
  return preflight === undefined ? undefined : { kind: "preflight", reason: "cors" };
}

function ruleFacts(rule: SiteRule | undefined): object {
  return { rule: rule ?? null, ...(rule === undefined ? {} : { ruleText: ruleText(rule) }) };
}

/** What a rule answers without asking anybody. */
function answeredHere(
  rule: SiteRule | undefined,
  asked: Readonly<Record<"host" | "target", string>>,
): object {
  const location = rule === undefined ? undefined : redirectTarget(rule, placeOf(asked));
  if (location === undefined) return { decision: { kind: "reject", reason: "bad-request" } };
  const redirect = { status: rule?.redirect?.status, location };
  return { redirect, decision: { kind: "redirect", reason: "rule" } };
}

function decisionFor(
  question: {
    readonly method: string;
    readonly requestFields: FieldLines;
    readonly variants: StoredVariants | undefined;
    readonly standings: readonly Standing[] | undefined;
    readonly site: Site;
  },
  edge: EdgeContext,
): unknown {
  const { method, requestFields, variants, standings, site } = question;
  return decideReuse({
    stored: variants?.responses ?? [],
    standings,
    method,
    requestFields,
    now: edge.clock.now(),
    revalidateAll: edge.revalidateAll(),
    clientDirectives: site.clientDirectives,
  });
}

function describe(object: CacheObject, edge: EdgeContext): object {
  const { response, bodyBytes } = object;
  const ageSeconds = currentAgeSeconds(response, edge.clock.now());
  return {
    status: response.status,
    bytes: bodyBytes,
    ageSeconds,
    ttlSeconds: freshnessLifetimeSeconds(response) - ageSeconds,
    ...slicesOf(object, edge),
    varyOn: response.varyOn,
    tags: tagsOf(response.fields).tags,
    storedAt: new Date(response.times.responseTime).toISOString(),
  };
}

/** Slices that are looked for to say how many there are. */
const SLICES_COUNTED_MAX = 65_536;

/** How a large object is kept; nothing for one that is kept whole. */
function slicesOf({ id, response }: CacheObject, edge: EdgeContext): object {
  const slicing = slicingOf(response);
  if (slicing === undefined) return {};
  const count = sliceCount(slicing);
  let inMemory = 0;
  for (let index = 0; index < Math.min(count, SLICES_COUNTED_MAX); index += 1) {
    if (edge.store.lookup(partKey(id, String(index))) !== undefined) inMemory += 1;
  }
  return { slices: { bytes: slicing.sliceBytes, count, inMemory } };
}

function parseHeaders(texts: readonly string[]): FieldLine[] | undefined {
  const lines: FieldLine[] = [];
  for (const text of texts) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9a-z-]+):(.*)$/i.exec(text) ?? [];
    if (name === undefined || value === undefined) return undefined;
    lines.push([name.toLowerCase(), value.trim()]);
  }
  return lines;
}
