import type { Site } from "../../common/config/site.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { alternatives, anyOfThese } from "../decide/alternatives.ts";
import { invalidatedTargets } from "../decide/invalidation.ts";
import { type AskedRange, rangeToAsk } from "../decide/slicing.ts";
import { conditionalFields, freshenFromHead } from "../decide/validation.ts";
import { WAITERS_MAX } from "../fetch/collapse.ts";
import type { OriginHead } from "../fetch/exchange.ts";
import type { FillClient, FillOutcome, FillPlan } from "../fetch/fill-plan.ts";
import type { SliceAsk } from "../fetch/slice-request.ts";
import { acceptedCodings, withAcceptEncoding } from "../http/accept-encoding.ts";
import {
  type FieldLine,
  type FieldLines,
  fieldMembers,
  hasField,
  singleField,
} from "../http/fields.ts";
import { endToEndFields } from "../http/hop-by-hop.ts";
import { requestEdits } from "../key/header-edits.ts";
import { siteForHost } from "../key/site.ts";
import { keysOfUrl } from "../key/url-keys.ts";
import { type OriginRequestFields, originRequestFields } from "../serve/origin-request-fields.ts";
import type { CacheObject } from "../store/store.ts";
import type { Resume, StepResult } from "./step.ts";

/**
 * Where slices cannot be had, a range that begins within so many bytes is cut out of a fill of the
 * whole object. One that begins further in would have to wait for bytes that its client did not ask
 * for: it goes to the origin as it is, and its answer is not stored.
 */
const RANGE_START_MAX = 1_048_576;

/** Asks the origin, or waits with others who already do. */
export function fetchOrJoin(
  exchange: ClientExchange,
  edge: EdgeContext,
  resume: Resume,
): StepResult {
  const client = new ExchangeClient(exchange, edge, resume);
  const isFirst = exchange.client === undefined;
  exchange.client = client;
  if (isFirst) {
    exchange.askedAt = edge.clock.monotonic();
    exchange.settledAt = exchange.askedAt;
    exchange.response.once("close", () => client.onClose());
    edge.noteWaiting(exchange.request.socket, () => waitsForOrigin(exchange));
  }
  const mayJoin = exchange.bypass === undefined && exchange.method === "GET" && !exchange.alone;
  if (mayJoin) {
    const fill = coalesces(exchange, edge)
      ? edge.fills.find(exchange.key, exchange.requestFields, exchange.variants)
      : undefined;
    if (fill !== undefined) {
      if (!fill.hasRoom(exchange.site?.origin.waiters ?? WAITERS_MAX)) {
        exchange.refusal = "overloaded";
        return "refuse";
      }
      exchange.collapsed = true;
      exchange.fill = fill;
      fill.join(client);
      return "parked";
    }
    if (startsFarIn(exchange) && rangeFor(exchange, edge) === undefined) exchange.bypass = "range";
  }
  exchange.collapsed = false;
  const plan = planFill(exchange, edge);
  if (plan === undefined) {
    exchange.refusal = "origin-loop";
    return "refuse";
  }
  exchange.plan = plan;
  if (plan.body !== undefined) askForBody(exchange);
  exchange.fill = edge.fills.lead(plan, client);
  return "parked";
}

/** RFC 9110 section 10.1.1: a client that waits with its body is told to send it. */
function askForBody({ requestFields, response }: ClientExchange): void {
  const expectations = fieldMembers(requestFields, "expect");
  if (expectations.some((each) => each.toLowerCase() === "100-continue")) response.writeContinue();
}

/** Brings a stale object up to date without anybody waiting for it. */
export function refreshBehind(exchange: ClientExchange, edge: EdgeContext): void {
  const plan = planFill(exchange, edge);
  // One refresh is enough, whoever waits for whom.
  if (plan !== undefined) edge.fills.refresh({ ...plan, shared: true });
}

