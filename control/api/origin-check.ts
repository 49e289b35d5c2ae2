import { Agent, buildConnector, request } from "undici";
import type { Clock } from "../../common/clock.ts";
import { judgedBy } from "../../common/config/origin-tls.ts";
import type { Site } from "../../common/config/site.ts";
import type { OriginCheck } from "./shapes.ts";

/** A person waits for this; an origin that needs longer deserves a second look. */
const ORIGIN_CHECK_TIMEOUT_MS = 2_000;

/**
 * Asks each origin of a site for `/`, as an edge would. Any HTTP answer counts: a 404 comes from a
 * server that is there. What goes wrong is in the answer, never thrown.
 */
export async function checkOrigins(
  site: Site,
  cdnHost: string,
  clock: Clock,
): Promise<readonly OriginCheck[]> {
  const host = site.origin.host ?? site.hosts[0] ?? cdnHost;
  const connect = buildConnector({
    timeout: ORIGIN_CHECK_TIMEOUT_MS,
    ...judgedBy(site.origin.tls),
  });
  const agent = new Agent({
    // The library would ask for the name in Host; edges ask for that of the URL, or for their own.
    connect: (options, callback) => {
      const { servername: _, ...place } = options;
      connect(place, callback);
    },
  });
  try {
    return await Promise.all(
      site.origin.urls.map((url) => checkOrigin(url, { host, agent, clock })),
    );
  } finally {
    await agent.destroy();
  }
}

async function checkOrigin(
  url: string,
  { host, agent, clock }: { host: string; agent: Agent; clock: Clock },
): Promise<OriginCheck> {
  const started = clock.monotonic();
  try {
    const { statusCode, body } = await request(url, {
      method: "HEAD",
      headers: { host },
      dispatcher: agent,
      signal: AbortSignal.timeout(ORIGIN_CHECK_TIMEOUT_MS),
    });
    await body.dump();
    const ms = Math.max(1, Math.round(clock.monotonic() - started));
    return { url, answers: true, detail: `${statusCode} in ${ms} ms` };
  } catch (error) {
    return { url, answers: false, detail: failureText(error) };
  }
}

function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (error.name === "TimeoutError" || code === "UND_ERR_CONNECT_TIMEOUT") {
    return `no answer within ${ORIGIN_CHECK_TIMEOUT_MS / 1_000} s`;
  }
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "ENOTFOUND") return "there is no such host";
  return error.message === "" ? code : error.message;
}
