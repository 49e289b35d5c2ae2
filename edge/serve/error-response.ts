import type { FieldLine } from "../http/fields.ts";

/** One kind of refusal or failure, as a client sees it. */
interface ErrorEntry {
  readonly status: number;
  /** What happened, in one sentence for whoever meets it. */
  readonly detail: string;
  /** The methods that are allowed, which a 405 must say (RFC 9110 section 15.5.6). */
  readonly allow?: string;
  /** When it makes sense to try again, in seconds. */
  readonly retryAfterSeconds?: number;
}

/** Every answer that an edge makes up itself. */
const ERRORS = {
  "bad-request": { status: 400, detail: "The request is not well-formed HTTP." },
  "bad-host": { status: 400, detail: "The request must name exactly one valid host." },
  forbidden: { status: 403, detail: "This is not allowed from your address." },
  "address-refused": { status: 403, detail: "Clients of your network are not served here." },
  "page-refused": { status: 403, detail: "This cannot be shown in other pages." },
  "script-refused": { status: 403, detail: "Scripts of your page may not ask for this." },
  "not-signed": { status: 403, detail: "This needs an address or a cookie that is signed for it." },
  "link-expired": { status: 403, detail: "The signature of this address has expired." },
  "method-not-allowed": {
    status: 405,
    detail: "This method is not allowed here.",
    allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
  },
  "request-timeout": { status: 408, detail: "The request did not arrive completely in time." },
  "length-required": { status: 411, detail: "The body of the request must state its length." },
  "content-too-large": { status: 413, detail: "The body of the request is too large." },
  "uri-too-long": { status: 414, detail: "The address that was asked for is too long." },
  misdirected: {
    status: 421,
    detail: "The certificate of this connection is not for the host that was asked for.",
  },
  "unknown-site": { status: 421, detail: "No site with this host name is served here." },
  "too-many-requests": { status: 429, detail: "Too many requests have come from your network." },
  "fields-too-large": { status: 431, detail: "The header fields of the request are too large." },
  "unknown-coding": { status: 501, detail: "Bodies of requests are taken as they are or chunked." },
  "version-not-supported": {
    status: 505,
    detail: "This port speaks HTTP/1.0, HTTP/1.1 and, over TLS, HTTP/2.",
  },
  internal: { status: 500, detail: "This edge made a mistake; it has been logged." },
  "origin-refused": { status: 502, detail: "The origin could not be reached." },
  "origin-broken": { status: 502, detail: "The origin's answer broke off or was not valid HTTP." },
  "origin-loop": { status: 508, detail: "The origin of this site leads back to this edge." },
  overloaded: {
    status: 503,
    detail: "This edge has more work than it can do.",
    retryAfterSeconds: 1,
  },
  stopping: { status: 503, detail: "This edge is being stopped.", retryAfterSeconds: 1 },
  "origin-timeout": { status: 504, detail: "The origin did not answer in time." },
  "only-if-cached": {
    status: 504,
    detail: "The request asked for a stored response only, and there is none that may be used.",
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

/** Why an edge answers with an error of its own. */
export type ErrorReason = keyof typeof ERRORS;

/** All reasons, in the order of the table. */
export const ERROR_REASONS = Object.keys(ERRORS) as readonly ErrorReason[];

/** RFC 9110 section 15 and the IANA registry: the title of each status in the table. */
const TITLES: Readonly<Record<(typeof ERRORS)[ErrorReason]["status"], string>> = {
  400: "Bad Request",
  403: "Forbidden",
  405: "Method Not Allowed",
  408: "Request Timeout",
  411: "Length Required",
  413: "Content Too Large",
  414: "URI Too Long",
  421: "Misdirected Request",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  508: "Loop Detected",
};

/** A complete answer of this edge's own. */
export interface ErrorResponse {
  readonly status: number;
  /** Without Via and Cache-Status, which `clientResponseFields` adds to any answer. */
  readonly fields: FieldLine[];
  readonly body: string;
}

/** Who says so, and about which request. */
export interface ErrorContext {
  readonly edge: string;
  readonly requestId: string;
}

/**
 * The answer for a refusal or failure (P). RFC 9110 section 15.
 *
 * Plain text for people: status and title, what happened, the reason for programs, the edge, the
 * request id to look for in the log. What exactly went wrong stays in the log: it names machines
 * that are nobody's business. Never stored by anybody.
 */
export function errorResponse(reason: ErrorReason, context: ErrorContext): ErrorResponse {
  const entry: ErrorEntry = ERRORS[reason];
  const body = [
    `${entry.status} ${TITLES[ERRORS[reason].status]}`,
    "",
    entry.detail,
    "",
    `reason: ${reason}`,
    `edge: ${context.edge}`,
    `request: ${context.requestId}`,
    "",
  ].join("\n");
  const fields: FieldLine[] = [
    ["content-type", "text/plain; charset=utf-8"],
    ["content-length", String(new TextEncoder().encode(body).length)],
    ["cache-control", "no-store"],
  ];
  if (entry.allow !== undefined) fields.push(["allow", entry.allow]);
  if (entry.retryAfterSeconds !== undefined) {
    fields.push(["retry-after", String(entry.retryAfterSeconds)]);
  }
  return { status: entry.status, fields, body };
}
