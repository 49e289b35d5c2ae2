import type { Readable } from "node:stream";
import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import type { BypassReason } from "../decide/bypass.ts";
import type { AskedRange } from "../decide/slicing.ts";
import type { CacheProfile } from "../decide/storable.ts";
import type { ContentRange } from "../http/content-range.ts";
import type { FieldLine, FieldLines } from "../http/fields.ts";
import type { CacheObject } from "../store/store.ts";
import type { OriginHead } from "./exchange.ts";
import type { OriginFailure } from "./failure.ts";
import type { FillBody } from "./fill-body.ts";

/** What a fill is for. */
export interface FillPlan {
  readonly key: string;
  readonly site: Site;
  readonly rule: SiteRule | undefined;
  readonly bypass: BypassReason | undefined;
  readonly profile: CacheProfile;
  /** What the site, or its rule, wants done with Set-Cookie; undefined: what the profile does. */
  readonly setCookie: SiteRule["setCookie"];
  /** Absolute URL of the request. */
  readonly url: string;
  readonly method: string;
  readonly target: string;
  /** The fields of the client that leads, as they came: Vary and storing depend on them. */
  readonly requestFields: FieldLines;
  /** What is sent to the origin. */
  readonly originFields: readonly FieldLine[];
  readonly body: Readable | undefined;
  /** The stored object that the origin is asked about, if any. */
  readonly validating: CacheObject | undefined;
  /** Other variants of the key whose tags the origin is told: a 304 may name one of them. */
  readonly alternatives: readonly CacheObject[];
  /** The range that the origin is asked for, rounded out to whole slices; undefined: everything. */
  readonly range: AskedRange | undefined;
  /** Larger answers are kept in slices of so many bytes; undefined: none is. */
  readonly sliceBytes: number | undefined;
  /** Other clients may join. */
  readonly shared: boolean;
  /**
   * The client's own conditions and range went to the origin: its answer is what the client gets.
   */
  readonly conditionsKept: boolean;
}

/** Why a client that waited must fetch for itself. */
export type ReleaseReason =
  | "uncacheable"
  /** The answer is for another variant. */
  | "vary"
  /** The answer is for the one who leads, because of its Authorization. */
  | "authorization"
  /** The origin's 304 names nothing that is stored: the whole must be asked for. */
  | "unknown-304"
  /** The answer is about the range of the one who leads. */
  | "partial"
  /** A purge came between: what the fill brings may be older. */
  | "purged"
  /** The origin answered with a 5xx, which `status` gives. */
  | "origin-error";

/** What became of a fill, for one of its clients. */
export type FillOutcome =
  /** The head is there; the body follows: of a 206 only a part of it, as `part` says. */
  | {
      readonly kind: "response";
      readonly head: OriginHead;
      readonly body: FillBody;
      readonly part?: ContentRange | undefined;
    }
  /** The head is there and stored; the body comes in slices of this object. */
  | { readonly kind: "sliced"; readonly head: OriginHead; readonly object: CacheObject }
  /** The stored object was confirmed; this is its new state. */
  | { readonly kind: "not-modified"; readonly object: CacheObject }
  | { readonly kind: "released"; readonly reason: ReleaseReason; readonly status: number }
  | { readonly kind: "failed"; readonly failure: OriginFailure };

/** Somebody who waits for a fill. */
export interface FillClient {
  readonly requestFields: FieldLines;
  /** A 1xx from the origin; only the client that leads is told. */
  onInterim(status: number, fields: readonly FieldLine[]): void;
  /** Told once, at the latest when the origin's deadlines pass. */
  onOutcome(outcome: FillOutcome): void;
  /** After "response": there are more bytes, or the body's state has changed. */
  onBody(): void;
}
