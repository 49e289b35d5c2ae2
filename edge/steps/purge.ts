import { parseIp, prefixContains } from "../../common/ip.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { cacheKey } from "../key/primary.ts";

/**
 * `PURGE <url>` for tools that exist: removes all variants of one URL from this edge, if the
 * client's address is allowed to. Purges for all edges go through the control API.
 */
export function answerPurge(exchange: ClientExchange, edge: EdgeContext): "done" | "refuse" {
  const { site, host, target, response, clientAddress } = exchange;
  const address = parseIp(clientAddress);
  const allowed =
    address.ok && edge.purgeFrom.some((prefix) => prefixContains(prefix, address.value));
  if (!allowed || site === undefined) {
    exchange.refusal = "forbidden";
    return "refuse";
  }
  const objects = purgeKey(cacheKey(site.name, host, target), edge);
  const body = `${JSON.stringify({ site: site.name, purged: objects })}\n`;
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
  edge.log.info({ event: "purge", site: site.name, target, objects, from: clientAddress });
  return "done";
}

/** Removes a key from the store and from what is on its way there. Returns the objects removed. */
export function purgeKey(key: string, edge: Pick<EdgeContext, "fills" | "store">): number {
  edge.fills.doomKey(key);
  return edge.store.remove(key, "purged");
}
