import type { Site } from "../../common/config/site.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { addressOf } from "../protect/protection.ts";
import { clientResponseFields } from "../serve/response-fields.ts";
import { noteWhenSent } from "./respond.ts";

/**
 * Lets a request pass, refuses it, or answers a preflight (Fetch, section 4.8), which the origin is
 * never asked about.
 */
export function guard(
  exchange: ClientExchange,
  edge: EdgeContext,
  site: Site,
): "passed" | "done" | "refuse" {
  const { method, host, target, requestFields } = exchange;
  const guarded = edge.protection.guard({
    site,
    method,
    host,
    target,
    fields: requestFields,
    address: addressOf(exchange.request.socket.remoteAddress),
    now: edge.clock.now(),
    monotonic: edge.clock.monotonic(),
  });
  exchange.target = guarded.target;
  exchange.requestFields = guarded.fields;
  exchange.cors = guarded.cors;
  if (guarded.preflight !== undefined) return answerPreflight(exchange, edge, guarded.preflight);
  if (guarded.refusal === undefined) return "passed";
  exchange.refusal = guarded.refusal.reason;
  exchange.refusalFields = guarded.refusal.fields;
  return "refuse";
}

function answerPreflight(
  exchange: ClientExchange,
  edge: EdgeContext,
  preflight: NonNullable<ClientExchange["cors"]>,
): "done" {
  const { response } = exchange;
  const fields = clientResponseFields({
    fields: preflight,
    edge: edge.name,
    status: 204,
    cacheStatus: { kind: "made-here", detail: "preflight" },
    ageSeconds: undefined,
  });
  // What is left of the request's body would be taken for the next request.
  if (exchange.hasBody) fields.push(["connection", "close"]);
  response.writeHead(204, fields.flat());
  exchange.headAt = edge.clock.monotonic();
  exchange.cache = "bypass";
  response.end();
  noteWhenSent(exchange, edge, 0);
  return "done";
}
