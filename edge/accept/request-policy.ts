import { type FieldLines, fieldMembers, fieldValues } from "../http/fields.ts";
import type { Scheme } from "../key/primary.ts";
import type { ErrorReason } from "../serve/error-response.ts";

/** The longest path and query that is served; origins rarely take more. */
const TARGET_BYTES_MAX = 16_384;

/** What is needed of a request to decide whether it is served at all. */
export interface RequestHead {
  readonly method: string;
  /** Such as `1.1`. */
  readonly version: string;
  /** The request target as sent. */
  readonly target: string;
  readonly fields: FieldLines;
  /** How the client came; left out: without TLS. */
  readonly scheme?: Scheme;
}

/** Whether a request goes on, and for which host and path. */
export type PolicyVerdict =
  /** `host` as sent; `target` in origin-form: path and query. */
  | { readonly kind: "accept"; readonly host: string; readonly target: string }
  | { readonly kind: "reject"; readonly reason: ErrorReason };

/** A name, an IPv4 address or an IPv6 literal, with or without a port (RFC 9110 section 4.2.1). */
const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;

const ABSOLUTE_FORM = {
  http: /^http:\/\/([^/?#]*)(.*)$/is,
  https: /^https:\/\/([^/?#]*)(.*)$/is,
};

/**
 * Checks a request before anything else looks at it (P). RFC 9112 sections 3.2 and 3.3.
 *
 * The parser has refused bad syntax and both lengths at once already. Here: HTTP/1 (a request of
 * HTTP/2 comes in its words, see `http2/request-head.ts`, and as 1.1), of which 1.0
 * has no transfer codings (section 6.1); no coding but chunked, for others would have to be undone
 * before the body is passed on; exactly one valid Host;
 * absolute-form, whose authority beats Host; no CONNECT and no TRACE, for there is nothing behind
 * this port that could serve them; a target that is a path.
 */
export function judgeRequest(head: RequestHead): PolicyVerdict {
  const { method, version, target, fields, scheme = "http" } = head;
  if (!version.startsWith("1.")) return reject("version-not-supported");
  const codings = fieldMembers(fields, "transfer-encoding");
  if (codings.length > 0 && version === "1.0") return reject("bad-request");
  if (codings.some((coding) => coding.toLowerCase() !== "chunked")) return reject("unknown-coding");
  if (method === "TRACE" || method === "CONNECT") return reject("method-not-allowed");
  if (target.length > TARGET_BYTES_MAX) return reject("uri-too-long");
  const hosts = fieldValues(fields, "host");
  const host = hosts[0];
  if (hosts.length !== 1 || host === undefined || !HOST.test(host)) return reject("bad-host");
  // RFC 9112 section 3.2: no form of target has a fragment.
  if (target.includes("#")) return reject("bad-request");
  if (target.startsWith("/")) return { kind: "accept", host, target };
  return judgeAbsoluteForm(target, ABSOLUTE_FORM[scheme]);
}

function judgeAbsoluteForm(target: string, form: RegExp): PolicyVerdict {
  const [, authority, rest = ""] = form.exec(target) ?? [];
  if (authority === undefined) return reject("bad-request");
  if (!HOST.test(authority)) return reject("bad-host");
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  return { kind: "accept", host: authority, target: path };
}

function reject(reason: ErrorReason): PolicyVerdict {
  return { kind: "reject", reason };
}
