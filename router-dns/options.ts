import type { SocketAddress } from "../common/address.ts";
import type { Clock } from "../common/clock.ts";
import type { QueryLogConfig } from "../common/config/access-log.ts";
import type { HttpsConfig } from "../common/config/https.ts";
import type { HealthConfig, LoadConfig, PopConfig } from "../common/config/schema.ts";
import type { Site } from "../common/config/site.ts";
import type { IpPrefix } from "../common/ip.ts";
import type { Logger } from "../common/log.ts";
import type { Random } from "../common/random.ts";
import type { StateStore } from "../state/store.ts";
import type { DnssecOptions } from "./data/live-signing.ts";
import type { LatencyOrder } from "./data/map-build.ts";
import type { MaxTtls } from "./data/zones.ts";
import type { ProbeConfig } from "./health/targets.ts";
import type { ServiceConfig } from "./service.ts";
import { zoneKeyOf } from "./sign/dnskey.ts";
import type { TransferSettings } from "./transfer/settings.ts";
import type { HostAddress } from "./zone/cdn-zone.ts";

/** Everything that a router is told at its start. */
export interface RouterOptions {
  /** What it is called in reports and acknowledgements. */
  readonly name: string;
  /** Where it answers, each over UDP and TCP. */
  readonly listen: readonly SocketAddress[];
  readonly admin: SocketAddress;
  /** How it answers and defends itself. */
  readonly service: ServiceConfig;
  /** The CDN domain, below which sites are steered. */
  readonly domain: string;
  readonly nameservers: readonly HostAddress[];
  readonly hostmaster?: string;
  /** HTTPS records of sites that do not say it themselves; left out: none. */
  readonly https?: HttpsConfig;
  /** Addresses whose names we have; left out: none. */
  readonly reverse?: readonly IpPrefix[];
  /** TTL of steered answers. */
  readonly ttlSeconds: number;
  /** The most addresses in one answer. */
  readonly answers: number;
  readonly pops: readonly PopConfig[];
  readonly health: HealthConfig;
  readonly load: LoadConfig;
  readonly probe: ProbeConfig;
  /** Databases; left out: the bundled one for places, and none for AS numbers. */
  readonly geo: { readonly city?: string; readonly asn?: string };
  readonly coverageFile?: string;
  readonly latency: LatencyOrder;
  /** True: what edges measure of their clients counts, too. Left out: it does not. */
  readonly latencyFromEdges?: boolean;
  readonly zoneFiles: readonly string[];
  /** What goes between this server and others; left out: nothing. */
  readonly transfers?: TransferSettings;
  /** Left out: nothing is signed. */
  readonly dnssec?: DnssecOptions;
  /** In force until the state store answers. */
  readonly sites: readonly Site[];
  /** Quick mode: every name below the domain is steered. */
  readonly anyName: boolean;
  /** Left out: the sites stay as they are, and nobody can drain. */
  readonly state?: StateStore;
  /** Where the last state of the store is kept for a start without it; left out: nowhere. */
  readonly keepFile?: string;
  /** How many sites have metrics of their own; left out: 100. */
  readonly siteMetrics?: number;
  /** How queries are written down; left out: they are only counted. */
  readonly queries?: QueryLogConfig;
  /** Threads that answer over UDP, this one included; left out: 1. Others have the real clock. */
  readonly workers?: number;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** True if other threads answer too (P). */
export function hasWorkers({ workers = 1 }: RouterOptions): boolean {
  return workers > 1;
}

/** The longest TTL of each zone that is signed (P). */
export function maxTtlsOf({ dnssec }: RouterOptions): MaxTtls {
  const signed = dnssec?.zones ?? [];
  return new Map(signed.map(({ name, policy }) => [zoneKeyOf(name), policy.maxTtl]));
}
