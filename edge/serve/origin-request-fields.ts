import {
  CLIENT_CONDITIONS,
  MISLEADING_FIELDS,
  meantName,
  WRITTEN_TO_ORIGIN,
} from "../../common/field-names.ts";
import {
  type FieldLine,
  type FieldLines,
  fieldMembers,
  fieldValues,
  trimWhiteSpace,
} from "../http/fields.ts";
import { endToEndFields } from "../http/hop-by-hop.ts";

/** A request on its way towards the origin. */
export interface OriginRequest {
  readonly method: string;
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

/** Turn a GET into something else. With other methods they are harmless: nothing is stored. */
const METHOD_OVERRIDES: ReadonlySet<string> = new Set([
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
]);

/** Parameters of Forwarded (RFC 7239) with which a client would say what was asked for. */
const MISLEADING_PARAMETER = /^(?:host|proto)[ \t]*=/i;

/**
 * The fields that go to the origin (P).
 *
 * Hop-by-hop fields are left out (RFC 9110 section 7.6.1), and so is what would make an origin
 * believe that another address was asked for, also when it is spelt with underscores, which CGI and
 * its heirs cannot tell from hyphens. Via, CDN-Loop, Forwarded (RFC 7239) and
 * X-Forwarded-For get one more member; X-Forwarded-Proto says how the client came to the first hop.
 * A CDN-Loop that already names this edge means that the origin leads back here: `loop`, to be
 * refused with 508 (RFC 8586 section 2).
 */
export function originRequestFields(request: OriginRequest): OriginRequestFields {
  const { requestFields, edge, purpose } = request;
  if (namesEdge(fieldMembers(requestFields, "cdn-loop"), edge)) return { kind: "loop" };
  const isFill = purpose.kind === "fill";
  const fields = endToEndFields(requestFields).filter(
    ([name]) => !isLeftOut(name, request.method) && !(isFill && CLIENT_CONDITIONS.has(name)),
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
  const earlier = fieldMembers(requestFields, "forwarded").map(withoutClaims).filter(Boolean);
  fields.push(["forwarded", [...earlier, forwardedElement(request)].join(", ")]);
  return { kind: "send", fields };
}

function isLeftOut(name: string, method: string): boolean {
  const meant = meantName(name);
  if (WRITTEN_TO_ORIGIN.has(meant) || MISLEADING_FIELDS.has(meant)) return true;
  if (meant !== name && (meant === "content-length" || meant === "transfer-encoding")) return true;
  return (method === "GET" || method === "HEAD") && METHOD_OVERRIDES.has(meant);
}

/** An element of Forwarded that another has written, without what it says about the request. */
function withoutClaims(element: string): string {
  const parameters = element.match(/(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g) ?? [];
  return parameters
    .map(trimWhiteSpace)
    .filter((parameter) => !MISLEADING_PARAMETER.test(parameter))
    .join(";");
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
