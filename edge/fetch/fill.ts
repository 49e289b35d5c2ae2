import type { PurgeVerdict } from "../../state/purge.ts";
import { namedBy304 } from "../decide/alternatives.ts";
import { forbidsSharing } from "../decide/facts.ts";
import { imposedLifetimeSeconds } from "../decide/imposed.ts";
import { isComplete, type PartOfWhole, partOfWhole, slicingFor } from "../decide/slicing.ts";
import { judgeStorable, type NotStoredReason } from "../decide/storable.ts";
import type { StoredResponse } from "../decide/stored.ts";
import { freshen, identifies } from "../decide/validation.ts";
import type { FieldLine, FieldLines } from "../http/fields.ts";
import { tagsOf } from "../http/tags.ts";
import { matchesVariant, selectedFields, varyNames } from "../key/variant.ts";
import { type CacheObject, type Store, withResponse } from "../store/store.ts";
import type { ExchangeListener, OriginExchange, OriginHead } from "./exchange.ts";
import type { OriginFailure } from "./failure.ts";
import { announcedBytes, judgeAnswer, responseToStore, withLength } from "./fill-answer.ts";
import { FillBody } from "./fill-body.ts";
import type { FillClient, FillOutcome, FillPlan, ReleaseReason } from "./fill-plan.ts";
import type { OriginClient } from "./origin-client.ts";
import type { SliceFetch, SliceSource } from "./slice-fetch.ts";
import type { SlicedBodies } from "./sliced-bodies.ts";
import { exchangeOf, headUnderRule } from "./under-rule.ts";

/** How a fill ended: the label values of `edge_fills_total{result}`. */
export type FillResult =
  | "stored"
  | "uncacheable"
  | "not_modified"
  | "error"
  | "timeout"
  | "aborted";

/** What a fill needs from around it. */
export interface FillSurroundings {
  readonly store: Store;
  readonly origins: OriginClient;
  readonly sliced: SlicedBodies;
  /** True for a response of which other forms are made, so that it must be at hand as a whole. */
  needsWhole(plan: FillPlan, response: StoredResponse): boolean;
  /** The answer could not be shared with the others who waited. */
  onNotShareable(fill: Fill): void;
  onStored(fill: Fill, stored: StoredResponse): void;
  onEnd(fill: Fill, result: FillResult): void;
}

/**
 * One exchange with an origin on behalf of any number of clients. When its head shows a large
 * object that can be kept in slices, that is stored at once, and clients read it from there: the
 * fill then only brings slices.
 */
export class Fill implements ExchangeListener, SliceSource {
  readonly plan: FillPlan;
  readonly body: FillBody;
  readonly #around: FillSurroundings;
  readonly #generation: number;
  readonly #clients = new Set<FillClient>();
  #leader: FillClient | undefined;
  #exchange: OriginExchange | undefined;
  /** The object whose slices it brings, when the answer is large. */
  #sliced: CacheObject | undefined;
  #slices: SliceFetch | undefined;
  #joinable: boolean;
  /** Purged while under way: its clients are served, nothing is stored. */
  #doomed = false;
  #over = false;
  head: OriginHead | undefined;
  /** What will be stored, once the head has shown that it may be. */
  pending: StoredResponse | undefined;
  /** Why the answer is not stored, once that is known. */
  notStored: NotStoredReason | "too-large" | undefined;

  constructor(plan: FillPlan, leader: FillClient | undefined, around: FillSurroundings) {
    this.plan = plan;
    this.body = new FillBody(around.store);
    this.#around = around;
    this.#generation = around.store.purges.generation;
    this.#joinable = plan.shared;
    this.#leader = leader;
    if (leader !== undefined) this.#clients.add(leader);
  }

