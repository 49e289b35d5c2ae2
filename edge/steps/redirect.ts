import { redirectTarget } from "../../common/config/location.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { placeOf } from "../key/derive.ts";
import { clientResponseFields } from "../serve/response-fields.ts";
import { httpsLocation } from "../tls/scheme-policy.ts";
import { editsFor, noteWhenSent } from "./respond.ts";

/** Sends the client where its rule says. Nothing is stored, and the origin is not asked. */
export function answerRedirect(
  exchange: ClientExchange,
  edge: EdgeContext,
  rule: SiteRule,
): "done" | "refuse" {
  const location = redirectTarget(rule, placeOf(exchange));
  if (location === undefined || rule.redirect === undefined) {
    exchange.refusal = "internal";
    return "refuse";
  }
  return sendTo(exchange, edge, { status: rule.redirect.status, location });
}

/** Sends a client that came without TLS to the same URL with it. `host` is as it was sent. */
export function answerToHttps(exchange: ClientExchange, edge: EdgeContext, host: string): "done" {
  const { method, target } = exchange;
  return sendTo(exchange, edge, httpsLocation({ method, host, target }, edge.tlsPort));
}

function sendTo(
  exchange: ClientExchange,
  edge: EdgeContext,
  { status, location }: { readonly status: number; readonly location: string },
): "done" {
  const { response } = exchange;
  const fields = clientResponseFields({
    fields: [
      ["location", location],
      ["content-length", "0"],
    ],
    edge: edge.name,
    status,
    cacheStatus: { kind: "made-here", detail: "redirect" },
    ageSeconds: undefined,
    edits: editsFor(exchange),
  });
  // What is left of the request's body would be taken for the next request.
  if (exchange.hasBody) fields.push(["connection", "close"]);
  response.writeHead(status, fields.flat());
  exchange.headAt = edge.clock.monotonic();
  exchange.cache = "bypass";
  response.end();
  noteWhenSent(exchange, edge, 0);
  return "done";
}
