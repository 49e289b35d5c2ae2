import type { SocketAddress } from "../../common/address.ts";
import type { SiteInput } from "../../common/config/site.ts";
import type { AccountRecord, CertificateRecord, OrderRecord } from "../../state/certificates.ts";
import type { Change, ChangeBody } from "../../state/change.ts";
import type {
  Heartbeat,
  ObjectRecord,
  RolloutReport,
  RouterReport,
  TokenRecord,
  TokenScope,
} from "../../state/records.ts";

/** What every refusal looks like. */
export interface ErrorBody {
  readonly error: {
    /** Stable, for programs. */
    readonly code: ErrorCode;
    /** The part of the request that is wrong, such as `origin.urls[0]`. */
    readonly field?: string;
    readonly message: string;
    /** What to do about it. */
    readonly remedy?: string;
    /** When to try again; also in the field Retry-After. */
    readonly retryAfterSeconds?: number;
    /** Everything that is wrong, when that is more than one thing. */
    readonly problems?: readonly { readonly field: string; readonly message: string }[];
  };
}

/** Every way in which a call can be refused. */
export type ErrorCode =
  | "invalid"
  | "not-found"
  | "exists"
  | "host-taken"
  | "wrong-site"
  | "unauthenticated"
  | "forbidden"
  | "forbidden-origin"
  | "changed"
  | "too-many"
  | "busy"
  | "too-large"
  | "state-unavailable"
  | "unreachable"
  | "internal";

/** The record that a site's owner puts into their own zone. */
export interface CnameRecord {
  /** With the final dot; undefined when the site has no host of its own yet. */
  readonly name?: string;
  readonly ttlSeconds: number;
  readonly target: string;
  /** The whole record as a zone file has it. */
  readonly text: string;
}

/** A site as the API shows it: in the form that it also accepts, and where it is reached. */
export interface SiteBody {
  readonly site: SiteInput;
  /** Names this content of it: for If-Match when it is changed. Also in the field ETag. */
  readonly etag: string;
  /** Where the CDN serves it. */
  readonly cdnHost: string;
  readonly records: readonly CnameRecord[];
}

/** `GET /v1/sites`. */
export interface SiteListBody {
  readonly version: number;
  readonly sites: readonly SiteBody[];
  /** What to say as `after` for the next page; left out on the last one. */
  readonly next?: string;
}

/** One value that is not the same before and after a change, such as `origin.urls[0]`. */
export interface Difference {
  readonly path: string;
  /** Left out: it was not there. */
  readonly before?: unknown;
  /** Left out: it is not there any more. */
  readonly after?: unknown;
}

/** What a change would do: the answer to `?dryRun=true`. */
export interface DryRunBody {
  readonly dryRun: true;
  /** The version that this was compared with. */
  readonly version: number;
  readonly differences: readonly Difference[];
}

/** One version of a site. */
export interface SiteVersion {
  readonly version: number;
  /** When the change was accepted: ISO 8601, UTC. */
  readonly at: string;
  readonly by: string;
  readonly action: "put" | "removed";
  /** What the change made different from the version before it, if the log still has that. */
  readonly differences?: readonly Difference[];
}

/** `GET /v1/sites/{site}/history`: newest first, as far as the log reaches. */
export interface SiteHistoryBody {
  readonly site: string;
  readonly versions: readonly SiteVersion[];
}

/** A token as the API shows it: without anything that would let somebody use it. */
export interface TokenBody {
  readonly id: string;
  readonly name: string;
  readonly scope: TokenScope;
  readonly sites?: readonly string[];
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly expires?: string;
  readonly expired: boolean;
}

/** `GET /v1/tokens`. */
export interface TokenListBody {
  readonly tokens: readonly TokenBody[];
}

/** `POST /v1/tokens`: the only time that the token itself is shown. */
export interface TokenCreatedBody extends TokenBody {
  readonly token: string;
  readonly version: number;
}

/** `DELETE /v1/tokens/{id}`. */
export interface TokenRevokedBody {
  readonly id: string;
  readonly name: string;
  readonly version: number;
}

/** Certificates in a few words: for `GET /v1/status`. */
export interface CertificateSummary {
  readonly good: number;
  /** Those that have ended, cannot be used, or have not come, and why. */
  readonly problems: readonly { readonly name: string; readonly problem: string }[];
}

