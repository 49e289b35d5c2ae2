import type { ClientExchange } from "../client-exchange.ts";

/** Why the cache had its part in a request: a closed set of words, for logs (P). */
export function cacheReason(
  exchange: Pick<ClientExchange, "refusal" | "bypass" | "reuse" | "rule" | "cache">,
): string {
  const { refusal, bypass, reuse, rule, cache } = exchange;
  if (refusal !== undefined) return refusal;
  if (rule?.redirect !== undefined) return "redirect";
  if (cache === "hit") return "fresh";
  if (cache === "stale") {
    return reuse?.kind === "serve-stale-refresh" ? "stale-while-revalidate" : "stale-if-error";
  }
  if (bypass !== undefined) return bypass;
  if (reuse?.kind === "fetch" || reuse?.kind === "revalidate") return reuse.reason;
  // A hit of which a part had to be fetched.
  return reuse?.kind === "serve" ? "partial" : "miss";
}
