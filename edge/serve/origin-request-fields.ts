import { type FieldLine, type FieldLines, fieldMembers, fieldValues } from "../http/fields.ts";
import { endToEndFields } from "../http/hop-by-hop.ts";

/** A request on its way towards the origin. */
export interface OriginRequest {
  /** As the client sent them. */
  readonly requestFields: FieldLines;
  /** Name of this edge. */
  readonly edge: string;
  /** Address of the client's end of the connection, without brackets or port. */
  readonly clientAddress: string;
  /** How the client came. */
  readonly scheme: "http" | "https";
  /** The Host that the client asked for. */
  readonly clientHost: string;
  /** The Host that the origin is to see. */
  readonly originHost: string;
  /**
   * `pass`: the client's own conditions and range go along, for its answer goes to it alone.
   * `fill`: the answer is for the store, so `conditions` (which may be empty) replace them.
   */
  readonly purpose:
    | { readonly kind: "pass" }
    | { readonly kind: "fill"; readonly conditions: FieldLines };
}

/** What to send, or that the request has been here before. */
export type OriginRequestFields =
  | { readonly kind: "send"; readonly fields: FieldLine[] }
  | { readonly kind: "loop" };

/** Conditions and ranges of one client. RFC 9111 section 4.3.1, RFC 9110 section 13.1. */
const CLIENT_CONDITIONS: ReadonlySet<string> = new Set([
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "range",
]);

/**
 * Fields that are written anew. `Expect` is not sent on: the edge has answered it by reading the
 * body.
 */
const WRITTEN_HERE: ReadonlySet<string> = new Set([
  "cdn-loop",
  "expect",
  "forwarded",
  "host",
  "via",
  "x-forwarded-for",
  "x-forwarded-proto",
]);

/**
 * The fields that go to the origin (P).
 *
 * Hop-by-hop fields are left out (RFC 9110 section 7.6.1). Via, CDN-Loop, Forwarded (RFC 7239) and
 * X-Forwarded-For get one more member; X-Forwarded-Proto says how the client came to the first hop.
 * A CDN-Loop that already names this edge means that the origin leads back here: `loop`, to be
 * refused with 508 (RFC 8586 section 2).
 */
export function originRequestFields(request: OriginRequest): OriginRequestFields {
  const { requestFields, edge, purpose } = request;
  if (namesEdge(fieldMembers(requestFields, "cdn-loop"), edge)) return { kind: "loop" };
  const isFill = purpose.kind === "fill";
  const fields = endToEndFields(requestFields).filter(
    ([name]) => !WRITTEN_HERE.has(name) && !(isFill && CLIENT_CONDITIONS.has(name)),
  );
  const append = (name: string, member: string): void => {
    fields.push([name, [...fieldValues(requestFields, name), member].join(", ")]);
  };
  fields.unshift(["host", request.originHost]);
  if (isFill) fields.push(...purpose.conditions);
  append("via", `1.1 ${edge}`);
  append("cdn-loop", edge);
  append("x-forwarded-for", request.clientAddress);
  fields.push(["x-forwarded-proto", request.scheme]);
  append("forwarded", forwardedElement(request));
  return { kind: "send", fields };
}

function namesEdge(members: readonly string[], edge: string): boolean {
  return members.some(
    (member) => member.split(";")[0]?.trim().toLowerCase() === edge.toLowerCase(),
  );
}

/** RFC 7239 section 4: an IPv6 address stands in brackets, and anything with a colon in quotes. */
function forwardedElement({ clientAddress, clientHost, scheme, edge }: OriginRequest): string {
  const node = clientAddress.includes(":") ? `[${clientAddress}]` : clientAddress;
  return [
    `for=${quotedUnlessToken(node)}`,
    `host=${quotedUnlessToken(clientHost)}`,
    `proto=${scheme}`,
    `by=${quotedUnlessToken(`_${edge}`)}`,
  ].join(";");
}

function quotedUnlessToken(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return text;
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
