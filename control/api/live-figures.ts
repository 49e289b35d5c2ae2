import {
  type SiteFigures,
  type TrafficFigures,
  trafficFigures,
} from "../../state/recent-traffic.ts";
import type { EdgeStatus, StatusBody } from "./shapes.ts";

/** What an edge, a PoP or all of them do just now. */
export interface Traffic {
  readonly requestsPerSecond: number;
  readonly bitsPerSecond: number;
  readonly connections: number;
}

/** How well the caches do it, over the last seconds; left out: there was no traffic. */
export type Quality = Omit<TrafficFigures, "sites">;

/** One edge. */
export interface LiveEdge extends Traffic, Quality {
  readonly name: string;
  readonly pop: string;
  readonly health: EdgeStatus["health"];
  readonly drained: boolean;
  /** False: no heartbeat, so all figures are 0 for want of knowing. */
  readonly heard: boolean;
  /** How long it has been of this health, if a router has said so. */
  readonly forMs?: number;
  /** 0 to 1, of one core; left out: it does not say. */
  readonly cpu?: number;
  /** 0 to 1, of what memory and disk may hold; `disk` is left out where there is none. */
  readonly memory: number;
  readonly disk?: number;
  readonly objects: number;
  readonly version?: number;
  readonly lag: number;
}

/** One PoP: its edges together. */
export interface LivePop extends Traffic, Quality {
  readonly name: string;
  readonly edgesUp: number;
  readonly edges: number;
  /** 0 to 1, of the bits that all PoPs send. */
  readonly share: number;
}

/** `GET /v1/live`: what everybody does just now; also what `meridian top --json` prints. */
export interface LiveBody {
  /** Milliseconds since 1970, by the control server's clock. */
  readonly at: number;
  readonly domain: string;
  readonly state: StatusBody["state"];
  readonly total: Traffic &
    Quality & {
      readonly queriesPerSecond: number;
      readonly edgesUp: number;
      readonly edges: number;
    };
  readonly pops: readonly LivePop[];
  readonly edges: readonly LiveEdge[];
  readonly routers: StatusBody["routers"];
  readonly sites: readonly {
    readonly name: string;
    readonly servedAt: string;
    readonly origins: readonly string[];
    /** Left out: it is not among the busiest, or has no traffic. */
    readonly traffic?: Omit<SiteFigures, "site">;
  }[];
}

/** What somebody who looks for trouble wants to see first. */
const TROUBLE_FIRST = ["down", "draining", "unknown", "up"] as const;

/**
 * Makes the figures of one status (P). Edges and PoPs come in the order in which they are worth
 * looking at: what is not up first, then by traffic, then by name.
 */
export function liveFigures(status: StatusBody): LiveBody {
  const edges = status.pops.flatMap((pop) => pop.edges.map((edge) => liveEdge(edge, status.now)));
  const all = sum(edges);
  const { sites: busiest, ...quality } = recentOf(status.pops.flatMap((pop) => pop.edges));
  const traffic = new Map(busiest.map(({ site, ...figures }) => [site, figures]));
  const pops = status.pops.map((pop): LivePop => {
    const { name } = pop;
    const own = edges.filter((edge) => edge.pop === name);
    const traffic = sum(own);
    const { sites: _, ...quality } = recentOf(pop.edges);
    const share = all.bitsPerSecond === 0 ? 0 : traffic.bitsPerSecond / all.bitsPerSecond;
    return { name, edgesUp: upCount(own), edges: own.length, ...traffic, ...quality, share };
  });
  return {
    at: status.now,
    domain: status.cdn.domain,
    state: status.state,
    total: {
      ...all,
      ...quality,
      queriesPerSecond: status.routers.reduce((total, one) => total + one.queriesPerSecond, 0),
      edgesUp: upCount(edges),
      edges: edges.length,
    },
    pops: pops.sort((a, b) => missing(b) - missing(a) || byTraffic(a, b)),
    edges: edges.sort((a, b) => trouble(a) - trouble(b) || byTraffic(a, b)),
    routers: status.routers,
    sites: status.sites
      .map(({ site, cdnHost }) => {
        const own = traffic.get(site.name);
        return {
          name: site.name,
          servedAt: site.hosts?.[0] ?? cdnHost,
          origins: site.origin.urls,
          ...(own === undefined ? {} : { traffic: own }),
        };
      })
      .sort((a, b) => perSecond(b) - perSecond(a) || a.name.localeCompare(b.name)),
  };
}

function perSecond({ traffic }: LiveBody["sites"][number]): number {
  return traffic?.requestsPerSecond ?? 0;
}

function recentOf(edges: readonly EdgeStatus[]): TrafficFigures {
  return trafficFigures(edges.flatMap((edge) => edge.heartbeat?.recent ?? []));
}

function liveEdge(edge: EdgeStatus, now: number): LiveEdge {
  const beat = edge.heartbeat;
  const since = edge.routers[0]?.since;
  const { sites: _, ...quality } = recentOf([edge]);
  return {
    name: edge.name,
    pop: edge.pop,
    health: edge.health,
    drained: edge.drained,
    heard: beat !== undefined,
    ...(since === undefined ? {} : { forMs: Math.max(0, now - since) }),
    requestsPerSecond: beat?.requestsPerSecond ?? 0,
    bitsPerSecond: beat?.bitsPerSecond ?? 0,
    connections: beat?.connections ?? 0,
    ...quality,
    ...(beat?.cpu === undefined ? {} : { cpu: beat.cpu }),
    memory: part(beat?.storeBytes, beat?.storeBytesMax),
    ...(beat?.diskBytesMax === undefined ? {} : { disk: part(beat.diskBytes, beat.diskBytesMax) }),
    objects: beat?.objects ?? 0,
    ...(edge.version === undefined ? {} : { version: edge.version }),
    lag: edge.lag ?? 0,
  };
}

function part(amount = 0, max = 0): number {
  return max === 0 ? 0 : Math.min(1, amount / max);
}

function sum(edges: readonly LiveEdge[]): Traffic {
  return {
    requestsPerSecond: edges.reduce((total, edge) => total + edge.requestsPerSecond, 0),
    bitsPerSecond: edges.reduce((total, edge) => total + edge.bitsPerSecond, 0),
    connections: edges.reduce((total, edge) => total + edge.connections, 0),
  };
}

function upCount(edges: readonly LiveEdge[]): number {
  return edges.filter((edge) => edge.health === "up" && !edge.drained).length;
}

function trouble(edge: LiveEdge): number {
  return TROUBLE_FIRST.indexOf(edge.health === "up" && edge.drained ? "draining" : edge.health);
}

function missing(pop: LivePop): number {
  return Number(pop.edgesUp < pop.edges);
}

function byTraffic(a: Traffic & { name: string }, b: Traffic & { name: string }): number {
  return b.requestsPerSecond - a.requestsPerSecond || a.name.localeCompare(b.name);
}
