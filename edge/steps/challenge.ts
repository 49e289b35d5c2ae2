import type { ChallengeRecord } from "../../state/certificates.ts";
import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { hostName } from "../key/site.ts";

/** Where certificate authorities look (RFC 8555 section 8.3). */
export const CHALLENGE_PATH = "/.well-known/acme-challenge/";

/**
 * The challenge that a request asks for: one that is in force, for this very host. Everything else
 * below that path is the site's own, as of an origin that gets certificates by itself.
 */
export function challengeOf(
  { host, target }: { readonly host: string; readonly target: string },
  edge: EdgeContext,
): ChallengeRecord | undefined {
  if (edge.challenges.size === 0 || !target.startsWith(CHALLENGE_PATH)) return undefined;
  const challenge = edge.challenges.get(target.slice(CHALLENGE_PATH.length));
  if (challenge?.kind !== "http-01" || challenge.host !== hostName(host)) return undefined;
  return edge.clock.now() < challenge.expiresAt ? challenge : undefined;
}

/** Shows an authority what it wants to see; the origin is not asked, and nothing is stored. */
export function answerChallenge(
  { response, method }: ClientExchange,
  { value }: ChallengeRecord,
): "done" {
  const isRead = method === "GET" || method === "HEAD";
  response.writeHead(isRead ? 200 : 405, {
    "content-type": "application/octet-stream",
    "content-length": isRead ? Buffer.byteLength(value) : 0,
    "cache-control": "no-store",
    ...(isRead ? {} : { allow: "GET, HEAD" }),
  });
  response.end(method === "GET" ? value : undefined);
  return "done";
}
