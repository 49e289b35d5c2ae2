import { CONNECTION_FIELDS } from "../../common/field-names.ts";
import { type FieldLine, type FieldLines, fieldMembers } from "./fields.ts";

/**
 * Fields that `Connection` cannot take away, whatever it lists: without them a message means
 * something else or becomes cacheable, so listing them is a mistake or an attack (RFC 9110 section
 * 7.6.1 forbids senders to list fields that are meant for all recipients).
 */
const END_TO_END_FIELDS: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "cache-control",
  "cdn-cache-control",
  "cdn-loop",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expires",
  "forwarded",
  "host",
  "location",
  "meridian-cache-control",
  "set-cookie",
  "surrogate-control",
  "vary",
  "via",
  "x-forwarded-for",
  "x-forwarded-proto",
]);

/**
 * The lines without hop-by-hop fields and those that `Connection` lists (P). RFC 9110 section
 * 7.6.1.
 */
export function endToEndFields(fields: FieldLines): FieldLine[] {
  const listed = connectionListed(fields);
  return fields.filter(([name]) => !CONNECTION_FIELDS.has(name) && !listed.has(name));
}

/**
 * The lines of a request without those that its `Connection` lists (P). RFC 9110 section 7.6.1.
 *
 * They do not go to the origin, so its answer cannot depend on them, and neither may the variant
 * under which it is stored. Fields about the connection itself stay: the edge still reads them.
 */
export function withoutListedFields(fields: FieldLines): FieldLines {
  const listed = connectionListed(fields);
  if (listed.size === 0) return fields;
  return fields.filter(([name]) => CONNECTION_FIELDS.has(name) || !listed.has(name));
}

function connectionListed(fields: FieldLines): ReadonlySet<string> {
  const options = fieldMembers(fields, "connection").map((option) => option.toLowerCase());
  return new Set(options.filter((option) => !END_TO_END_FIELDS.has(option)));
}
