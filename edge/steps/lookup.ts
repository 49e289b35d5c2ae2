import { background } from "../../common/background.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { decideReuse } from "../decide/reuse.ts";
import type { Standing } from "../decide/standing.ts";
import type { StoredResponse } from "../decide/stored.ts";
import type { StoredVariants } from "../store/store.ts";
import { refreshBehind } from "./fetch.ts";
import type { Resume, StepResult } from "./step.ts";

const NOTHING: readonly StoredResponse[] = [];

/** What is stored under the key? */
export function lookUp(exchange: ClientExchange, edge: EdgeContext, resume: Resume): StepResult {
  exchange.variants = edge.store.lookup(exchange.key);
  return exchange.variants === undefined && load(exchange, edge, resume) ? "parked" : "decide";
}

/** Asks a slower tier, once for each request; false when there is nothing to ask for. */
function load(exchange: ClientExchange, edge: EdgeContext, resume: Resume): boolean {
  if (exchange.loaded) return false;
  const loading = edge.store.load(exchange.key);
  if (loading === undefined) return false;
  exchange.loaded = true;
  background(edge.log, "store-load", decideWhenLoaded(exchange, { loading, edge, resume }));
  return true;
}

async function decideWhenLoaded(
  exchange: ClientExchange,
  {
    loading,
    edge,
    resume,
  }: {
    readonly loading: Promise<StoredVariants | undefined>;
    readonly edge: EdgeContext;
    readonly resume: Resume;
  },
): Promise<void> {
  await loading;
  // Its client may have gone, and purges may have come.
  if (exchange.response.destroyed) return;
  exchange.variants = edge.store.lookup(exchange.key);
  resume("decide");
}

/** May it be used as it is, after asking, or not at all? */
export function decide(exchange: ClientExchange, edge: EdgeContext, resume: Resume): StepResult {
  const { variants, method, requestFields } = exchange;
  const standings = standingsOf(exchange, edge);
  const reuse = decideReuse({
    stored: variants?.responses ?? NOTHING,
    standings,
    method,
    requestFields,
    now: edge.clock.now(),
    revalidateAll: edge.revalidateAll(),
    clientDirectives: exchange.site?.clientDirectives,
  });
  exchange.reuse = reuse;
  exchange.object = "index" in reuse ? variants?.objects[reuse.index] : undefined;
  exchange.standing = "index" in reuse ? standings?.[reuse.index] : undefined;
  switch (reuse.kind) {
    case "serve":
      exchange.cache = "hit";
      return serveStored(exchange, edge, reuse);
    case "serve-stale-refresh":
      exchange.cache = "stale";
      refreshBehind(exchange, edge);
      return serveStored(exchange, edge, reuse);
    case "refuse":
    case "fetch":
      // None of the variants in memory fits: a slower tier may have others.
      if (variants !== undefined && load(exchange, edge, resume)) return "parked";
      if (reuse.kind === "fetch") return "fetch";
      exchange.refusal = reuse.reason;
      return "refuse";
    case "revalidate":
      return "fetch";
  }
}

/** How purges and unsafe requests have left what is stored. */
export function standingsOf(
  { variants, key, base }: Pick<ClientExchange, "variants" | "key" | "base">,
  edge: EdgeContext,
): readonly Standing[] | undefined {
  if (variants === undefined || key === base) return variants?.standings;
  return edge.invalidations.standings(base, variants.responses, variants.standings);
}

function serveStored(
  exchange: ClientExchange,
  edge: EdgeContext,
  { ageSeconds, ttlSeconds }: { readonly ageSeconds: number; readonly ttlSeconds: number },
): StepResult {
  const { object } = exchange;
  if (object === undefined) return "fetch";
  edge.store.touch(object);
  exchange.answer = { kind: "stored", object, ageSeconds, ttlSeconds, status: undefined };
  return "respond";
}
