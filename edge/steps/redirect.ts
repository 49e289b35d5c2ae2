import { redirectTarget } from "../../common/config/location.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { placeOf } from "../key/derive.ts";
import { clientResponseFields } from "../serve/response-fields.ts";
import { editsFor, noteWhenSent } from "./respond.ts";

/** Sends the client where its rule says. Nothing is stored, and the origin is not asked. */
export function answerRedirect(
  exchange: ClientExchange,
  edge: EdgeContext,
  rule: SiteRule,
): "done" | "refuse" {
  const { response } = exchange;
  const location = redirectTarget(rule, placeOf(exchange));
  if (location === undefined || rule.redirect === undefined) {
    exchange.refusal = "internal";
    return "refuse";
  }
  const { status } = rule.redirect;
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
