import type { IncomingMessage, ServerResponse } from "node:http";
import { ClientExchange } from "./client-exchange.ts";
import type { EdgeContext } from "./context.ts";
import { fetchOrJoin } from "./steps/fetch.ts";
import { decide, lookUp } from "./steps/lookup.ts";
import { checkPolicy, deriveKey } from "./steps/policy.ts";
import { refuse, respond } from "./steps/respond.ts";
import { respondSliced } from "./steps/respond-sliced.ts";
import { settle } from "./steps/settle.ts";
import type { Step, StepName, StepResult } from "./steps/step.ts";
import type { SecuredConnection } from "./tls/entrance.ts";

/** THE path of a request. Each step names the next; `README.md` tells it in words. */
export const STEPS = {
  policy: checkPolicy, //  -> key | refuse(reason)
  key: deriveKey, //       -> lookup | fetch(bypass reason)
  lookup: lookUp, //       -> decide, once a slower tier has answered if it has to be asked
  decide: decide, //       -> respond | fetch | refuse(only-if-cached)
  fetch: fetchOrJoin, //   -> settle, once the origin has answered or failed
  settle: settle, //       -> respond | refuse(reason) | lookup or fetch, after a release
  respond: respond, //     -> done | sliced | fetch, when a part is not what was wanted
  sliced: respondSliced, // -> done | refuse(reason) | lookup, when there is another version
  refuse: refuse, //       -> done
} as const satisfies Record<StepName, Step>;

/** Takes a request in. A hit is answered before this returns. */
export function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  edge: EdgeContext,
  secured?: SecuredConnection,
): void {
  edge.access?.expect(request.socket);
  const coming = { startedAt: edge.clock.monotonic(), secured };
  run(new ClientExchange(request, response, coming), edge, "policy");
}

function run(exchange: ClientExchange, edge: EdgeContext, from: StepName): void {
  const resume = (step: StepName) => run(exchange, edge, step);
  let step: StepResult = from;
  try {
    while (step !== "done" && step !== "parked") {
      const perform: Step = STEPS[step];
      step = perform(exchange, edge, resume);
    }
  } catch (error) {
    fail(exchange, edge, error);
  }
}

/**
 * Our own mistake, or a response head that cannot be written: one request is lost, not the edge.
 */
function fail(exchange: ClientExchange, edge: EdgeContext, error: unknown): void {
  const { response, request } = exchange;
  edge.log.error({
    event: "request-failed",
    method: request.method,
    url: exchange.url,
    err: error,
  });
  if (exchange.client !== undefined) exchange.fill?.leave(exchange.client);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  exchange.refusal = "internal";
  refuse(exchange, edge);
}