/** How far getting a certificate from an authority has come. */
export interface OrderBody {
  readonly hosts: readonly string[];
  readonly site?: string;
  /** Failures in a row. */
  readonly failures: number;
  /** Why the last try failed. */
  readonly error?: string;
  /** Not tried again before: ISO 8601, UTC. */
  readonly next: string;
}

/** `GET /v1/certificates/{certificate}`: everything but its key. */
export interface CertificateBody {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly source: CertificateRecord["source"];
  readonly site?: string;
  /** ISO 8601, UTC, like all times. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly expired: boolean;
  /** When the next one is asked for; left out: nobody does. */
  readonly renewal?: string;
  readonly issuer: string;
  readonly serial: string;
  /** SHA-256. */
  readonly fingerprint: string;
  readonly etag: string;
  /** Why edges cannot use it. */
  readonly problem?: string;
  /** The next one, while it is got. */
  readonly order?: OrderBody;
}

/** `GET /v1/certificates`. */
export interface CertificateListBody {
  readonly version: number;
  readonly certificates: readonly CertificateBody[];
  /** Those that have been ordered and have never come. */
  readonly awaited: readonly (OrderBody & { readonly name: string })[];
}

/** `PUT /v1/certificates/{certificate}`. */
export interface CertificatePutBody extends CertificateBody, WaitedFor {
  readonly version: number;
}

/** `DELETE /v1/certificates/{certificate}`. */
export interface CertificateRemovedBody extends WaitedFor {
  readonly removed: string;
  readonly version: number;
}

/** `PUT` and `DELETE /v1/latency`. */
export interface LatencyPutBody {
  /** Of the table; 0: none has ever been told. */
  readonly version: number;
  /** When it was put: ISO 8601, UTC. */
  readonly at?: string;
  readonly by?: string;
  readonly prefixes: number;
  /** Pairs of a prefix and a PoP that there is. */
  readonly ways: number;
}

/** `GET /v1/latency`. */
export interface LatencyBody extends LatencyPutBody {
  /** Which table the map of each router is made of; no version: of none. */
  readonly routers: readonly { readonly name: string; readonly version?: number }[];
  /** With `?table=true`: as it was put. */
  readonly table?: string;
}

/** How one origin URL answered when it was tried. */
export interface OriginCheck {
  readonly url: string;
  readonly answers: boolean;
  /** Such as `200 in 3 ms` or `connection refused`. */
  readonly detail: string;
}

/** Which edges have applied a change: in the answers to calls that say `?wait=`. */
export interface WaitedFor {
  readonly acknowledged?: readonly Acknowledgement[];
  readonly pending?: readonly PendingEdge[];
}

/** How far a change of a site has come, edges first: in answers to calls that say `?wait=`. */
export interface RolloutBody extends WaitedFor {
  /**
   * `accepted`: in the log. `edges`: every edge that lives has it. `dns`: every router answers by
   * it, though an edge that lives does not have it yet. `done`: both.
   */
  readonly stage?: "accepted" | "edges" | "dns" | "done";
  readonly routers?: readonly RouterProgress[];
}

/** The version up to which a router has every change in its answers. */
export interface RouterProgress {
  readonly router: string;
  readonly version: number;
  /** How long after the API accepted the change it was seen in DNS; left out: it is not yet. */
  readonly ms?: number;
}

/** `POST /v1/sites` and `PUT /v1/sites/{site}`. */
export interface SitePutBody extends SiteBody, RolloutBody {
  readonly version: number;
  readonly origins: readonly OriginCheck[];
  readonly warnings: readonly string[];
}

/** `DELETE /v1/sites/{site}`. */
export interface SiteRemovedBody extends RolloutBody {
  readonly version: number;
  readonly removed: string;
  /** How long edges serve it on, for clients whose resolvers remember an answer. */
  readonly servedForSeconds: number;
  readonly warnings: readonly string[];
}

/** An edge that has applied a change, `ms` after the API accepted it. */
export interface Acknowledgement {
  readonly edge: string;
  readonly version: number;
  readonly ms: number;
}

/** An edge that has not applied a change. `live` is false if it sends no heartbeat. */
export interface PendingEdge {
  readonly edge: string;
  readonly live: boolean;
}

