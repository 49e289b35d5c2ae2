/** A request of HTTP/2 as the edge reads it. */
export interface Http2Head {
  /** Names and values in turn, as a request of HTTP/1.1 would have them. */
  readonly lines: string[];
  /** RFC 9113 section 8.1.1: its stream is reset, for others might read it in another way. */
  readonly isMalformed: boolean;
}

/** RFC 9110 section 9.1. */
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Visible ASCII from a slash on; `*` is for OPTIONS, which the request policy refuses later. */
const PATH = /^(?:\/[!-~]*|\*)$/;

/** RFC 9113 section 8.2.1: no controls; and nothing that HTTP/1.1 would take for another line. */
const VALUE = /^[^\0\r\n]*$/;

/** RFC 9113 section 8.2.2: what is about a connection of HTTP/1.1 has no place here. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Makes of a request of HTTP/2 the field lines that one of HTTP/1.1 would have (P). RFC 9113
 * section 8.3.1.
 *
 * Input: names and values in turn, with pseudo-header fields, as Node gives them; whether more than
 * the head comes. `:authority` becomes Host; a Host that says something else stays beside it, and
 * the request policy refuses two. Crumbs of Cookie are put together again (section 8.2.3). A body
 * whose length is not said comes in chunks, as HTTP/1.1 calls it. Never throws.
 */
export function readHttp2Head(raw: readonly string[], hasBody: boolean): Http2Head {
  const pseudo = new Map<string, string>();
  const fields: (readonly [name: string, value: string])[] = [];
  const cookies: string[] = [];
  let isMalformed = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = "", value = ""] = [raw[i], raw[i + 1]];
    if (!VALUE.test(value)) isMalformed = true;
    if (name.startsWith(":")) {
      if (pseudo.has(name)) isMalformed = true;
      pseudo.set(name, value);
    } else if (CONNECTION_SPECIFIC.has(name) || (name === "te" && value !== "trailers")) {
      isMalformed = true;
    } else if (name === "cookie") {
      cookies.push(value);
    } else {
      fields.push([name, value]);
    }
  }
  const isPlain =
    METHOD.test(pseudo.get(":method") ?? "") &&
    PATH.test(pseudo.get(":path") ?? "") &&
    pseudo.get(":scheme") === "https";
  const authority = pseudo.get(":authority");
  const lines = authority === undefined ? [] : ["host", authority];
  for (const [name, value] of fields) {
    const isRepeated = name === "host" && value.toLowerCase() === authority?.toLowerCase();
    if (!isRepeated) lines.push(name, value);
  }
  if (cookies.length > 0) lines.push("cookie", cookies.join("; "));
  const saysLength = fields.some(([name]) => name === "content-length");
  if (hasBody && !saysLength) lines.push("transfer-encoding", "chunked");
  return { lines, isMalformed: isMalformed || !isPlain };
}
