import type { SocketAddress } from "../../common/address.ts";
import type { QueryLogConfig } from "../../common/config/access-log.ts";
import type { PopConfig } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import type { IpBytes } from "../../common/ip.ts";
import type { RelayedLine } from "../../common/log.ts";
import type { RelayedCounts } from "../../common/metrics-relay.ts";
import type { LoadPlan } from "../../state/records.ts";
import type { DnssecOptions } from "../data/live-signing.ts";
import type { PackedMap } from "../data/map-parcel.ts";
import type { EdgeHealth } from "../health/board.ts";
import type { CookieSecrets } from "../policy/cookie.ts";
import type { ServiceConfig, SharedDefence } from "../service.ts";
import type { NameKey } from "../wire/name.ts";
import type { ZoneParcel } from "./zone-parcel.ts";

/** How often leader and workers tell one another that they are there. */
export const BEAT_MS = 500;

/**
 * So many beats without a word and a worker is replaced. They are counted by who waits, which loses
 * no time itself by a machine that stood still.
 */
export const SILENT_BEATS_MAX = 10;

/**
 * A worker that is so many beats behind with what it was told to answer is replaced, and one that
 * has not heard the leader for so long ends itself: nothing that was withdrawn is answered longer.
 */
export const STALE_BEATS_MAX = 20;

/** Packets of one worker that wait for the leader; more of them are dropped. */
export const FORWARDS_MAX = 64;

/** How many beats one waits; senders have asked again by then. */
export const FORWARD_BEATS_MAX = 4;

/** What a worker is told at its start, and what never changes. */
export interface WorkerOrder extends SharedDefence {
  /** From 1; the leader is 0. */
  readonly number: number;
  /** Where the leader's monotonic clock begins. */
  readonly origin: number;
  readonly service: ServiceConfig;
  /** Where the leader answers over UDP. */
  readonly addresses: readonly SocketAddress[];
  readonly layer: "native" | "dgram";
  readonly secrets: CookieSecrets;
  readonly pops: readonly PopConfig[];
  readonly ttlSeconds: number;
  readonly answersMax: number;
  readonly dnssec?: DnssecOptions | undefined;
  /** Left out: queries are only counted. */
  readonly queries?: { readonly router: string; readonly config: QueryLogConfig } | undefined;
  /** True: transfers, notices and what is signed are for the leader. */
  readonly hasTransfers: boolean;
}

/** What steering decides from; what is left out is as it was. It counts at once. */
export interface ViewChange {
  readonly kind: "view";
  readonly sites?: ReadonlyMap<string, Site>;
  readonly health?: ReadonlyMap<string, EdgeHealth>;
  /** No plan: load decides nothing. */
  readonly load?: { readonly plan: LoadPlan | undefined };
  readonly map?: PackedMap;
}

/** All zones that are served. It counts when those are built that the worker has not had. */
export interface ZonesChange {
  readonly kind: "zones";
  readonly serial: number;
  /** Every zone by its number. */
  readonly numbers: readonly number[];
  readonly fresh: ReadonlyMap<number, ZoneParcel>;
  readonly missing: ReadonlySet<NameKey>;
}

/** What the leader tells a worker. */
export type ToWorker =
  | ViewChange
  | ZonesChange
  | { readonly kind: "beat" }
  | { readonly kind: "secrets"; readonly secrets: CookieSecrets }
  /** The leader signs with other keys: the folder says something else. */
  | { readonly kind: "keys" }
  /** Asks for `counts` with this number. */
  | { readonly kind: "count"; readonly asked: number }
  /** To a `forward`; no message: nothing is said. */
  | {
      readonly kind: "answer";
      readonly packet: number;
      readonly message: Uint8Array | undefined;
    }
  | { readonly kind: "stop" };

/** What a worker tells the leader. */
export type FromWorker =
  /** Its ports are bound, and it answers. */
  | { readonly kind: "ready" }
  /** It serves the zones of that serial. */
  | { readonly kind: "serves"; readonly serial: number }
  /** Once a beat, and when it is asked. */
  | { readonly kind: "counts"; readonly counts: RelayedCounts; readonly asked?: number }
  /** A packet that the leader has to answer. */
  | {
      readonly kind: "forward";
      readonly packet: number;
      readonly bytes: Uint8Array;
      readonly peer: IpBytes;
    }
  /** Lines of the query log. */
  | { readonly kind: "lines"; readonly text: string; readonly count: number }
  | { readonly kind: "log"; readonly line: RelayedLine };
