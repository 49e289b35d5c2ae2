import { TIER_FIELDS } from "../../common/config/header-edits.ts";
import { type FieldLine, type FieldLines, fieldValues, singleField } from "../http/fields.ts";
import { endToEndFields } from "../http/hop-by-hop.ts";
import { withoutEdited } from "../key/header-edits.ts";
import { type CacheStatus, cacheStatusMember } from "./cache-status.ts";
import { type ClientEdits, clientLifetime } from "./client-edits.ts";

/** What a response to a client is made of. */
export interface ClientResponse {
  /** As stored, or as they came from the origin. */
  readonly fields: FieldLines;
  /** Name of this edge: how it calls itself in Via and Cache-Status. */
  readonly edge: string;
  readonly status: number;
  readonly cacheStatus: CacheStatus;
  /**
   * Current age in whole seconds of a response that comes out of the store, also when it has just
   * been validated. Undefined for one that is passed on as it arrives, whose Age is upstream's.
   */
  readonly ageSeconds: number | undefined;
  /** What the site and its rule change. */
  readonly edits?: ClientEdits | undefined;
}

/** Fields about a body, which a 304 does not have. RFC 9110 section 15.4.5. */
const BODY_FIELDS: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-language",
  "content-length",
  "content-range",
  "content-type",
]);

/** The fields that this edge writes itself, after those of upstream. */
const WRITTEN_HERE: ReadonlySet<string> = new Set(["via", "cache-status"]);

/**
 * The fields that go to a client (P).
 *
 * Left out: hop-by-hop fields and what Connection lists (RFC 9110 section 7.6.1), instructions
 * between tiers, and from a 304 what describes a body. Added: Age for what comes out of the store
 * (RFC 9111 section 5.1), Via (RFC 9110 section 7.6.3) and Cache-Status (RFC 9211) behind the
 * members that upstream caches wrote. A rule's lifetime for clients comes in place of the origin's,
 * and its other changes before what this edge writes.
 */
export function clientResponseFields(response: ClientResponse): FieldLine[] {
  const { edge, status, cacheStatus, ageSeconds, edits } = response;
  const { kept, via, cacheStatuses } = upstreamFields(response.fields);
  const sent = (edits === undefined ? kept : editedFields(kept, response)).filter(
    ([name]) =>
      !(status === 304 && BODY_FIELDS.has(name)) && !(ageSeconds !== undefined && name === "age"),
  );
  if (ageSeconds !== undefined) sent.push(["age", String(ageSeconds)]);
  sent.push(["via", `${via}1.1 ${edge}`]);
  sent.push(["cache-status", cacheStatuses + cacheStatusMember(edge, cacheStatus)]);
  return sent;
}

/** Fields on which a lifetime for clients must not be contradicted. */
const LIFETIME_FIELDS: ReadonlySet<string> = new Set(["cache-control", "expires", "pragma"]);

function editedFields(kept: FieldLines, response: ClientResponse): FieldLines {
  const { edits, status, ageSeconds } = response;
  const lifetime = clientLifetime(kept, status, edits);
  let fields = kept;
  if (lifetime !== undefined) {
    const seconds = lifetime.seconds + (ageSeconds ?? statedAge(kept));
    const told: FieldLine = ["cache-control", `${lifetime.before}${seconds}`];
    fields = [...kept.filter(([name]) => !LIFETIME_FIELDS.has(name)), told];
  }
  if (edits?.fields === undefined) return fields;
  return [...withoutEdited(fields, edits.fields), ...edits.fields.lines];
}

/** The Age that upstream wrote; 0 if it cannot be read. */
function statedAge(fields: FieldLines): number {
  const age = singleField(fields, "age") ?? "";
  return /^\d{1,10}$/.test(age) ? Number(age) : 0;
}

/** What stays of the fields of upstream. */
interface UpstreamFields {
  readonly kept: FieldLines;
  /** Earlier members of the lists that this edge appends to, each with a comma behind it. */
  readonly via: string;
  readonly cacheStatuses: string;
}

const known = new WeakMap<FieldLines, UpstreamFields>();

/** Worked out once for each list of fields: a stored response is sent many times. */
function upstreamFields(fields: FieldLines): UpstreamFields {
  let upstream = known.get(fields);
  if (upstream === undefined) {
    const before = (name: string) => fieldValues(fields, name).map((value) => `${value}, `);
    upstream = {
      kept: endToEndFields(fields).filter(
        ([name]) => !TIER_FIELDS.has(name) && !WRITTEN_HERE.has(name),
      ),
      via: before("via").join(""),
      cacheStatuses: before("cache-status").join(""),
    };
    known.set(fields, upstream);
  }
  return upstream;
}
