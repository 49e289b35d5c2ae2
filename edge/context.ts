import type { Socket } from "node:net";
import type { Clock } from "../common/clock.ts";
import type { IpPrefix } from "../common/ip.ts";
import type { Logger } from "../common/log.ts";
import type { ChallengeRecord } from "../state/certificates.ts";
import type { AccessLog } from "./access/access-log.ts";
import type { RequestMetrics } from "./admin/request-metrics.ts";
import type { EncodedForms } from "./coding/encoded-forms.ts";
import type { CacheProfile } from "./decide/storable.ts";
import type { Fills } from "./fetch/collapse.ts";
import type { OriginClient } from "./fetch/origin-client.ts";
import type { SlicedBodies } from "./fetch/sliced-bodies.ts";
import type { SiteTable } from "./key/site.ts";
import type { Protection } from "./protect/protection.ts";
import type { Turns } from "./serve/turns.ts";
import type { Invalidations } from "./store/invalidations.ts";
import type { Store } from "./store/store.ts";

/** Everything that a request meets on its way: one per edge, handed to every step. */
export interface EdgeContext {
  readonly name: string;
  readonly profile: CacheProfile;
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Store;
  readonly invalidations: Invalidations;
  readonly origins: OriginClient;
  readonly fills: Fills;
  readonly forms: EncodedForms;
  readonly sliced: SlicedBodies;
  readonly metrics: RequestMetrics;
  /** Left out: requests are only counted. */
  readonly access: AccessLog | undefined;
  readonly protection: Protection;
  readonly turns: Turns;
  /** From where `PURGE` is accepted. */
  readonly purgeFrom: readonly IpPrefix[];
  /** Hosts under which this edge answers about itself, in lower case and without port. */
  readonly ownHosts: ReadonlySet<string>;
  /** Where clients are sent that should have come over TLS. */
  readonly tlsPort: number;
  /** Replaced as a whole when sites change. */
  sites: SiteTable;
  /** What authorities want to see before they sign certificates, by token. Replaced as a whole. */
  challenges: ReadonlyMap<string, ChallengeRecord>;
  /** True while purges may have been missed: nothing stored is served without asking. */
  revalidateAll(): boolean;
  /** Names one answer in a client's hands and in the log. */
  nextRequestId(): string;
  /** Says how to find out whether a connection waits for an origin, which has its own deadlines. */
  noteWaiting(socket: Socket, isWaiting: () => boolean): void;
  /** Undefined when this edge should be sent traffic, else why not. */
  notReady(): string | undefined;
}
