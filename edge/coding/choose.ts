import { forbidsTransform } from "../decide/encodable.ts";
import { type AcceptedCodings, acceptedCodings, type Coding } from "../http/accept-encoding.ts";
import { type FieldLines, hasField } from "../http/fields.ts";

/** Which form of a response a client gets, and which one should be made for those who come next. */
export interface FormChoice {
  /** Undefined: not encoded. */
  readonly serve: Coding | undefined;
  readonly make: Coding | undefined;
}

/** A request, and the encoded forms of the response that could answer it. */
export interface FormQuestion {
  readonly method: string;
  readonly requestFields: FieldLines;
  /** What the site makes, in the order of its liking. */
  readonly codings: readonly Coding[];
  /** Bytes of a form that is made, 0 for one that would not be shorter, undefined for neither. */
  readonly bytesOf: (coding: Coding) => number | undefined;
}

const NOT_ENCODED: FormChoice = { serve: undefined, make: undefined };

/**
 * Chooses the form of a response (P). RFC 9110 section 12.5.3.
 *
 * Of the forms that are made, the one whose coding the client likes best, and of equals the
 * shortest; to be made is the one that it likes best, and of equals the one that the site names
 * first. Not encoded is what answers a range or an If-Match: both are about exact bytes, which only
 * this form has (sections 13.1.1 and 14.2). RFC 9111 section 5.2.1.6: a client may forbid it.
 */
export function chooseForm({ method, requestFields, codings, bytesOf }: FormQuestion): FormChoice {
  const accepted = acceptedCodings(requestFields);
  if (!accepted.wanted.some((coding) => codings.includes(coding))) return NOT_ENCODED;
  if (method === "GET" && hasField(requestFields, "range")) return NOT_ENCODED;
  if (hasField(requestFields, "if-match") || forbidsTransform(requestFields)) return NOT_ENCODED;
  let serve: Coding | undefined;
  let make: Coding | undefined;
  for (const coding of codings) {
    if (!accepted.wanted.includes(coding)) continue;
    if (make === undefined || accepted.weights[coding] > accepted.weights[make]) make = coding;
    if (!isMade(bytesOf(coding))) continue;
    if (serve === undefined || isBetter(coding, serve, accepted, bytesOf)) serve = coding;
  }
  // What has been tried is made, or would not be shorter.
  const isTried = make !== undefined && bytesOf(make) !== undefined;
  return { serve, make: isTried ? undefined : make };
}

function isMade(bytes: number | undefined): boolean {
  return bytes !== undefined && bytes > 0;
}

function isBetter(
  coding: Coding,
  best: Coding,
  { weights }: AcceptedCodings,
  bytesOf: FormQuestion["bytesOf"],
): boolean {
  const lead = weights[coding] - weights[best];
  return lead > 0 || (lead === 0 && (bytesOf(coding) ?? 0) < (bytesOf(best) ?? 0));
}
