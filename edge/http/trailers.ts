import { CONNECTION_FIELDS } from "../../common/field-names.ts";
import type { FieldLine, FieldLines } from "./fields.ts";

/**
 * Fields that mean nothing, or something dangerous, behind a body: RFC 9110 section 6.5.1 forbids
 * senders those about framing, routing, authentication, request modifiers, control data, and how
 * the content is to be read; caching directives come too late.
 */
const NOT_BEHIND_A_BODY: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "cache-control",
  "cdn-cache-control",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "date",
  "expires",
  "host",
  "location",
  "meridian-cache-control",
  "pragma",
  "range",
  "retry-after",
  "set-cookie",
  "surrogate-control",
  "trailer",
  "vary",
  "warning",
  "www-authenticate",
]);

/**
 * The trailer fields that a client gets (P): in lower case, in the order in which they came. Left
 * out are those that may not stand there, and all that belong to one connection.
 */
export function passableTrailers(fields: FieldLines): FieldLine[] {
  return fields.filter(([name]) => !NOT_BEHIND_A_BODY.has(name) && !CONNECTION_FIELDS.has(name));
}

/** True if a TE field says that its sender takes trailers (P). RFC 9110 section 10.1.4. */
export function takesTrailers(te: string | undefined): boolean {
  return te?.split(",").some((member) => member.trim().toLowerCase() === "trailers") === true;
}