/** `POST /v1/sites/{site}/purge`. */
export interface PurgeBody {
  readonly site: string;
  readonly version: number;
  /** When it was accepted: ISO 8601, UTC. */
  readonly accepted: string;
  readonly acknowledged: readonly Acknowledgement[];
  readonly pending: readonly PendingEdge[];
}

/** `POST /v1/edges/{edge}/drain` and `.../undrain`. */
export interface DrainBody {
  readonly edge: string;
  readonly drained: boolean;
  readonly version: number;
}

/** `POST /v1/demo/edges/{edge}/stop` and `.../start`. */
export interface DemoEdgeBody {
  readonly edge: string;
  readonly running: boolean;
}

/** What one router thinks of an edge. */
export interface EdgeView {
  readonly router: string;
  readonly health: RouterReport["edges"][number]["health"];
  readonly since: number;
  readonly detail: string;
}

/** One edge, from all that is known of it. */
export interface EdgeStatus {
  readonly name: string;
  readonly pop: string;
  readonly address: string;
  readonly port: number;
  readonly drained: boolean;
  /** The worst that any router says; `unknown` when none says anything. */
  readonly health: RouterReport["edges"][number]["health"];
  readonly routers: readonly EdgeView[];
  /** Undefined when none has arrived for a while. */
  readonly heartbeat?: Heartbeat;
  /** The version it has applied, and how many changes behind the newest that is. */
  readonly version?: number;
  readonly lag?: number;
  /** In the demo: false while it is stopped on purpose. */
  readonly running?: boolean;
}

/** `GET /v1/status`. Answers even when the state store does not. */
export interface StatusBody {
  readonly now: number;
  readonly cdn: { readonly domain: string; readonly ttlSeconds: number };
  readonly state: {
    readonly kind: "embedded" | "redis";
    readonly up: boolean;
    readonly version: number;
    readonly epoch: string;
  };
  readonly dns: readonly SocketAddress[];
  readonly pops: readonly {
    readonly name: string;
    readonly location: readonly [number, number];
    readonly edges: readonly EdgeStatus[];
  }[];
  readonly routers: readonly {
    readonly name: string;
    readonly version: number;
    readonly lag: number;
    /** How far its answers are behind what it has read, because edges get changes first. */
    readonly rollout?: RolloutReport;
    readonly queriesPerSecond: number;
    /** What is wrong with databases and files of its map; empty: nothing. */
    readonly mapProblems: readonly string[];
  }[];
  readonly sites: readonly SiteBody[];
  readonly certificates: CertificateSummary;
  /** True in the demo, where edges can be stopped and started. */
  readonly demo: boolean;
}

/** Changes that carry a secret, however well it is hashed or sealed. */
type SecretKind = "token-put" | "certificate-put" | "order-put" | "account-put";

/** A change as the API shows it: without what is kept of a secret. */
export interface ShownChange extends Omit<Change, "body"> {
  readonly body:
    | Exclude<ChangeBody, { readonly kind: SecretKind }>
    | { readonly kind: "token-put"; readonly token: Omit<TokenRecord, "hash"> }
    | { readonly kind: "certificate-put"; readonly certificate: Omit<CertificateRecord, "key"> }
    | { readonly kind: "order-put"; readonly order: Omit<OrderRecord, "key"> }
    | { readonly kind: "account-put"; readonly account: Omit<AccountRecord, "key"> };
}

/** `GET /v1/changes`: after a version, oldest first. */
export interface ChangesBody {
  readonly epoch: string;
  readonly head: number;
  readonly complete: boolean;
  readonly changes: readonly ShownChange[];
}

/** `GET /v1/log`: who changed what, newest first. */
export interface LogBody {
  readonly changes: readonly ShownChange[];
  /** What to say as `before` for the next page; left out where the log ends. */
  readonly next?: number;
}

/** `GET /v1/objects`. */
export interface ObjectsBody {
  readonly edge: string;
  readonly objects: readonly ObjectRecord[];
}

/** `GET /v1/explain/dns`: the router's own answer, and which router it was. */
export interface ExplainDnsBody {
  readonly router: string;
  readonly decision: unknown;
}

/** `GET /v1/explain/http`: the edge's own answer, and how that edge was chosen. */
export interface ExplainHttpBody {
  readonly edge: string;
  /** Present when the edge was not named: the DNS decision that chose it. */
  readonly dns?: ExplainDnsBody;
  readonly decision: unknown;
}
