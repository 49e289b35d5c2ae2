import { acceptedCodings, codingOf } from "../http/accept-encoding.ts";
import {
  combinedField,
  type FieldLines,
  fieldMembers,
  listMembers,
  trimWhiteSpace,
} from "../http/fields.ts";

/**
 * Stands for a request field that was absent: RFC 9111 section 4.1 tells it apart from an empty
 * one. No field value can contain this character.
 */
export const ABSENT = "\u0000";

/** What selecting a stored response needs to know of it. */
export interface StoredVariant {
  readonly fields: FieldLines;
  /** What `selectedFields` said of the request that filled it. */
  readonly varyOn: readonly (readonly [name: string, value: string])[];
}

const known = new WeakMap<FieldLines, readonly string[] | "*">();

/**
 * The request fields that select this response, in lower case, each once, in the order of Vary;
 * `"*"` when a member is `*`; empty when the response does not vary (P). RFC 9110 section 12.5.5.
 */
export function varyNames(fields: FieldLines): readonly string[] | "*" {
  let names = known.get(fields);
  if (names === undefined) {
    const members = fieldMembers(fields, "vary").map((member) => member.toLowerCase());
    names = members.includes("*") ? "*" : [...new Set(members)];
    known.set(fields, names);
  }
  return names;
}

/**
 * The selecting fields of a request, normalised so that values of the same meaning are the same
 * text (P). RFC 9111 section 4.1.
 *
 * Lines are combined and white space around commas is dropped. Accept-Language is compared without
 * case and without order among members of equal weight. Accept-Encoding becomes what the origin is
 * asked for: one of a few lists of known codings. A field that the request does not have is ABSENT.
 */
export function selectedFields(
  names: readonly string[],
  requestFields: FieldLines,
): readonly (readonly [name: string, value: string])[] {
  return names.map((name) => [name, normalisedValue(name, requestFields)]);
}

/**
 * True if a stored response may answer this request as far as Vary goes (P). RFC 9111 section 4.1.
 *
 * Of Accept-Encoding not the text counts but what it allows: see `suitsCodings`. A response whose
 * Vary no longer names what it was stored under (a 304 changed it) matches nothing.
 */
export function matchesVariant(stored: StoredVariant, requestFields: FieldLines): boolean {
  const names = varyNames(stored.fields);
  if (names === "*" || names.length !== stored.varyOn.length) return false;
  return stored.varyOn.every(
    ([name, value]) =>
      names.includes(name) &&
      (normalisedValue(name, requestFields) === value ||
        (name === "accept-encoding" && suitsCodings(stored.fields, value, requestFields))),
  );
}

/**
 * True if a response to a request with another Accept-Encoding suits this one too (P). RFC 9110
 * section 12.5.3.
 *
 * A coded one does if this client wants its coding. One without coding does if its origin has been
 * offered (`asked`) every coding that this client wants: it chose none of them then, and would not
 * from fewer. A coding that the edge does not speak is only for those who asked alike.
 */
function suitsCodings(fields: FieldLines, asked: string, requestFields: FieldLines): boolean {
  const { identity, wanted } = acceptedCodings(requestFields);
  const coding = codingOf(fields);
  if (coding === "other") return false;
  if (coding !== "identity") return wanted.includes(coding);
  const offered = asked.split(", ");
  return identity > 0 && wanted.every((wish) => offered.includes(wish));
}

function normalisedValue(name: string, requestFields: FieldLines): string {
  if (name === "accept-encoding") return acceptedCodings(requestFields).ask;
  const value = combinedField(requestFields, name);
  if (value === undefined) return ABSENT;
  const members = listMembers(value);
  return name === "accept-language" ? weightedMembers(members).join(",") : members.join(",");
}

/** Members as `value;q=weight`, in lower case, heaviest first, then by name. */
function weightedMembers(members: readonly string[]): string[] {
  const weighted = members.map((member) => {
    const [value = "", ...parameters] = member.toLowerCase().split(";").map(trimWhiteSpace);
    const text = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    // A weight that cannot be read stays as it is: then it is only ever equal to itself.
    const weight = /^[01](\.\d{0,3})?$/.test(text) ? Number(text) : undefined;
    return { weight: weight ?? -1, text: `${value};q=${weight ?? text}` };
  });
  weighted.sort((a, b) => b.weight - a.weight || (a.text < b.text ? -1 : 1));
  return weighted.map(({ text }) => text);
}
