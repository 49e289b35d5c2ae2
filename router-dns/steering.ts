import type { IpBytes } from "../common/ip.ts";
import type { Name } from "./wire/name.ts";

/** Whom an answer is for, as far as the router can know. */
export interface SteerClient {
  /** Address, or prefix with zero bits beyond `prefixLength`: 4 or 16 bytes. */
  readonly bytes: IpBytes;
  /** Bits of `bytes` that are known: the ECS source prefix length, or the whole address. */
  readonly prefixLength: number;
  /** `ecs`: RFC 7871 client subnet. `resolver`: the address that the query came from. */
  readonly source: "ecs" | "resolver";
}

/** Why this PoP: a closed set, also the label values of `dns_steered_total{reason}`. */
export type SteerReason =
  /** The closest PoP, by great-circle distance from where the database puts the client. */
  | "closest"
  /** An operator's coverage entry names the PoP. */
  | "coverage"
  /** The client is inside a network that the PoP is deep in. */
  | "deep"
  /** Measured round trips: the PoP is the fastest, or not slower than it by the margin. */
  | "latency"
  /** A better PoP exists, but has no edge that can be answered. */
  | "failover"
  /** The best PoP has too much load, and this is one of the clients that it gives away. */
  | "load"
  /** No edge is up: the site's all-down policy decided. */
  | "all-down"
  /** Nobody knows where the client is: the first PoP of the fallback order. */
  | "no-location";

/** A steered answer as data; the pipeline turns it into records. */
export interface SteerAnswer {
  /** Addresses of the family asked for, best first; empty means NODATA. */
  readonly addresses: readonly IpBytes[];
  readonly ttlSeconds: number;
  /**
   * How many leading bits of the client's address the answer depends on: every address that shares
   * them gets this answer now (RFC 7871 section 7.2.1). May be longer or shorter than the source.
   */
  readonly scopePrefixLength: number;
  readonly pop: string | undefined;
  /** Set if the answer is a CNAME to this host instead: nothing is up. `addresses` is empty. */
  readonly backup?: Name;
  readonly reason: SteerReason;
}

/**
 * Decides which edges a client gets (P, over one immutable view of map and health). Never throws.
 * `family` is 4 for A and 6 for AAAA.
 */
export interface Steering {
  /**
   * True if the client subnet option decides nothing for a site: `client` is the resolver then, and
   * the scope in the reply is 0 (RFC 7871 section 7.2.1). Left out: no site is so.
   */
  ignoresSubnet?(site: string): boolean;
  steer(site: string, client: SteerClient, family: 4 | 6): SteerAnswer;
}
