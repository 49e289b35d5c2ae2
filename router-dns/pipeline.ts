import type { IpBytes } from "../common/ip.ts";
import type { SteerAnswer, Steering } from "./steering.ts";
import type { ZoneTable } from "./zone/zone.ts";

/** Everything that answers depend on, as it is at one moment. Swapped as a whole, never changed. */
export interface Snapshot {
  readonly zones: ZoneTable;
  readonly steering: Steering;
}

/** What is known about a query beside its packet. */
export interface QueryContext {
  /** Where the packet came from, IPv4 inside IPv6 unmapped. */
  readonly peer: IpBytes;
  readonly transport: "udp" | "tcp";
  readonly snapshot: Snapshot;
  /** Most octets of an answer over UDP, whatever the client would take (RFC 6891 section 6.2.5). */
  readonly maxUdpBytes: number;
}

/** Default of `maxUdpBytes`: fits an IPv6 path without fragments (RFC 9715 section 3). */
export const UDP_BYTES_DEFAULT = 1232;

/** What became of a query, for counters and logs. */
export interface Outcome {
  /** Octets of the answer in `out`; 0 means: say nothing. */
  readonly length: number;
  /** Response code with its EDNS part: 0 to 4095. */
  readonly rcode: number;
  /** Type asked for; 0 if the question could not be read. */
  readonly qtype: number;
  /** True if the answer did not fit and the client has to ask again over TCP. */
  readonly truncated: boolean;
  /** Set if steering was asked: for which site, and what it said. */
  readonly steered?: { readonly site: string; readonly answer: SteerAnswer };
  /** Set if the answer is SERVFAIL because of a mistake of ours: what was thrown. */
  readonly failure?: unknown;
}
