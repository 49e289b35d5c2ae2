import { MESSAGE_BYTES_MAX } from "./answer.ts";

/** What an HTTP request for DNS is, as far as its head says. */
export interface DohHead {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly contentType: string | undefined;
}

/** What to do with a request: ask its message, read its body first, or refuse it. */
export type DohVerdict =
  | { readonly kind: "message"; readonly message: Uint8Array }
  | { readonly kind: "read-body" }
  | { readonly kind: "refused"; readonly status: number; readonly reason: string };

/** The media type of a DNS message (RFC 8484 section 6). */
export const DNS_MESSAGE = "application/dns-message";

/** Characters of a message in base64url. */
const BASE64_CHARS_MAX = Math.ceil((MESSAGE_BYTES_MAX * 4) / 3);

/** Reads the head of a request for `path` (P). RFC 8484 section 4.1. */
export function judgeDoh(head: DohHead, path: string): DohVerdict {
  const [asked, query = ""] = head.target.split("?", 2);
  if (asked !== path) return refuse(404, `DNS is asked at ${path}`);
  switch (head.method) {
    case "GET":
    case "HEAD":
      return readParameter(query);
    case "POST": {
      const type = head.contentType?.split(";", 1)[0]?.trim().toLowerCase();
      return type === DNS_MESSAGE ? { kind: "read-body" } : refuse(415, `send ${DNS_MESSAGE}`);
    }
    default:
      return refuse(405, "only GET and POST");
  }
}

/** RFC 8484 section 4.1.1: the message in base64url, without padding. */
function readParameter(query: string): DohVerdict {
  const values = query.split("&").filter((part) => part.startsWith("dns="));
  const [value] = values.map((part) => part.slice("dns=".length));
  if (value === undefined || values.length > 1) return refuse(400, "one parameter dns= is needed");
  if (value.length > BASE64_CHARS_MAX) return refuse(414, "the message is too long");
  // One character over a multiple of four is 6 bits: no octet.
  if (!/^[A-Za-z0-9_-]+$/.test(value) || value.length % 4 === 1) {
    return refuse(400, "dns= is not base64url without padding");
  }
  return { kind: "message", message: Buffer.from(value, "base64url") };
}

function refuse(status: number, reason: string): DohVerdict {
  return { kind: "refused", status, reason };
}
