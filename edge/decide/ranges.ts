/** Bytes of a representation: `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Ranges of one request. With more, the field is ignored: nothing needs them but an attack. */
export const RANGES_MAX = 32;

/** Ranges of one request that may lie over others. RFC 9110 section 14.2 names two. */
export const OVERLAPS_MAX = 2;

/** Ranges of one request that need not be in ascending order. */
export const DISORDERED_MAX = 8;

/** What a Range field comes to for a representation of known length. */
export type RangeSelection =
  /** There is no range that counts: the whole is sent. */
  | { readonly kind: "full" }
  /** One or more ranges, none of which touches another, in the order in which they were asked. */
  | { readonly kind: "ranges"; readonly ranges: readonly ByteRange[] }
  | { readonly kind: "range-not-satisfiable" };

/** A member of a Range field. */
type RangeSpec =
  | { readonly first: number; readonly last: number | undefined }
  /** The last so many bytes. */
  | { readonly suffix: number };

const FULL = { kind: "full" } as const;
const RANGE_SET = /^bytes[ \t]*=(.*)$/is;
const RANGE_SPEC = /^(\d{0,15})-(\d{0,15})$/;

/**
 * The bytes that a Range field asks for (P). RFC 9110 sections 14.1.2 and 14.2.
 *
 * Input: the field's value over all its lines, undefined when there is none; the length of the
 * whole in bytes. Another unit, a member that is no range, or a last byte in front of the first
 * make the field invalid, and it is ignored. So are sets that section 14.2 calls signs of an
 * attack: more than RANGES_MAX members, more than OVERLAPS_MAX of them over others, more than
 * DISORDERED_MAX out of order. Members that lie behind the end are left out; when all do, nothing
 * is satisfiable. Those that overlap or touch become one. Does not throw.
 * Example: `bytes=0-4, 3-9, -2` of 100 bytes -> 0 to 9 and 98 to 99.
 */
export function selectRanges(value: string | undefined, length: number): RangeSelection {
  const specs = value === undefined ? undefined : parseRangeSet(value);
  if (specs === undefined || specs.length > RANGES_MAX) return FULL;
  // Of nothing, the last bytes are the whole, which Content-Range cannot express.
  if (length === 0 && specs.some((spec) => "suffix" in spec && spec.suffix > 0)) return FULL;
  const wanted = specs.map((spec) => resolve(spec, length)).filter((range) => range !== undefined);
  if (wanted.length === 0) return { kind: "range-not-satisfiable" };
  if (isAbusive(wanted)) return FULL;
  return { kind: "ranges", ranges: coalesce(wanted) };
}

/** True if no range begins in front of the one before it (P). */
export function isAscending(ranges: readonly ByteRange[]): boolean {
  return ranges.every(({ first }, i) => first >= (ranges[i - 1]?.first ?? 0));
}

/** The members of a set; undefined when it is not one. Empty members do not count. */
function parseRangeSet(value: string): readonly RangeSpec[] | undefined {
  const members = (RANGE_SET.exec(value)?.[1] ?? "").split(",").map((member) => member.trim());
  const specs: RangeSpec[] = [];
  for (const member of members.filter((text) => text !== "")) {
    const [, from = "", to = ""] = RANGE_SPEC.exec(member) ?? [];
    const last = to === "" ? undefined : Number(to);
    if (from !== "") {
      if (last !== undefined && last < Number(from)) return undefined;
      specs.push({ first: Number(from), last });
    } else if (last !== undefined) {
      specs.push({ suffix: last });
    } else {
      return undefined;
    }
  }
  return specs.length === 0 ? undefined : specs;
}

function resolve(spec: RangeSpec, length: number): ByteRange | undefined {
  const end = length - 1;
  if ("suffix" in spec) {
    const first = Math.max(0, length - spec.suffix);
    return spec.suffix === 0 ? undefined : { first, last: end };
  }
  const { first, last = end } = spec;
  return first > end ? undefined : { first, last: Math.min(last, end) };
}

function isAbusive(ranges: readonly ByteRange[]): boolean {
  if (ranges.length > DISORDERED_MAX && !isAscending(ranges)) return true;
  let covered = -1;
  let overlaps = 0;
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    if (first <= covered) overlaps += 1;
    covered = Math.max(covered, last);
  }
  return overlaps > OVERLAPS_MAX;
}

/** Joins what overlaps or touches; each union stands where its first member was asked for. */
function coalesce(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const byStart = ranges.map((range, order) => ({ ...range, order }));
  byStart.sort((a, b) => a.first - b.first);
  const unions: { first: number; last: number; order: number }[] = [];
  for (const range of byStart) {
    const union = unions.at(-1);
    if (union === undefined || range.first > union.last + 1) unions.push({ ...range });
    else {
      union.last = Math.max(union.last, range.last);
      union.order = Math.min(union.order, range.order);
    }
  }
  unions.sort((a, b) => a.order - b.order);
  return unions.map(({ first, last }) => ({ first, last }));
}
