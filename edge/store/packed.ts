import type { StoredResponse } from "../decide/stored.ts";
import type { FieldLine } from "../http/fields.ts";
import { TEXT_BYTES_MAX } from "./body-text.ts";

/** What of a stored object can be kept as text: everything but its key, and a larger body. */
export interface ObjectFacts {
  readonly url: string;
  readonly response: StoredResponse;
  /** The body in order. */
  readonly chunks: readonly Buffer[];
}

/** What stays beside the text of an object at rest. */
export interface Rest {
  readonly key: string;
  /** The body, if it is not packed. */
  readonly larger: readonly Buffer[];
}

/** A body of at most so many bytes is packed with the facts. */
export const PACKED_BODY_MAX = TEXT_BYTES_MAX;

const SCHEME = "http://";

/** JSON writes what no byte can hold, and nothing else, as `\uXXXX` after this. */
const NO_BYTE = /[\u0100-\uffff]/g;

/** Names of fields that most responses have: a number takes their place. */
const NAMES = [
  "content-type",
  "content-length",
  "cache-control",
  "etag",
  "last-modified",
  "date",
  "vary",
  "server",
  "expires",
  "age",
  "accept-ranges",
  "content-encoding",
  "surrogate-key",
  "cache-tag",
  "surrogate-control",
  "cdn-cache-control",
  "access-control-allow-origin",
  "strict-transport-security",
  "x-content-type-options",
  "content-security-policy",
  "location",
  "link",
  "via",
  "set-cookie",
  "content-language",
  "content-disposition",
  "x-frame-options",
  "referrer-policy",
  "timing-allow-origin",
  "x-request-id",
] as const;

const NUMBERS: ReadonlyMap<string, number> = new Map(NAMES.map((name, number) => [name, number]));

/** Everything of a `StoredResponse`, in this order; null for what is left out. */
type Head = readonly [
  /** How many octets of the end of the key are those behind "http://"; otherwise the URL. */
  url: string | number,
  status: number,
  requestTime: number,
  /** From request to response. */
  delay: number,
  bodyBytes: number | null,
  method: string | 0,
  varyOn: readonly (readonly [string, string])[] | 0,
  ruleTtlSeconds: number | null,
  sliceBytes: number | null,
  ...fields: (string | number)[],
];

/** The body, if it is packed with the facts (P). */
export function packedBody(chunks: readonly Buffer[]): Buffer | undefined {
  const [only] = chunks.length === 1 ? chunks : [];
  return only !== undefined && only.length <= PACKED_BODY_MAX ? only : undefined;
}

/**
 * The object as text (P): a list in JSON, a line feed, and the body if it is small. One string of
 * one character per byte costs V8 its bytes and 24 more, where the facts of a response are dozens
 * of objects and a small body is four: a third in all.
 */
export function pack({ url, response, chunks }: ObjectFacts, key: string): string {
  const { status, times, bodyBytes, method, varyOn, ruleTtlSeconds, sliceBytes } = response;
  const head: Head = [
    shortUrl(url, key),
    status,
    times.requestTime,
    times.responseTime - times.requestTime,
    bodyBytes ?? null,
    method === "GET" ? 0 : method,
    varyOn.length === 0 ? 0 : varyOn,
    ruleTtlSeconds ?? null,
    sliceBytes ?? null,
    ...response.fields.flatMap(([name, value]) => [NUMBERS.get(name) ?? name, value]),
  ];
  const json = `${JSON.stringify(head).replace(NO_BYTE, escaped)}\n`;
  return flat(json, packedBody(chunks));
}

/** The object that was packed (P). */
export function unpack(text: string, { key, larger }: Rest): ObjectFacts {
  // JSON has no line feed in it but as an escape.
  const headLength = text.indexOf("\n") + 1;
  const [url, status, requestTime, delay, bodyBytes, method, varyOn, ttl, slice, ...flat] =
    JSON.parse(text.slice(0, headLength)) as Head;
  const fields: FieldLine[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i] ?? "";
    fields.push([typeof name === "number" ? (NAMES[name] ?? "") : name, String(flat[i + 1])]);
  }
  return {
    url: typeof url === "number" ? SCHEME + key.slice(key.length - url) : url,
    response: {
      status,
      fields,
      times: { requestTime, responseTime: requestTime + delay },
      bodyBytes: bodyBytes ?? undefined,
      method: method === 0 ? "GET" : method,
      varyOn: varyOn === 0 ? [] : varyOn,
      ruleTtlSeconds: ttl ?? undefined,
      ...(slice === null ? {} : { sliceBytes: slice }),
    },
    chunks: text.length === headLength ? larger : [bytesOf(text.slice(headLength))],
  };
}

/** What of a URL has to be kept beside the key, which mostly ends with it. */
function shortUrl(url: string, key: string): string | number {
  const rest = url.startsWith(SCHEME) ? url.slice(SCHEME.length) : "";
  return rest !== "" && key.endsWith(rest) ? rest.length : url;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** One string that points into no other. */
function flat(json: string, body: Buffer | undefined): string {
  const bytes = Buffer.allocUnsafe(json.length + (body?.length ?? 0));
  bytes.write(json, 0, "latin1");
  body?.copy(bytes, json.length);
  return bytes.toString("latin1");
}

/** Bytes of their own: Node's pool would keep eight times as many alive. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, 0, "latin1");
  return bytes;
}