/** What to ask the origin; undefined when the request has come from it. */
function planFill(exchange: ClientExchange, edge: EdgeContext): FillPlan | undefined {
  const { site, method, originTarget: target, key, rule, requestFields, request, url } = exchange;
  if (site === undefined) return undefined;
  const forStore = exchange.bypass === undefined && method === "GET" && !exchange.alone;
  const shared = forStore && coalesces(exchange, edge);
  const validating = forStore && exchange.object !== undefined ? exchange.object : undefined;
  // What lately could not be stored is asked for as its client does; what only nobody waits for is
  // not.
  const isFill = validating !== undefined || (forStore && edge.fills.mayCoalesce(key));
  const others = isFill && validating === undefined ? otherVariants(exchange) : [];
  const range = isFill && validating === undefined ? rangeFor(exchange, edge) : undefined;
  const conditions =
    validating === undefined
      ? anyOfThese(others.map(({ response }) => response))
      : conditionalFields(validating.response);
  if (range !== undefined) conditions.push(["range", range.value]);
  const purpose: Purpose = isFill ? { kind: "fill", conditions } : { kind: "pass" };
  const origin = originFieldsFor(exchange, edge, site, purpose);
  if (origin.kind === "loop") return undefined;
  const body = exchange.hasBody ? request : undefined;
  return {
    key,
    site,
    rule,
    bypass: exchange.bypass,
    profile: site.profile ?? edge.profile,
    setCookie: rule?.setCookie ?? site.setCookie,
    url,
    method,
    target,
    requestFields,
    originFields: origin.fields,
    body,
    validating,
    alternatives: others,
    range,
    sliceBytes: edge.sliced.sliceBytes(key, site.slices),
    shared,
    conditionsKept: purpose.kind === "pass",
  };
}

/**
 * The client's fields. Where the answer may be stored or stands beside what is, Accept-Encoding is
 * one of a few lists of codings: then a thousand spellings make a handful of variants.
 */
function fieldsToAskWith({ bypass, requestFields }: ClientExchange): FieldLines {
  if (bypass !== undefined && bypass !== "range") return requestFields;
  return withAcceptEncoding(requestFields, acceptedCodings(requestFields).ask);
}

/** True if clients of this request wait for one another: by its rule, its site and its past. */
function coalesces({ rule, site, key }: ClientExchange, edge: EdgeContext): boolean {
  return (rule?.coalesce ?? site?.coalesce ?? true) && edge.fills.mayCoalesce(key);
}

/** Variants for other request fields that may turn out to be the answer to these, too. */
function otherVariants({ reuse, variants, requestFields }: ClientExchange): CacheObject[] {
  if (reuse?.kind !== "fetch" || reuse.reason !== "vary-miss" || variants === undefined) return [];
  return alternatives(variants.responses, requestFields).flatMap(
    (index) => variants.objects[index] ?? [],
  );
}

type Purpose = Parameters<typeof originRequestFields>[0]["purpose"];

function originFieldsFor(
  exchange: ClientExchange,
  edge: EdgeContext,
  site: Site,
  purpose: Purpose,
): OriginRequestFields {
  const origin = originRequestFields({
    method: exchange.method,
    requestFields: fieldsToAskWith(exchange),
    edge: edge.name,
    clientAddress: exchange.clientAddress,
    scheme: exchange.scheme,
    clientHost: exchange.host,
    originHost: site.origin.host ?? exchange.host,
    purpose,
  });
  if (origin.kind === "send") {
    origin.fields.push(...(requestEdits.of(site, exchange.rule)?.lines ?? []));
  }
  return origin;
}

/** Makes requests for missing slices on behalf of a client. */
export function sliceAsk(exchange: ClientExchange, edge: EdgeContext): SliceAsk {
  return (conditions) => {
    const { site, originTarget: target } = exchange;
    if (site === undefined) return undefined;
    const origin = originFieldsFor(exchange, edge, site, { kind: "fill", conditions });
    return origin.kind === "loop" ? undefined : { site, target, fields: origin.fields };
  };
}

/** The range to ask for, in whole slices, when nothing is stored; undefined: ask for everything. */
function rangeFor(
  { object, key, site, requestFields }: ClientExchange,
  edge: EdgeContext,
): AskedRange | undefined {
  if (object !== undefined || site === undefined) return undefined;
  const sliceBytes = edge.sliced.sliceBytes(key, site.slices);
  return sliceBytes === undefined ? undefined : rangeToAsk(requestFields, sliceBytes);
}

