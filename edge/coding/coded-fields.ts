import type { StoredResponse } from "../decide/stored.ts";
import { CODINGS, type Coding } from "../http/accept-encoding.ts";
import { entityTagList, entityTagOf, matchesWeakly } from "../http/etag.ts";
import { type FieldLine, type FieldLines, withoutFields } from "../http/fields.ts";
import { varyNames } from "../key/variant.ts";

/**
 * Fields about the bytes that were encoded: they are left out of an encoded form, or written anew.
 * Ranges of it are not offered (RFC 9110 section 14.3).
 */
const ABOUT_OTHER_BYTES: ReadonlySet<string> = new Set([
  "accept-ranges",
  "content-digest",
  "content-encoding",
  "content-length",
  "content-md5",
  "digest",
  "etag",
  "repr-digest",
]);

/** The encoded form of a response. */
export interface CodedForm {
  readonly coding: Coding;
  readonly bodyBytes: number;
}

/**
 * The fields of the encoded form of a response (P). RFC 9110 sections 8.4, 8.8.3 and 12.5.5.
 *
 * The entity tag is weak, because whoever encodes anew may come to other bytes, and another one
 * than that of every other form (section 8.8.3.3): `"v1"` becomes `W/"v1~br"`. A response with two
 * tags, or one that is none, has none when it is encoded.
 */
export function codedFields(fields: FieldLines, form: CodedForm): FieldLine[] {
  const tag = entityTagOf(fields);
  const own: FieldLine[] = [
    ["content-encoding", form.coding],
    ["content-length", String(form.bodyBytes)],
  ];
  if (tag !== undefined) own.push(["etag", `W/"${codedTag(tag.opaque, form.coding)}"`]);
  return [...withoutFields(varyingFields(fields), ABOUT_OTHER_BYTES), ...own];
}

/** The fields of a response that has encoded forms too: its Vary says so (P). */
export function varyingFields(fields: FieldLines): FieldLines {
  const names = varyNames(fields);
  if (names === "*" || names.includes("accept-encoding")) return fields;
  const vary = [...names, "accept-encoding"].map(capitalised).join(", ");
  return [...withoutFields(fields, new Set(["vary"])), ["vary", vary]];
}

/**
 * The form of a response that the client has, by its If-None-Match; undefined when it has none, or
 * does not say (P). RFC 9110 section 13.1.2.
 *
 * A client whose Accept-Encoding has changed, or who got the response before it was encoded, still
 * has this version of it, and is told so about the form that it names.
 */
export function formOfClient(
  requestFields: FieldLines,
  fields: FieldLines,
): Coding | "identity" | undefined {
  const listed = entityTagList(requestFields, "if-none-match");
  const tag = entityTagOf(fields);
  if (listed === undefined || listed === "*" || tag === undefined) return undefined;
  if (listed.some((each) => matchesWeakly(each, tag))) return "identity";
  const ours = listed.filter(({ weak }) => weak).map(({ opaque }) => opaque);
  return CODINGS.find((coding) => ours.includes(codedTag(tag.opaque, coding)));
}

interface Presented {
  readonly plain: StoredResponse;
  readonly coded: Map<Coding, StoredResponse>;
}

const known = new WeakMap<StoredResponse, Presented>();

/**
 * A stored response as one of its forms; left out: not encoded, with a Vary that says that there
 * are others (P). Worked out once for each response and form, so that what others remember of a
 * response can be remembered of a form.
 */
export function presentAs(stored: StoredResponse, form?: CodedForm): StoredResponse {
  let forms = known.get(stored);
  if (forms === undefined) {
    const plain = { ...stored, fields: varyingFields(stored.fields) };
    forms = { plain, coded: new Map() };
    known.set(stored, forms);
  }
  if (form === undefined) return forms.plain;
  const before = forms.coded.get(form.coding);
  if (before?.bodyBytes === form.bodyBytes) return before;
  const { bodyBytes } = form;
  const coded = { ...stored, fields: codedFields(stored.fields, form), bodyBytes };
  forms.coded.set(form.coding, coded);
  return coded;
}

/** No origin's tag of another version ends like this by chance. */
function codedTag(opaque: string, coding: Coding): string {
  return `${opaque}~${coding}`;
}

/** As field names are usually written: `Accept-Encoding`. */
function capitalised(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}
