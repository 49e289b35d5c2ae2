import { parseIp, prefixContains } from "../../common/ip.ts";
import type { PurgeForce } from "../../state/purge.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { type FieldLines, fieldValues, singleField } from "../http/fields.ts";
import { spaceSeparated } from "../http/tags.ts";
import { purgeScope, purgeUrl } from "../purges.ts";

/**
 * `PURGE <url>` for tools that exist, if the client's address is allowed to. Purges that URL on
 * this edge, or with `Surrogate-Key`, `xkey-purge` or `xkey-softpurge` the objects of its site that
 * carry one of these tags. `Fastly-Soft-Purge: 1` and `xkey-softpurge` make stale instead of
 * removing. Purges for all edges go through the control API.
 */
export function answerPurge(exchange: ClientExchange, edge: EdgeContext): "done" | "refuse" {
  const { site, response, requestFields, clientAddress } = exchange;
  const address = parseIp(clientAddress);
  const allowed =
    address.ok && edge.purgeFrom.some((prefix) => prefixContains(prefix, address.value));
  if (!allowed || site === undefined) {
    exchange.refusal = "forbidden";
    return "refuse";
  }
  const tags = purgedTags(requestFields);
  const force = forceOf(requestFields, edge);
  const base = { status: "ok", site: site.name, soft: force.soft };
  let done: object;
  if (tags.length > 0) {
    purgeScope(site.name, { kind: "tags", tags }, force, edge);
    done = { ...base, tags };
  } else {
    const objects = purgeUrl(site.name, exchange.url, force, edge) ?? 0;
    done = { ...base, url: exchange.url, objects };
  }
  const body = `${JSON.stringify(done)}\n`;
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
  edge.log.info({ event: "purge", ...done, from: clientAddress });
  return "done";
}

const XKEY_FIELDS = ["xkey-purge", "xkey-softpurge"] as const;

/** Tags that a PURGE names (P). Tools separate those of xkey by spaces or by commas. */
function purgedTags(fields: FieldLines): readonly string[] {
  const xkeys = XKEY_FIELDS.flatMap((name) => fieldValues(fields, name));
  const values = [
    ...fieldValues(fields, "surrogate-key"),
    ...xkeys.map((value) => value.replaceAll(",", " ")),
  ];
  return [...new Set(values.flatMap(spaceSeparated))];
}

function forceOf(fields: FieldLines, edge: EdgeContext): PurgeForce {
  const soft =
    singleField(fields, "fastly-soft-purge") === "1" ||
    fieldValues(fields, "xkey-softpurge").length > 0;
  return soft ? { soft: true, at: edge.clock.now() } : { soft: false };
}
