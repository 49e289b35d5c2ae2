import { judgeRequest } from "../accept/request-policy.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { EdgeHttp2Request } from "../http2/messages.ts";
import { deriveRequest } from "../key/derive.ts";
import { askedOfHost, hostName } from "../key/site.ts";
import { judgeScheme } from "../tls/scheme-policy.ts";
import { answerChallenge, challengeOf } from "./challenge.ts";
import { answerHealth } from "./health.ts";
import { guard } from "./protect.ts";
import { answerPurge } from "./purge.ts";
import { answerRedirect, answerToHttps } from "./redirect.ts";
import type { StepResult } from "./step.ts";

/** Is it well-formed, and for whom? Requests to the edge itself are answered here. */
export function checkPolicy(exchange: ClientExchange, edge: EdgeContext): StepResult {
  const { method, requestFields } = exchange;
  const target = exchange.request.url ?? "/";
  const verdict = judgeRequest({
    method,
    version: versionOf(exchange.request),
    target,
    fields: requestFields,
    scheme: exchange.scheme,
  });
  if (verdict.kind === "reject") {
    exchange.refusal = verdict.reason;
    return "refuse";
  }
  const { site, host } = askedOfHost(edge.sites, verdict.host, exchange.scheme);
  exchange.host = host;
  exchange.target = verdict.target;
  exchange.site = site;
  if (verdict.target === "/healthz" && isOwnHost(exchange, edge))
    return answerHealth(exchange, edge);
  const challenge = challengeOf(verdict, edge);
  if (challenge !== undefined) return answerChallenge(exchange, challenge);
  if (exchange.site === undefined) {
    exchange.refusal = "unknown-site";
    return "refuse";
  }
  const certificate = exchange.secured?.certificate;
  const coming = judgeScheme({ host: verdict.host, site: exchange.site, certificate });
  if (coming === "misdirected") {
    exchange.refusal = "misdirected";
    return "refuse";
  }
  if (method === "PURGE") return answerPurge(exchange, edge);
  return coming === "serve" ? "key" : answerToHttps(exchange, edge, verdict.host);
}

/** What it is in the words of HTTP/1. Text that says HTTP/2 is not HTTP/2. */
function versionOf(request: ClientExchange["request"]): string {
  return request instanceof EdgeHttp2Request ? "1.1" : request.httpVersion;
}

/** Which object is it about, and is the cache for it at all? */
export function deriveKey(exchange: ClientExchange, edge: EdgeContext): StepResult {
  const { site, scheme, host } = exchange;
  if (site === undefined) {
    exchange.refusal = "unknown-site";
    return "refuse";
  }
  const guarded = guard(exchange, edge, site);
  if (guarded !== "passed") return guarded;
  const { method, target, requestFields: fields } = exchange;
  const derived = deriveRequest(site, { method, scheme, host, target, fields });
  exchange.rule = derived.rule;
  if (derived.rule?.redirect !== undefined) return answerRedirect(exchange, edge, derived.rule);
  if (derived.climbs) {
    exchange.refusal = "bad-request";
    return "refuse";
  }
  exchange.key = derived.key;
  exchange.base = derived.base;
  exchange.host = derived.host;
  exchange.target = derived.target;
  exchange.originTarget = derived.originTarget;
  exchange.requestFields = derived.fields;
  exchange.bypass = derived.bypass;
  return exchange.bypass === undefined ? "lookup" : "fetch";
}

/** RFC 9110 section 7.4: the edge's own name, or the bare address that the client connected to. */
function isOwnHost({ host, request }: ClientExchange, edge: EdgeContext): boolean {
  const name = hostName(host);
  if (edge.ownHosts.has(name)) return true;
  const address = request.socket.localAddress?.replace(/^::ffff:/, "") ?? "";
  return name === address || name === `[${address}]`;
}
