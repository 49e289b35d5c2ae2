import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import { z } from "zod";
import type { SocketAddress } from "../../common/address.ts";
import type { Clock } from "../../common/clock.ts";
import type { Config, EdgeConfig, PopConfig } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import type { Logger } from "../../common/log.ts";
import type { SealingKey } from "../../common/sealed.ts";
import type { Change, ChangeBody } from "../../state/change.ts";
import type { Snapshot, TokenScope } from "../../state/records.ts";
import type { StateStore } from "../../state/store.ts";
import type { Caller } from "../access/token.ts";
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
  /** True if certificates are got from an authority. */
  readonly hasAuthority?: boolean;
  /** How long before their end certificates are renewed; left out: at two thirds of their life. */
  readonly renewBeforeMs?: number;
}

/** What every route works with. */
export interface ApiContext {
  readonly config: ControlConfig;
  readonly store: StateStore;
  readonly purges: PurgeTracker;
  readonly clock: Clock;
  readonly log: Logger;
  /** What private keys in the store are sealed with. */
  readonly sealingKey: SealingKey;
  readonly demo?: DemoEdges;
}

/** What a route asks of its caller. */
export interface RouteNeed {
  readonly scope: TokenScope;
  /**
   * What it is about: the site of its path, the whole CDN, or whatever its caller may see, which
   * the handler then looks after.
   */
  readonly about: "site" | "cdn" | "callers";
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Every route says what it needs; `nobody`: it shows nothing and changes nothing. */
    readonly need?: RouteNeed | "nobody";
  }
  interface FastifyRequest {
    /** Who makes this call. */
    caller: Caller;
  }
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

/** Appends a change that a caller of the API asked for, whatever else happens meanwhile. */
export function appendChange(
  context: ApiContext,
  caller: Caller,
  body: ChangeBody,
): Promise<Change> {
  return context.store.append(body, caller.name);
}

const WAIT_MS_MAX = 30_000;

/** `?wait=ms`: how long a call may wait for edges to acknowledge its change. */
export const waitMs: z.ZodType<number> = z.coerce.number().int().min(0).max(WAIT_MS_MAX).default(0);

/** Decisions that others may overtake before one is refused. */
const DECISIONS_MAX = 20;

/**
 * Appends the change that `decide` makes of what is in force, and decides again when somebody,
 * here or at another control server, was faster. What `decide` throws refuses the call; undefined
 * appends nothing.
 */
export async function decideChange(
  context: Pick<ApiContext, "store">,
  by: string,
  decide: (snapshot: Snapshot) => ChangeBody | undefined,
): Promise<Change | undefined> {
  for (let tries = 0; tries < DECISIONS_MAX; tries++) {
    const snapshot = await context.store.snapshot();
    const body = decide(snapshot);
    if (body === undefined) return undefined;
    const change = await context.store.append(body, by, snapshot.version);
    if (change !== undefined) return change;
  }
  throw new ApiError("busy", {
    message: `others were faster ${DECISIONS_MAX} times in a row`,
    remedy: "Nothing has changed: try again.",
    retryAfterSeconds: 1,
  });
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

/** The site of that name in the store; refuses with the names that the caller may see. */
export function knownSite(sites: readonly Site[], name: string, caller: Caller): Site {
  const site = sites.find((candidate) => candidate.name === name);
  if (site !== undefined) return site;
  const names = sites.map((candidate) => candidate.name).filter((one) => maySee(caller, one));
  throw new ApiError("not-found", {
    field: "site",
    message: `there is no site "${name}"`,
    remedy: names.length === 0 ? "There are no sites yet." : `Sites: ${names.sort().join(", ")}.`,
  });
}

/** True if a site is none of those that a caller's token leaves out (P). */
export function maySee(caller: Caller, site: string): boolean {
  return caller.sites === undefined || caller.sites.has(site);
}
