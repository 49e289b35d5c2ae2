import { CURRENT } from "../../state/purge.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { currentAgeSeconds } from "../decide/age.ts";
import { mayServeStaleOnError, type OriginFailure as StaleCause } from "../decide/stale.ts";
import { remainingSeconds } from "../decide/standing.ts";
import type { OriginFailureKind } from "../fetch/failure.ts";
import type { FillOutcome } from "../fetch/fill-plan.ts";
import type { ErrorReason } from "../serve/error-response.ts";
import type { CacheObject } from "../store/store.ts";
import type { StepResult } from "./step.ts";

/** After so many releases a request no longer tries to share a fetch. */
const RELEASES_MAX = 2;

/** What did asking the origin come to, and what does this client get? */
export function settle(exchange: ClientExchange, edge: EdgeContext): StepResult {
  const { outcome } = exchange;
  switch (outcome?.kind) {
    case "response":
      return settleResponse(exchange, edge, outcome);
    case "sliced":
      exchange.cache = "miss";
      exchange.answer = { kind: "sliced", object: outcome.object, status: outcome.head.status };
      return "respond";
    case "not-modified":
      exchange.cache = "revalidated";
      exchange.standing = CURRENT;
      return serve(exchange, edge, outcome.object, 304);
    case "released":
      return settleReleased(exchange, edge, outcome);
    case "failed": {
      const stale = serveStaleInstead(exchange, edge, { kind: "unreachable" });
      if (stale !== undefined) return stale;
      exchange.refusal = refusalFor(outcome.failure.kind);
      const { kind, detail } = outcome.failure;
      edge.log.warn({ event: "origin-failed", site: exchange.site?.name, kind, detail });
      return "refuse";
    }
    case undefined:
      exchange.refusal = "internal";
      return "refuse";
  }
}

function settleResponse(
  exchange: ClientExchange,
  edge: EdgeContext,
  { head, body, part }: Extract<FillOutcome, { kind: "response" }>,
): StepResult {
  const cause = { kind: "status", status: head.status } as const;
  const stale = head.status >= 500 ? serveStaleInstead(exchange, edge, cause) : undefined;
  if (stale !== undefined) {
    if (exchange.client !== undefined) exchange.fill?.leave(exchange.client);
    return stale;
  }
  exchange.cache = exchange.bypass === undefined ? "miss" : "bypass";
  exchange.answer = { kind: "fill", head, body, part };
  return "respond";
}

function settleReleased(
  exchange: ClientExchange,
  edge: EdgeContext,
  { reason, status }: Extract<FillOutcome, { kind: "released" }>,
): StepResult {
  if (reason === "origin-error") {
    const stale = serveStaleInstead(exchange, edge, { kind: "status", status });
    if (stale !== undefined) return stale;
  }
  exchange.releases += 1;
  // Another variant may be shared with others like it; what cannot be shared must not be tried
  // again, and neither may conditions that the origin answers with what nobody asked about.
  const mayShare =
    reason !== "uncacheable" && reason !== "origin-error" && reason !== "unknown-304";
  exchange.alone = !mayShare || exchange.releases > RELEASES_MAX;
  return exchange.alone ? "fetch" : "lookup";
}

/** RFC 9111 section 4.2.4: what is stored, if it may stand in for an answer that did not come. */
function serveStaleInstead(
  exchange: ClientExchange,
  edge: EdgeContext,
  cause: StaleCause,
): StepResult | undefined {
  const { object, standing } = exchange;
  if (object === undefined) return undefined;
  if (!mayServeStaleOnError(object.response, edge.clock.now(), cause, standing)) return undefined;
  exchange.cache = "stale";
  return serve(exchange, edge, object, cause.kind === "status" ? cause.status : undefined);
}

function serve(
  exchange: ClientExchange,
  edge: EdgeContext,
  object: CacheObject,
  status: number | undefined,
): StepResult {
  const now = edge.clock.now();
  const ageSeconds = currentAgeSeconds(object.response, now);
  const ttlSeconds = remainingSeconds(object.response, now, exchange.standing);
  edge.store.touch(object);
  exchange.answer = { kind: "stored", object, ageSeconds, ttlSeconds, status };
  return "respond";
}

/** What a client is told when the origin has failed in this way. */
export function refusalFor(kind: OriginFailureKind): ErrorReason {
  switch (kind) {
    case "connect":
      return "origin-refused";
    case "connect-timeout":
    case "first-byte-timeout":
    case "idle-timeout":
    case "total-timeout":
      return "origin-timeout";
    case "busy":
      return "overloaded";
    case "aborted":
      return "stopping";
    case "reset":
    case "truncated":
    case "protocol":
      return "origin-broken";
  }
}
