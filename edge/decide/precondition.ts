import type { EpochMs } from "../../common/clock.ts";
import { CLIENT_CONDITIONS } from "../../common/field-names.ts";
import { parseHttpDate } from "../http/date.ts";
import {
  entityTagList,
  entityTagOf,
  matchesStrongly,
  matchesWeakly,
  parseEntityTag,
} from "../http/etag.ts";
import { combinedField, type FieldLines, hasField, singleField } from "../http/fields.ts";
import { type ByteRange, isAscending, selectRanges } from "./ranges.ts";

/** A request, and a representation that could answer it. */
export interface SelectionQuestion {
  readonly method: string;
  readonly requestFields: FieldLines;
  /** Of the response that would be sent without conditions. */
  readonly status: number;
  readonly fields: FieldLines;
  /** Bytes of the whole body; undefined while they are not known. */
  readonly completeLength: number | undefined;
  /** When the response arrived. */
  readonly receivedAt: EpochMs;
  /** True while the body arrives: its bytes can then only be sent in their order. */
  readonly arriving?: boolean;
}

/** What of a representation is sent. */
export type Selection =
  | { readonly kind: "full" }
  /** Bytes `first` to `last`, both included. */
  | ({ readonly kind: "range" } & ByteRange)
  /** At least two ranges, as one multipart body. */
  | { readonly kind: "ranges"; readonly ranges: readonly ByteRange[] }
  | { readonly kind: "not-modified" }
  | { readonly kind: "precondition-failed" }
  | { readonly kind: "range-not-satisfiable" };

/** True for a request that wants all of whatever there is: its selection is always `full` (P). */
export function isUnconditional(requestFields: FieldLines): boolean {
  return !requestFields.some(([name]) => CLIENT_CONDITIONS.has(name));
}

/**
 * Evaluates the conditions and the range of a GET or HEAD request (P). RFC 9110 sections 13.2.2 and
 * 14.2; RFC 9111 section 4.3.2.
 *
 * Conditions count only for a 200. If-Match and If-Unmodified-Since are evaluated too: towards its
 * clients an edge is the origin (RFC 9110 section 3.7), and a download that goes on with If-Match
 * must not be continued with bytes of another version. A Range counts only for GET. Several ranges
 * of a body that is still arriving are sent if they ascend; else the whole is, which section 14.2
 * allows.
 */
export function selectRepresentation(question: SelectionQuestion): Selection {
  const { method, status } = question;
  if (status !== 200 || (method !== "GET" && method !== "HEAD")) return { kind: "full" };
  if (!stateHolds(question)) return { kind: "precondition-failed" };
  if (clientHasIt(question)) return { kind: "not-modified" };
  return method === "GET" ? selectRange(question) : { kind: "full" };
}

function stateHolds({ requestFields, fields, receivedAt }: SelectionQuestion): boolean {
  const wanted = entityTagList(requestFields, "if-match");
  if (wanted === "*") return true;
  if (wanted !== undefined) {
    const etag = entityTagOf(fields);
    return etag !== undefined && wanted.some((tag) => matchesStrongly(tag, etag));
  }
  const since = requestDate(requestFields, "if-unmodified-since", receivedAt);
  if (since === undefined) return true;
  const modified = responseDate(fields, "last-modified", receivedAt);
  return modified === undefined || modified <= since;
}

function clientHasIt({ requestFields, fields, receivedAt }: SelectionQuestion): boolean {
  const known = entityTagList(requestFields, "if-none-match");
  if (known === "*") return true;
  if (known !== undefined) {
    const etag = entityTagOf(fields);
    return etag !== undefined && known.some((tag) => matchesWeakly(tag, etag));
  }
  const since = requestDate(requestFields, "if-modified-since", receivedAt);
  if (since === undefined) return false;
  // Without Last-Modified, RFC 9111 section 4.3.2 compares with Date, then with the arrival.
  const modified =
    responseDate(fields, "last-modified", receivedAt) ??
    responseDate(fields, "date", receivedAt) ??
    receivedAt;
  return modified <= since;
}

function selectRange(question: SelectionQuestion): Selection {
  const { requestFields, completeLength: length, arriving = false } = question;
  if (length === undefined || !ifRangeHolds(question)) return { kind: "full" };
  const selected = selectRanges(combinedField(requestFields, "range"), length);
  if (selected.kind !== "ranges") return selected;
  const [only, another] = selected.ranges;
  if (only !== undefined && another === undefined) return { kind: "range", ...only };
  return arriving && !isAscending(selected.ranges) ? { kind: "full" } : selected;
}

/** RFC 9110 section 13.1.5: an entity tag by strong comparison, or exactly the stored date. */
function ifRangeHolds({ requestFields, fields, receivedAt }: SelectionQuestion): boolean {
  if (!hasField(requestFields, "if-range")) return true;
  const value = singleField(requestFields, "if-range") ?? "";
  const wanted = parseEntityTag(value);
  if (wanted !== undefined) {
    const etag = entityTagOf(fields);
    return etag !== undefined && matchesStrongly(wanted, etag);
  }
  const since = parseHttpDate(value, receivedAt);
  const modified = responseDate(fields, "last-modified", receivedAt);
  const date = responseDate(fields, "date", receivedAt);
  if (since === undefined || modified === undefined || date === undefined) return false;
  // Section 8.8.2.2: a date is a strong validator once it lies a second before Date.
  return since === modified && modified <= date - 1000;
}

function requestDate(fields: FieldLines, name: string, now: EpochMs): EpochMs | undefined {
  const value = singleField(fields, name);
  return value === undefined ? undefined : parseHttpDate(value, now);
}

const responseDate = requestDate;