/** True while it is the origin's turn: the client has sent its body, and taken all there is. */
function waitsForOrigin(exchange: ClientExchange): boolean {
  const { outcome, reader, request, response } = exchange;
  if (response.writableEnded || (exchange.hasBody && !request.complete)) return false;
  return outcome === undefined || outcome.kind === "released" || reader?.isWaiting === true;
}

/** True for a single range that is better asked for as it is. */
function startsFarIn({ requestFields, object }: ClientExchange): boolean {
  if (object !== undefined || !hasField(requestFields, "range")) return false;
  const first = /^bytes\s*=\s*(\d{1,15})-/i.exec(singleField(requestFields, "range") ?? "")?.[1];
  return first === undefined || Number(first) > RANGE_START_MAX;
}

/** Stands for one client in a fill, and carries what happens back into the path. */
class ExchangeClient implements FillClient {
  readonly requestFields: FieldLines;
  readonly #exchange: ClientExchange;
  readonly #edge: EdgeContext;
  readonly #resume: Resume;

  constructor(exchange: ClientExchange, edge: EdgeContext, resume: Resume) {
    this.#exchange = exchange;
    this.#edge = edge;
    this.#resume = resume;
    this.requestFields = exchange.requestFields;
  }

  /** RFC 9110 section 15.2: passed on to the client that leads, never stored, never merged. */
  onInterim(status: number, fields: readonly FieldLine[]): void {
    const { response, request } = this.#exchange;
    if (response.headersSent || request.httpVersion === "1.0" || status === 101) return;
    const headers: Record<string, string[]> = {};
    for (const [name, value] of endToEndFields(fields)) (headers[name] ??= []).push(value);
    response.writeInformation(status, headers);
  }

  onOutcome(outcome: FillOutcome): void {
    const exchange = this.#exchange;
    exchange.outcome = outcome;
    exchange.settledAt = this.#edge.clock.monotonic();
    if (outcome.kind === "response" && !exchange.collapsed) {
      applySideEffects(exchange, this.#edge, outcome.head);
    }
    if (!exchange.aborted) this.#resume("settle");
  }

  onBody(): void {
    this.#exchange.reader?.wake();
  }

  /** The client's connection is over, or its answer is complete. */
  onClose(): void {
    const exchange = this.#exchange;
    exchange.aborted = !exchange.response.writableFinished;
    exchange.reader?.close();
    if (exchange.client !== undefined) exchange.fill?.leave(exchange.client);
  }
}

/** RFC 9111 sections 4.4 and 4.3.5: what an answer says about objects that are stored already. */
function applySideEffects(exchange: ClientExchange, edge: EdgeContext, head: OriginHead): void {
  const { method, site, url } = exchange;
  if (site === undefined) return;
  if (method === "HEAD") {
    freshenByHead(exchange, edge, head);
    return;
  }
  const { status, fields } = head;
  for (const target of invalidatedTargets({ method, status, targetUri: url, fields })) {
    const owner = siteForHost(edge.sites, new URL(target).host);
    if (owner !== undefined) invalidate(owner, target, exchange, edge);
  }
}

/** The answer to the unsafe request itself may be stored: RFC 9110 section 9.3.3. */
function invalidate(site: Site, url: string, exchange: ClientExchange, edge: EdgeContext): void {
  const { keys = [], prefixes = [] } = keysOfUrl(site, url) ?? {};
  for (const key of keys) {
    edge.fills.doomKey(key, exchange.fill);
    edge.store.remove(key, "invalidated");
    // What has cookies or fields in its key cannot be found by its URL.
    if (prefixes.length > 0) edge.invalidations.note(key, edge.clock.now());
  }
  for (const prefix of prefixes) edge.fills.doomPrefix(prefix, exchange.fill);
}

function freshenByHead(exchange: ClientExchange, edge: EdgeContext, head: OriginHead): void {
  const { object } = exchange;
  if (object === undefined || head.status !== 200) return;
  const { requestTime, responseTime } = head;
  const verdict = freshenFromHead(object.response, head.fields, { requestTime, responseTime });
  if (verdict.kind === "freshened") edge.store.update(object, verdict.stored);
  else edge.store.remove(exchange.key, "invalidated");
}
