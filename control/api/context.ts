import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { z } from "zod";
import type { SocketAddress } from "../../common/address.ts";
import type { Clock } from "../../common/clock.ts";
import type { Config, EdgeConfig, PopConfig } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import type { Logger } from "../../common/log.ts";
import type { Change, ChangeBody } from "../../state/change.ts";
import type { StateStore } from "../../state/store.ts";
import type { DemoEdges } from "../demo-edges.ts";
import { ApiError } from "./errors.ts";
import type { PurgeTracker } from "./purge-tracker.ts";

/** What the parts of the configuration mean to the control API. */
export interface ControlConfig {
  readonly domain: string;
  readonly nameservers: Config["cdn"]["nameservers"];
  readonly ttlSeconds: number;
  readonly pops: readonly PopConfig[];
  /** Sites of the configuration file: seeded into the store at each start. */
  readonly sites: readonly Site[];
  /** Where routers answer DNS, for people. */
  readonly dns: readonly SocketAddress[];
  /** Where a router's admin port is reached, by the control server. */
  readonly routerAdmin: SocketAddress;
}

/** What every route works with. */
export interface ApiContext {
  readonly config: ControlConfig;
  readonly store: StateStore;
  readonly purges: PurgeTracker;
  readonly clock: Clock;
  readonly log: Logger;
  readonly demo?: DemoEdges;
  /** Runs checks and the append that rests on them without another change in between. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Makes zod schemas the types of what a route's handler gets. */
interface ZodProvider extends FastifyTypeProvider {
  readonly validator: this["schema"] extends z.ZodType ? z.output<this["schema"]> : unknown;
}

/** The server that routes are added to. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodProvider
>;

/** Appends a change that a caller of the API asked for. */
export function appendChange(context: ApiContext, body: ChangeBody): Promise<Change> {
  return context.store.append(body, "api");
}

/** The edge of that name; refuses with the names that there are. */
export function knownEdge(config: ControlConfig, name: string): EdgeConfig {
  const edges = config.pops.flatMap((pop) => pop.edges);
  const edge = edges.find((candidate) => candidate.name === name);
  if (edge !== undefined) return edge;
  throw new ApiError("not-found", {
    field: "edge",
    message: `there is no edge "${name}"`,
    remedy: `Edges: ${edges.map((candidate) => candidate.name).join(", ")}.`,
  });
}

/** The site of that name in the store; refuses with the names that there are. */
export function knownSite(sites: readonly Site[], name: string): Site {
  const site = sites.find((candidate) => candidate.name === name);
  if (site !== undefined) return site;
  const names = sites.map((candidate) => candidate.name).sort();
  throw new ApiError("not-found", {
    field: "site",
    message: `there is no site "${name}"`,
    remedy: names.length === 0 ? "There are no sites yet." : `Sites: ${names.join(", ")}.`,
  });
}
