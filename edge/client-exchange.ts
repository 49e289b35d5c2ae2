import type { IncomingMessage, ServerResponse } from "node:http";
import type { MonotonicMs } from "../common/clock.ts";
import type { SiteRule } from "../common/config/rule.ts";
import type { Site } from "../common/config/site.ts";
import { formatIp, parseIp } from "../common/ip.ts";
import type { CacheLabel } from "./admin/request-metrics.ts";
import { type BypassReason, hasContent } from "./decide/bypass.ts";
import type { Selection } from "./decide/precondition.ts";
import type { Reuse } from "./decide/reuse.ts";
import type { Standing } from "./decide/standing.ts";
import type { OriginHead } from "./fetch/exchange.ts";
import type { Fill } from "./fetch/fill.ts";
import type { FillBody } from "./fetch/fill-body.ts";
import type { FillClient, FillOutcome, FillPlan } from "./fetch/fill-plan.ts";
import type { ContentRange } from "./http/content-range.ts";
import { type FieldLines, fieldLinesFromRaw } from "./http/fields.ts";
import { withoutListedFields } from "./http/hop-by-hop.ts";
import type { Scheme } from "./key/primary.ts";
import type { ErrorReason } from "./serve/error-response.ts";
import type { SelectedBody } from "./serve/selected-body.ts";
import type { FillReader } from "./serve/send-chunks.ts";
import type { SlicedReader } from "./serve/sliced-reader.ts";
import type { CacheObject, StoredVariants } from "./store/store.ts";
import type { SecuredConnection } from "./tls/entrance.ts";

/** What a client gets. */
export type Answer =
  | {
      readonly kind: "stored";
      readonly object: CacheObject;
      readonly ageSeconds: number;
      readonly ttlSeconds: number;
      /** What the origin said when it was asked about the object; undefined if it was not asked. */
      readonly status: number | undefined;
    }
  | {
      readonly kind: "fill";
      readonly head: OriginHead;
      readonly body: FillBody;
      /** What of the whole that `head` speaks of the body has; undefined for all of it. */
      readonly part: ContentRange | undefined;
    }
  /** A large object that has just begun to be stored, with what the origin said. */
  | { readonly kind: "sliced"; readonly object: CacheObject; readonly status: number };

/** What of a sliced body goes to a client, and who sends it. */
export interface SelectedSlices {
  readonly object: CacheObject;
  readonly selection: Selection;
  readonly body: SelectedBody;
  readonly reader: SlicedReader;
}

/** When and how a request came. */
export interface Coming {
  readonly startedAt: MonotonicMs;
  /** What was agreed on about its connection; undefined: nothing, it came without TLS. */
  readonly secured: SecuredConnection | undefined;
}

/** One request of a client: the facts that the steps have found out so far. */
export class ClientExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Undefined: the client came without TLS. */
  readonly secured: SecuredConnection | undefined;
  readonly method: string;
  /** As the client sent them, and from the step `key` on as rules let the origin see them. */
  requestFields: FieldLines;
  readonly startedAt: MonotonicMs;
  host = "";
  /** Path and query. */
  target = "";
  /** What the answer says to scripts of other pages, instead of what the origin says. */
  cors: FieldLines | undefined;
  /** What a refusal says beside its reason. */
  refusalFields: FieldLines | undefined;
  /** The same as the origin is asked for them: rules may put them elsewhere. */
  originTarget = "";
  site: Site | undefined;
  rule: SiteRule | undefined;
  key = "";
  /** The part of the key that the URL gives. */
  base = "";
  /** What is stored under the key, as of the last lookup. */
  variants: StoredVariants | undefined;
  /** A slower tier has been asked for more of them. */
  loaded = false;
  reuse: Reuse | undefined;
  /** The stored object that the decision is about. */
  object: CacheObject | undefined;
  /** How purges had left it at that time. */
  standing: Standing | undefined;
  bypass: BypassReason | undefined;
  refusal: ErrorReason | undefined;
  outcome: FillOutcome | undefined;
  answer: Answer | undefined;
  /** What the origin was asked, if this exchange asked it. */
  plan: FillPlan | undefined;
  fill: Fill | undefined;
  /** What stands for this exchange in its fill. */
  client: FillClient | undefined;
  reader: FillReader | SlicedReader | undefined;
  /** What has been selected of a body that is kept in slices, once that has been done. */
  slices: SelectedSlices | undefined;
  /** It waited for a fill that another client leads. */
  collapsed = false;
  /** It was released by a fill and must not wait for another. */
  alone = false;
  /** How often it was released, or began again with another version. */
  releases = 0;
  cache: CacheLabel = "miss";
  headAt: MonotonicMs = 0;
  /** When it first went to the origin, or to wait for others who did; and when that had an end. */
  askedAt: MonotonicMs | undefined;
  settledAt: MonotonicMs = 0;
  /** It has waited for an encoded form of its answer, and does not wait again. */
  hasWaited = false;
  /** The client closed before it had everything. */
  aborted = false;

  constructor(request: IncomingMessage, response: ServerResponse, { startedAt, secured }: Coming) {
    this.request = request;
    this.response = response;
    this.secured = secured;
    this.method = request.method ?? "GET";
    this.requestFields = withoutListedFields(fieldLinesFromRaw(request.rawHeaders));
    this.startedAt = startedAt;
  }

  /** How the client came. */
  get scheme(): Scheme {
    return this.secured === undefined ? "http" : "https";
  }

  /** The request has a body, or may have one. */
  get hasBody(): boolean {
    return hasContent(this.requestFields);
  }

  /** How long it waited for the origin's answer in seconds; undefined if it did not. */
  get upstreamSeconds(): number | undefined {
    return this.askedAt === undefined ? undefined : (this.settledAt - this.askedAt) / 1000;
  }

  /** Absolute URI of the request. */
  get url(): string {
    return `${this.scheme}://${this.host}${this.target}`;
  }

  /** Address of the client, IPv4 inside IPv6 unmapped. */
  get clientAddress(): string {
    const text = this.request.socket.remoteAddress ?? "";
    const bytes = parseIp(text.replace(/%.*$/, ""));
    return bytes.ok ? formatIp(bytes.value) : text;
  }
}
