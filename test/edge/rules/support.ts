import type { IncomingMessage, ServerResponse } from "node:http";
import { type SiteInput, siteSchema } from "../../../common/config/site.ts";
import type { Scope } from "../../support/scope.ts";
import { startOrigin, startTestEdge, type TestEdge, type TestOrigin } from "../harness.ts";

/** What the echoing origin was asked. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Its requests are numbered, so that a stored answer can be told from a new one. */
  readonly number: number;
}

/** A site whose origin says what it was asked; everything may be kept for a minute. */
export interface RuledEdge {
  readonly edge: TestEdge;
  readonly origin: TestOrigin;
  /** Asks the edge, and gives what the origin had been asked for the answer. */
  readonly ask: (path: string, options?: Parameters<TestEdge["get"]>[1]) => Promise<Echo>;
}

/** Starts an edge for a site with these rules. `answer` may say more than the body. */
export async function startRuledEdge(
  scope: Scope,
  site: Partial<Omit<SiteInput, "name" | "origin">>,
  answer: (request: IncomingMessage, response: ServerResponse) => void = () => {},
): Promise<RuledEdge> {
  let number = 0;
  const origin = await startOrigin(scope, (request, response) => {
    number += 1;
    const { method, url, headers } = request;
    response.setHeader("cache-control", "max-age=60");
    answer(request, response);
    response.end(JSON.stringify({ method, url, headers, number }));
  });
  const {
    name: _,
    origin: __,
    ...parsed
  } = siteSchema.parse({
    name: "shop",
    hosts: ["shop.example", "www.shop.example"],
    origin: { urls: [origin.url] },
    ...site,
  });
  const edge = await startTestEdge(scope, { origins: [origin.url], site: parsed });
  return {
    edge,
    origin,
    async ask(path, options) {
      const { body } = await edge.get(path, options);
      return JSON.parse(body.toString()) as Echo;
    },
  };
}