  /** Sends the request. Clients may be told of a failure before this returns. */
  start(): void {
    const { site, method, target, originFields, body } = this.plan;
    const request = { method, target, fields: originFields, body };
    const exchange = this.#around.origins.send(site, request, this);
    this.#exchange = exchange;
    if (this.#over) exchange.abort();
  }

  /** True while a client with these fields may wait here instead of asking the origin itself. */
  accepts(requestFields: FieldLines, names: readonly string[] | undefined): boolean {
    if (!this.#joinable || !this.body.hasStart) return false;
    // What was asked for before a purge is no answer to whoever asks after it.
    if (this.#verdict().kind !== "current") return false;
    if (this.pending !== undefined) return matchesVariant(this.pending, requestFields);
    const { validating } = this.plan;
    if (validating !== undefined) return matchesVariant(validating.response, requestFields);
    if (names === undefined) return true;
    const mine = selectedFields(names, this.plan.requestFields);
    return selectedFields(names, requestFields).every(([, value], i) => value === mine[i]?.[1]);
  }

  /** Lets a client wait. If the head is there already, it is told before this returns. */
  join(client: FillClient): void {
    this.#clients.add(client);
    if (this.head !== undefined) {
      client.onOutcome({ kind: "response", head: this.head, body: this.body });
    }
  }

  /**
   * A client has what it needs, or is gone. A fill that nobody needs and nothing keeps is aborted.
   */
  leave(client: FillClient): void {
    this.#clients.delete(client);
    if (this.#leader === client) this.#leader = undefined;
    if (this.#slices !== undefined) return;
    const kept = this.pending !== undefined && this.#verdict().kind !== "purged";
    if (this.#over || this.#clients.size > 0 || kept) return;
    this.abort();
  }

  /** Its key was purged or invalidated: nobody joins any more, and nothing is stored. */
  doom(): void {
    if (this.#doomed) return;
    this.#doomed = true;
    this.#joinable = false;
    // What is stored in slices is purged like everything else that is stored.
    if (this.pending === undefined || this.#slices !== undefined) return;
    this.pending = undefined;
    this.body.letGo();
    if (this.#clients.size === 0) this.abort();
  }

  /** Closes the connection to the origin, unless the answer is complete. */
  abort(): void {
    if (this.#over) return;
    this.#exchange?.abort();
    this.#slices?.fail({ kind: "aborted", detail: "nobody needs the answer" });
    this.#finish("failed", "aborted");
  }

  /** True if one more client may wait, of whom `max` at once may. */
  hasRoom(max: number): boolean {
    return this.head !== undefined || this.#clients.size <= max;
  }

  pause(): void {
    this.#exchange?.pause();
  }

  resume(): void {
    this.#exchange?.resume();
  }

  /** Clients that wait or are being served. */
  get clients(): number {
    return this.#clients.size;
  }

  /** A reader has taken chunks: lets go of what all have read, and lets the origin go on. */
  onRead(): void {
    this.body.trim();
    if (this.body.mayGoOn()) this.#exchange?.resume();
  }

  onInterim(status: number, fields: readonly FieldLine[]): void {
    this.#leader?.onInterim(status, fields);
  }

  onHead(arrived: OriginHead): void {
    const part = this.#partIn(arrived);
    const whole = part === undefined ? arrived : { ...arrived, status: 200, fields: part.fields };
    const head = headUnderRule(whole, this.plan);
    if (head.status === 304 && this.plan.validating !== undefined) {
      this.#confirm(this.plan.validating, head);
      return;
    }
    if (head.status === 304 && this.plan.alternatives.length > 0) {
      this.#takeAlternative(head);
      return;
    }
    this.head = head;
    this.#judge(head, part);
    const { pending } = this;
    if (pending === undefined) {
      this.#joinable = false;
      this.#releaseFollowers(head);
    } else if (this.#sliced !== undefined) {
      this.#tellOfSlices(pending, arrived, this.#sliced);
      return;
    } else {
      this.body.keep();
    }
    const missing = part !== undefined && !isComplete(part) ? part : undefined;
    const outcome = { kind: "response", head, body: this.body, part: missing } as const;
    this.#tellOfHead(pending, outcome);
    if (this.#clients.size === 0 && pending === undefined) this.abort();
  }

  /** Tells all who wait, but for those whose variant it is not. */
  #tellOfHead(
    pending: StoredResponse | undefined,
    outcome: Extract<FillOutcome, { readonly head: OriginHead }>,
  ): void {
    for (const client of Array.from(this.#clients)) {
      const fits = pending === undefined || matchesVariant(pending, client.requestFields);
      if (fits || client === this.#leader) client.onOutcome(outcome);
      else this.#release(client, "vary", outcome.head.status);
    }
  }

  /** From now on clients read what is stored, and need no fill. */
  #tellOfSlices(pending: StoredResponse, head: OriginHead, object: CacheObject): void {
    this.#joinable = false;
    this.#tellOfHead(pending, { kind: "sliced", head, object });
    this.#clients.clear();
  }

  onData(chunk: Buffer): void {
    if (this.#slices !== undefined) {
      this.#slices.append(chunk);
      return;
    }
    const keptBefore = this.body.kept;
    const mayGoOn = this.body.append(chunk);
    if (keptBefore && !this.body.kept) {
      this.pending = undefined;
      this.notStored = "too-large";
      this.#joinable = false;
      if (this.#clients.size === 0) {
        this.abort();
        return;
      }
    }
    for (const client of this.#clients) client.onBody();
    if (!mayGoOn && !this.body.mayGoOn()) this.#exchange?.pause();
  }

  onEnd(trailers: FieldLines): void {
    this.body.trailers = trailers;
    if (this.#slices !== undefined) {
      this.#slices.complete();
      this.#finish("complete", "stored");
      return;
    }
    const stored = this.#store();
    this.#finish("complete", stored ? "stored" : "uncacheable");
  }

  onFailure(failure: OriginFailure): void {
    const timedOut = failure.kind.endsWith("timeout");
    const waiting = this.head === undefined ? [...this.#clients] : [];
    if (waiting.length > 0) this.#clients.clear();
    this.#slices?.fail(failure);
    this.#finish("failed", timedOut ? "timeout" : "error");
    for (const client of waiting) client.onOutcome({ kind: "failed", failure });
  }

  /**
   * The origin has named a variant that was stored for other request fields: it is the answer to
   * these, too, and stored once more under them. RFC 9111 sections 4.1 and 4.3.4.
   */
  #takeAlternative(head: OriginHead): void {
    const { alternatives, requestFields } = this.plan;
    const { requestTime, responseTime } = head;
    const named = namedBy304(head.fields, alternatives);
    if (named === undefined) {
      this.#releaseAll("unknown-304");
      return;
    }
    const fresh = freshen(named.response, head.fields, { requestTime, responseTime });
    const names = varyNames(fresh.fields);
    const varyOn = names === "*" ? [] : selectedFields(names, requestFields);
    const response = { ...fresh, varyOn };
    const object = this.#putAgain(named, response) ?? withResponse(named, response);
    const clients = [...this.#clients];
    this.#clients.clear();
    this.#finish("complete", "not_modified");
    for (const client of clients) {
      const fits = names !== "*" && matchesVariant(response, client.requestFields);
      if (fits || client === this.#leader) client.onOutcome({ kind: "not-modified", object });
      else client.onOutcome({ kind: "released", reason: "vary", status: 304 });
    }
  }

  /** Stores the body of an object once more, for the request fields of this fill. */
  #putAgain(named: CacheObject, response: StoredResponse): CacheObject | undefined {
    const { site, key, url } = this.plan;
    const { status, fields, times } = response;
    const verdict = judgeStorable(exchangeOf(this.plan, { status, fields, ...times }));
    if (!verdict.store || this.#doomed) return undefined;
    const { chunks, bodyBytes } = named;
    const generation = this.#generation;
    const body = { chunks, bodyBytes, reservedBytes: 0 };
    return this.#around.store.put({ key, site: site.name, url, response, generation, ...body });
  }

  #releaseAll(reason: ReleaseReason): void {
    const clients = [...this.#clients];
    this.#clients.clear();
    this.#finish("complete", "uncacheable");
    for (const client of clients) client.onOutcome({ kind: "released", reason, status: 304 });
  }

  #confirm(validated: CacheObject, head: OriginHead): void {
    const { requestTime, responseTime } = head;
    const { store } = this.#around;
    if (!identifies(head.fields, validated.response)) {
      this.#releaseAll("unknown-304");
      return;
    }
    const { rule } = this.plan;
    const { status } = validated.response;
    const response = {
      ...freshen(validated.response, head.fields, { requestTime, responseTime }),
      ruleTtlSeconds:
        imposedLifetimeSeconds(rule, status, undefined) ?? validated.response.ruleTtlSeconds,
    };
    // A 304 can make private what was not: then it is an answer to the client that leads alone.
    const isPrivate = forbidsSharing(response.fields);
    if (isPrivate) store.remove(this.plan.key, "invalidated");
    const updated =
      this.#doomed || isPrivate ? undefined : store.update(validated, response, this.#generation);
    const object = updated ?? withResponse(validated, response);
    const clients = [...this.#clients];
    this.#clients.clear();
    // A 304 has no body: its exchange ends by itself, and the connection can be used again.
    this.#finish("complete", "not_modified");
    for (const client of clients) {
      const fits = !isPrivate && matchesVariant(response, client.requestFields);
      if (fits || client === this.#leader) client.onOutcome({ kind: "not-modified", object });
      else {
        const reason = isPrivate ? "uncacheable" : "vary";
        client.onOutcome({ kind: "released", reason, status: 304 });
      }
    }
  }

  /** What of the whole a 206 brings, if the fill asked for a range; undefined for all else. */
  #partIn({ status, fields }: OriginHead): PartOfWhole | undefined {
    const { range, key } = this.plan;
    if (range === undefined) return undefined;
    const part = status === 206 ? partOfWhole(fields, range) : undefined;
    if (part === undefined && (status === 200 || status === 206)) {
      this.#around.sliced.noteUnranged(key);
    }
    return part;
  }

  /** Decides whether the answer is kept, and prepares what will be stored. */
  #judge(head: OriginHead, part: PartOfWhole | undefined): void {
    const verdict = judgeAnswer(this.plan, head);
    if (!verdict.store) {
      this.notStored = verdict.reason;
      this.#dropWhatWasReplaced(head.status);
      return;
    }
    if (this.#verdict().kind === "purged") this.#doomed = true;
    if (this.#doomed) return;
    const pending = responseToStore(this.plan, head);
    if (this.#keepInSlices(head, pending, part)) {
      this.pending = pending;
    } else if (part !== undefined && !isComplete(part)) {
      this.#around.sliced.noteUnranged(this.plan.key);
      this.notStored = "partial";
    } else if (announcedBytes(head) > this.#around.store.objectBytesMax) {
      this.notStored = "too-large";
    } else {
      this.pending = pending;
    }
  }

  /** Stores a large object at once; its slices follow as they arrive. False for all others. */
  #keepInSlices(
    { status, fields, responseTime }: OriginHead,
    pending: StoredResponse,
    part: PartOfWhole | undefined,
  ): boolean {
    const { plan } = this;
    const { store, sliced } = this.#around;
    const ignoresRange = plan.range !== undefined && part === undefined;
    const isWhole = ignoresRange || plan.conditionsKept || this.#around.needsWhole(plan, pending);
    const sliceBytes = isWhole ? undefined : plan.sliceBytes;
    const slicing = slicingFor({ status, fields, receivedAt: responseTime, sliceBytes });
    // A slice that the store would not take could not be sent: such a body passes by as a whole.
    if (slicing === undefined || slicing.sliceBytes > store.objectBytesMax) return false;
    const response = { ...pending, ...slicing };
    const object = store.put({
      key: plan.key,
      site: plan.site.name,
      url: plan.url,
      response,
      chunks: [],
      bodyBytes: slicing.bodyBytes,
      generation: this.#generation,
      reservedBytes: 0,
    });
    if (object === undefined) return false;
    const span = { first: part?.first ?? 0, end: (part?.last ?? slicing.bodyBytes - 1) + 1 };
    this.#sliced = object;
    this.#slices = sliced.adopt(object, this, span);
    this.#around.onStored(this, response);
    return true;
  }

  /** The origin has put something that may not be stored in place of what is. */
  #dropWhatWasReplaced(status: number): void {
    if (this.plan.validating === undefined || status >= 500 || status === 429) return;
    this.#around.store.remove(this.plan.key, "invalidated");
  }

  #releaseFollowers(head: OriginHead): void {
    const reason = this.#releaseReason(head);
    if (reason === "uncacheable" && this.plan.shared) this.#around.onNotShareable(this);
    for (const client of Array.from(this.#clients)) {
      if (client !== this.#leader) this.#release(client, reason, head.status);
    }
  }

  #releaseReason({ status }: OriginHead): ReleaseReason {
    if (status >= 500) return "origin-error";
    if (this.notStored === "partial") return "partial";
    if (this.#doomed) return "purged";
    // One client's credentials say nothing about what the others would be answered.
    return this.notStored === "authorization" ? "authorization" : "uncacheable";
  }

  #release(client: FillClient, reason: ReleaseReason, status: number): void {
    this.#clients.delete(client);
    client.onOutcome({ kind: "released", reason, status });
  }

  /** What the purges since it began make of the answer; its tags are known with its head. */
  #verdict(): PurgeVerdict {
    const { plan, head } = this;
    const tags = head === undefined ? undefined : tagsOf(head.fields);
    const facts = { generation: this.#generation, key: plan.key, tags };
    return this.#around.store.purges.site(plan.site.name).judge(facts);
  }

  #store(): boolean {
    const { pending, plan, body } = this;
    if (pending === undefined) return false;
    const response = withLength(pending, body.bytes);
    const { key, url } = plan;
    const stored = this.#around.store.put({
      key,
      site: plan.site.name,
      url,
      response,
      bodyBytes: body.bytes,
      generation: this.#generation,
      ...body.takeForStore(),
    });
    if (stored !== undefined) this.#around.onStored(this, response);
    return stored !== undefined;
  }

  #finish(state: "complete" | "failed", result: FillResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#joinable = false;
    this.body.finish(state);
    this.#around.onEnd(this, result);
    for (const client of Array.from(this.#clients)) client.onBody();
  }
}
