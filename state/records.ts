import type { EpochMs } from "../common/clock.ts";
import type { Site } from "../common/config/site.ts";
import type { RecordLists } from "./certificates.ts";
import type { RecentTraffic } from "./recent-traffic.ts";

/** Everything in force at one version of the log. */
export interface Snapshot extends RecordLists {
  /**
   * Identity of the log, made up when the log is created. A different one means that the store lost
   * its data: versions of the two cannot be compared, and purges may have been lost with it.
   */
  readonly epoch: string;
  readonly version: number;
  /** Tells the entry of this version from others of the same number: see ChangePage. */
  readonly mark?: string;
  readonly sites: readonly Site[];
  /** Names of the edges that are drained. */
  readonly drained: readonly string[];
  /** Who may call the control API, by id. */
  readonly tokens: readonly TokenRecord[];
}

/** What a token of the control API allows, each more than the one before it. */
export const TOKEN_SCOPES = ["read", "purge", "site", "admin"] as const;

/** One of them. */
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** A token of the control API as it is kept: its secret cannot be told from this. */
export interface TokenRecord {
  /** The public part of the token, by which it is found. */
  readonly id: string;
  /** Who uses it, for people and for the log of changes. */
  readonly name: string;
  /** SHA-256 of the whole token, 64 hexadecimal digits. */
  readonly hash: string;
  readonly scope: TokenScope;
  /** The only sites that it concerns; left out: all, and what is not about one site. */
  readonly sites?: readonly string[];
  readonly createdAt: EpochMs;
  /** From when on it is refused. */
  readonly expiresAt?: EpochMs;
}

/** The name under which an edge acknowledges changes: no router or control server has it. */
export function edgeNode(edge: string): string {
  return `edge/${edge}`;
}

/** What an edge says about itself every second. */
export interface Heartbeat {
  readonly edge: string;
  readonly pop: string;
  readonly at: EpochMs;
  /** Identity of the process: a new one means that memory is empty. */
  readonly run: string;
  /** The version that it has applied. */
  readonly version: number;
  readonly connections: number;
  /** Since the last heartbeat, in bits per second to clients, and as requests per second. */
  readonly bitsPerSecond: number;
  readonly requestsPerSecond: number;
  /** 0 to 1, of the one core that the process can use. Left out: other edges share the process. */
  readonly cpu?: number;
  readonly storeBytes: number;
  readonly storeBytesMax: number;
  readonly objects: number;
  /** Connections that it takes at most. Left out: it does not say. */
  readonly connectionsMax?: number;
  /** Of the store on disk, if there is one. */
  readonly diskBytes?: number;
  readonly diskBytesMax?: number;
  /** What it has answered lately. Left out: it does not say. */
  readonly recent?: RecentTraffic;
}

/**
 * How the clients of PoPs with too much load are spread over others. There is one in force for all
 * routers, which replace it with the next one in turn; so all of them answer by the same fractions.
 */
export interface LoadPlan {
  /** Each accepted plan is one more than the one before it. */
  readonly step: number;
  /** The step in which a fraction last changed: answers change when this does. */
  readonly change: number;
  /** The router that made it. */
  readonly by: string;
  readonly at: EpochMs;
  /** Those whose load is known. */
  readonly pops: readonly PopLoad[];
}

/** The load of one PoP, and what it gives away. */
export interface PopLoad {
  readonly pop: string;
  /** By capacity: 1 is full. */
  readonly load: number;
  /** The load if all its clients, and nobody else's, came to it. */
  readonly demand: number;
  /** Fractions of all its clients that go elsewhere; empty: all stay. The sum is at most 1. */
  readonly sheds: readonly { readonly pop: string; readonly fraction: number }[];
  /** `keeps`: the fraction of those clients that hashing gives the edge, and who stay with it. */
  readonly edges: readonly {
    readonly edge: string;
    readonly load: number;
    readonly keeps: number;
  }[];
}

/** How far a router's answers are behind the log, because edges get changes first. */
export interface RolloutReport {
  /** Every change of a site up to this version is in DNS. */
  readonly version: number;
  /** Versions that wait. */
  readonly waiting: number;
  /** How long the oldest of them has waited, and for whom. */
  readonly waitedMs: number;
  readonly edges: readonly string[];
}

/** What a router says about itself and about the edges as it sees them. */
export interface RouterReport {
  readonly router: string;
  readonly at: EpochMs;
  /** What it has read of the log. */
  readonly version: number;
  /** Left out: all that it has read is in DNS. */
  readonly rollout?: RolloutReport;
  readonly queriesPerSecond: number;
  /** What is wrong with files and databases of its map, in lines; left out: it does not say. */
  readonly mapProblems?: readonly string[] | undefined;
  /** Version of the told round trips that its map is made of; left out: of none. */
  readonly roundTrips?: number | undefined;
  readonly edges: readonly {
    readonly edge: string;
    readonly health: "up" | "down" | "draining" | "unknown";
    /** What this router's own probes say; left out: nobody else's counted for `health`. */
    readonly sees?: "up" | "down" | "unknown" | undefined;
    /** When `health` last changed. */
    readonly since: EpochMs;
    /** The last probe's outcome in words, such as `200 in 3 ms` or `connection refused`. */
    readonly detail: string;
  }[];
}

/** Measured round trips that operators have told, for all routers. */
export interface RoundTripTable {
  /** One more than that of the table before it, while the store keeps what it has. */
  readonly version: number;
  readonly at: EpochMs;
  /** Who told them. */
  readonly by: string;
  readonly prefixes: number;
  /** Pairs of a prefix and a PoP. */
  readonly ways: number;
  /** Lines of `prefix,pop,milliseconds`, or JSON, as in a file; empty: there are none. */
  readonly text: string;
}

/** Round trips that an edge has measured of its clients: TCP's own, of their connections. */
export interface MeasuredRoundTrips {
  readonly edge: string;
  readonly pop: string;
  readonly at: EpochMs;
  readonly prefixes: readonly {
    /** A /24 or /48. */
    readonly prefix: string;
    /** The median of its connections. */
    readonly ms: number;
    /** How many connections that is of. */
    readonly samples: number;
  }[];
}

/** What is known of one object on one edge. Facts about it, never its bytes. */
export interface ObjectRecord {
  /** Cache key with its variant; opaque outside the edge. */
  readonly key: string;
  readonly site: string;
  readonly url: string;
  readonly status: number;
  readonly bytes: number;
  readonly storedAt: EpochMs;
  readonly freshUntil: EpochMs;
  readonly etag?: string;
}
