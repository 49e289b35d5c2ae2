import type { Site } from "../../common/config/site.ts";
import { hostName } from "../key/site.ts";
import { coversHost, type EdgeCertificate } from "./certificate-table.ts";

/** A request as far as it depends on how its client came. */
export interface ComingRequest {
  /** As sent. */
  readonly host: string;
  readonly site: Site;
  /** What the connection was secured with; undefined: it was not. */
  readonly certificate: EdgeCertificate | undefined;
}

/**
 * What becomes of a request by the connection that it came on (P).
 *
 * `misdirected`: its host is none of those that the certificate of the connection is for, so that
 * the client cannot know whom it asks (RFC 9110 section 15.5.20). `to-https`: the site wants TLS.
 */
export function judgeScheme(request: ComingRequest): "serve" | "misdirected" | "to-https" {
  const { host, site, certificate } = request;
  if (certificate === undefined) return site.tls?.redirect === true ? "to-https" : "serve";
  return coversHost(certificate, hostName(host)) ? "serve" : "misdirected";
}

/**
 * Where a client without TLS is sent (P). RFC 9110 section 15.4: methods other than GET and HEAD
 * keep their method and body.
 *
 * Input: the Host as sent, path and query as sent, the port of TLS. Output: status and Location, in
 * which only visible ASCII stands.
 */
export function httpsLocation(
  request: { readonly method: string; readonly host: string; readonly target: string },
  port: number,
): { readonly status: 301 | 308; readonly location: string } {
  const { method, host, target } = request;
  const authority = port === 443 ? hostName(host) : `${hostName(host)}:${port}`;
  const path = target.replaceAll(/[^!-~]/g, (character) => encodeURIComponent(character));
  const status = method === "GET" || method === "HEAD" ? 301 : 308;
  return { status, location: `https://${authority}${path}` };
}
