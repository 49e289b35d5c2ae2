import { z } from "zod";
import { siteSchema } from "../../common/config/site.ts";
import { accountSchema, certificateSchema, orderSchema } from "../../state/certificate-codec.ts";
import { CERTIFICATE_SOURCES } from "../../state/certificates.ts";
import {
  changeBodySchema,
  heartbeatSchema,
  objectRecordSchema,
  rolloutReportSchema,
  tokenRecordSchema,
} from "../../state/codec.ts";
import { TOKEN_SCOPES } from "../../state/records.ts";
import type { LiveBody, LiveEdge, LivePop, Quality } from "./live-figures.ts";
import type * as shapes from "./shapes.ts";

/*
 * What the API answers, as schemas: the OpenAPI document is made from them, and tests hold every
 * answer against them. `shapes.ts` has the same as types; a field that one of the two lacks does
 * not compile.
 */

/** A schema per field of T. */
type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType };

const count = z.int().nonnegative();
const version = count.describe("Place in the ordered log of changes.");
const time = z.iso.datetime().describe("ISO 8601, UTC.");
const epochMs = z.number().describe("Milliseconds since 1970, UTC.");
const texts = z.array(z.string());
const scope = z.enum(TOKEN_SCOPES);
const health = z.enum(["up", "down", "draining", "unknown"]);

/** What every refusal looks like. */
export const errorAnswer = z.strictObject({
  error: z.strictObject({
    code: z.string().describe("Stable, for programs."),
    field: z.string().optional().describe("The part of the request that is wrong."),
    message: z.string(),
    remedy: z.string().optional().describe("What to do about it."),
    retryAfterSeconds: count.optional(),
    problems: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  } satisfies Fields<shapes.ErrorBody["error"]>),
} satisfies Fields<shapes.ErrorBody>);

const site = {
  site: siteSchema.describe("In the form in which it can also be sent."),
  etag: z.string().describe("Names this content of the site, for If-Match. Also in ETag."),
  cdnHost: z.string().describe("Where the CDN serves it."),
  records: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        ttlSeconds: count,
        target: z.string(),
        text: z.string().describe("The whole record as a zone file has it."),
      } satisfies Fields<shapes.CnameRecord>),
    )
    .describe("What the owner of the site puts into their own zone."),
} satisfies Fields<shapes.SiteBody>;

const siteAnswer = z.strictObject(site);

const originCheck = z.strictObject({
  url: z.string(),
  answers: z.boolean(),
  detail: z.string(),
} satisfies Fields<shapes.OriginCheck>);

const acknowledgement = z.strictObject({
  edge: z.string(),
  version,
  ms: z.number().nonnegative().describe("After the API accepted the change."),
} satisfies Fields<shapes.Acknowledgement>);

const pendingEdge = z.strictObject({
  edge: z.string(),
  live: z.boolean().describe("False if it sends no heartbeat."),
} satisfies Fields<shapes.PendingEdge>);

const waitedFor = {
  acknowledged: z.array(acknowledgement).optional().describe("With `?wait=`: who applied it."),
  pending: z.array(pendingEdge).optional(),
} satisfies Fields<shapes.WaitedFor>;

const rollout = {
  ...waitedFor,
  stage: z
    .enum(["accepted", "edges", "dns", "done"])
    .optional()
    .describe("With `?wait=`: how far it has come. Edges get a change first, then DNS."),
  routers: z
    .array(
      z.strictObject({
        router: z.string(),
        version,
        ms: count.optional().describe("After how long it was in DNS; left out: not yet."),
      } satisfies Fields<shapes.RouterProgress>),
    )
    .optional(),
} satisfies Fields<shapes.RolloutBody>;

const sitePut = z.strictObject({
  ...site,
  version,
  origins: z.array(originCheck).describe("How each origin answered when it was tried."),
  warnings: texts,
  ...rollout,
} satisfies Fields<shapes.SitePutBody>);

const difference = z.strictObject({
  path: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
} satisfies Fields<shapes.Difference>);

const dryRun = z.strictObject({
  dryRun: z.literal(true),
  version,
  differences: z.array(difference),
} satisfies Fields<shapes.DryRunBody>);

const siteRemoved = z.strictObject({
  version,
  removed: z.string(),
  servedForSeconds: count.describe("For clients whose resolvers remember an answer."),
  warnings: texts,
  ...rollout,
} satisfies Fields<shapes.SiteRemovedBody>);

const siteList = z.strictObject({
  version,
  sites: z.array(siteAnswer),
  next: z.string().optional().describe("What to say as `after` for the next page."),
} satisfies Fields<shapes.SiteListBody>);

const siteHistory = z.strictObject({
  site: z.string(),
  versions: z.array(
    z.strictObject({
      version,
      at: time,
      by: z.string(),
      action: z.enum(["put", "removed"]),
      differences: z.array(difference).optional(),
    } satisfies Fields<shapes.SiteVersion>),
  ),
} satisfies Fields<shapes.SiteHistoryBody>);

const purge = z.strictObject({
  site: z.string(),
  version,
  accepted: time,
  acknowledged: z.array(acknowledgement),
  pending: z.array(pendingEdge),
} satisfies Fields<shapes.PurgeBody>);

const drain = z.strictObject({
  edge: z.string(),
  drained: z.boolean(),
  version,
} satisfies Fields<shapes.DrainBody>);

const demoEdge = z.strictObject({
  edge: z.string(),
  running: z.boolean(),
} satisfies Fields<shapes.DemoEdgeBody>);

const token = {
  id: z.string().describe("The public part of the token."),
  name: z.string(),
  scope,
  sites: texts.optional(),
  created: time,
  expires: time.optional(),
  expired: z.boolean(),
} satisfies Fields<shapes.TokenBody>;

const tokenCreated = z.strictObject({
  ...token,
  token: z.string().describe("The token itself: shown this once."),
  version,
} satisfies Fields<shapes.TokenCreatedBody>);

const tokenList = z.strictObject({
  tokens: z.array(z.strictObject(token)),
} satisfies Fields<shapes.TokenListBody>);

const tokenRevoked = z.strictObject({
  id: z.string(),
  name: z.string(),
  version,
} satisfies Fields<shapes.TokenRevokedBody>);

const order = {
  hosts: texts,
  site: z.string().optional(),
  failures: count.describe("In a row."),
  error: z.string().optional().describe("Why the last try failed."),
  next: time.describe("Not tried again before."),
} satisfies Fields<shapes.OrderBody>;

const certificate = {
  name: z.string(),
  hosts: texts,
  source: z.enum(CERTIFICATE_SOURCES),
  site: z.string().optional(),
  notBefore: time,
  notAfter: time,
  expired: z.boolean(),
  renewal: time.optional().describe("When the next one is asked for; left out: nobody does."),
  issuer: z.string(),
  serial: z.string(),
  fingerprint: z.string().describe("SHA-256."),
  etag: z.string().describe("Names this content, for If-Match. Also in ETag."),
  problem: z.string().optional().describe("Why edges cannot use it."),
  order: z.strictObject(order).optional().describe("The next one, while it is got."),
} satisfies Fields<shapes.CertificateBody>;

const certificateAnswer = z.strictObject(certificate);

const certificateList = z.strictObject({
  version,
  certificates: z.array(certificateAnswer),
  awaited: z
    .array(z.strictObject({ name: z.string(), ...order }))
    .describe("Those that have been ordered and have never come."),
} satisfies Fields<shapes.CertificateListBody>);

const certificatePut = z.strictObject({
  ...certificate,
  version,
  ...waitedFor,
} satisfies Fields<shapes.CertificatePutBody>);

const certificateRemoved = z.strictObject({
  removed: z.string(),
  version,
  ...waitedFor,
} satisfies Fields<shapes.CertificateRemovedBody>);

const address = z.strictObject({ host: z.string(), port: count });

const edgeStatus = z.strictObject({
  name: z.string(),
  pop: z.string(),
  address: z.string(),
  port: count,
  drained: z.boolean(),
  health: health.describe("The worst that any router says."),
  routers: z.array(
    z.looseObject({
      router: z.string(),
      health,
      since: epochMs,
      detail: z.string(),
    } satisfies Fields<Pick<shapes.EdgeView, "router" | "health" | "since" | "detail">>),
  ),
  heartbeat: heartbeatSchema.optional(),
  version: version.optional(),
  lag: count.optional().describe("Changes behind the newest."),
  running: z.boolean().optional().describe("In the demo: false while it is stopped."),
} satisfies Fields<shapes.EdgeStatus>);

const status = z.strictObject({
  now: epochMs,
  cdn: z.strictObject({ domain: z.string(), ttlSeconds: z.number() }),
  state: z.strictObject({
    kind: z.enum(["embedded", "redis"]),
    up: z.boolean(),
    version,
    epoch: z.string(),
  }),
  dns: z.array(address),
  pops: z.array(
    z.strictObject({
      name: z.string(),
      location: z.tuple([z.number(), z.number()]),
      edges: z.array(edgeStatus),
    }),
  ),
  routers: z.array(
    z.looseObject({
      name: z.string(),
      version,
      lag: count,
      rollout: rolloutReportSchema.optional().describe("Left out: all it has read is in DNS."),
      queriesPerSecond: z.number(),
      mapProblems: texts.describe("Wrong with databases and files of its map."),
    }),
  ),
  sites: z.array(siteAnswer),
  certificates: z.strictObject({
    good: count,
    problems: z
      .array(z.strictObject({ name: z.string(), problem: z.string() }))
      .describe("Those that have ended, cannot be used, or have not come."),
  } satisfies Fields<shapes.CertificateSummary>),
  demo: z.boolean(),
} satisfies Fields<shapes.StatusBody>);

const quality = {
  hitRatio: z.number().optional().describe("Of the requests of the last seconds, 0 to 1."),
  byteHitRatio: z.number().optional().describe("Of the bytes of bodies."),
  errorRatio: z.number().optional().describe("Answers with a status from 500."),
  firstByteP50Seconds: z.number().optional(),
  firstByteP99Seconds: z.number().optional(),
} satisfies Fields<Quality>;

const traffic = {
  requestsPerSecond: z.number(),
  bitsPerSecond: z.number(),
  connections: count,
  ...quality,
};

const live = z.strictObject({
  at: epochMs,
  domain: z.string(),
  state: status.shape.state,
  total: z.strictObject({
    ...traffic,
    queriesPerSecond: z.number(),
    edgesUp: count,
    edges: count,
  } satisfies Fields<LiveBody["total"]>),
  pops: z.array(
    z.strictObject({
      name: z.string(),
      edgesUp: count,
      edges: count,
      share: z.number().describe("Of the bits that all PoPs send, 0 to 1."),
      ...traffic,
    } satisfies Fields<LivePop>),
  ),
  edges: z.array(
    z.strictObject({
      name: z.string(),
      pop: z.string(),
      health,
      drained: z.boolean(),
      heard: z.boolean().describe("False: it sends no heartbeat, and its figures are not known."),
      forMs: z.number().optional().describe("How long it has been of this health."),
      cpu: z.number().optional(),
      memory: z.number().describe("Which part of what it may hold it holds, 0 to 1."),
      disk: z.number().optional(),
      objects: count,
      version: version.optional(),
      lag: count,
      ...traffic,
    } satisfies Fields<LiveEdge>),
  ),
  routers: status.shape.routers,
  sites: z.array(
    z.strictObject({
      name: z.string(),
      servedAt: z.string(),
      origins: texts,
      traffic: z
        .strictObject({
          requestsPerSecond: z.number(),
          bitsPerSecond: z.number(),
          hitRatio: z.number(),
          byteHitRatio: z.number().optional(),
        })
        .optional()
        .describe("Of the busiest 20 sites."),
    } satisfies Fields<LiveBody["sites"][number]>),
  ),
} satisfies Fields<LiveBody>);

const change = z.strictObject({
  version,
  at: epochMs,
  by: z.string().describe("A token's name, `operator`, `config`, or `api` where nobody is asked."),
  body: z.union([
    changeBodySchema,
    z.strictObject({
      kind: z.literal("token-put"),
      token: tokenRecordSchema.omit({ hash: true }),
    }),
    z.strictObject({
      kind: z.literal("certificate-put"),
      certificate: certificateSchema.omit({ key: true }),
    }),
    z.strictObject({ kind: z.literal("order-put"), order: orderSchema.omit({ key: true }) }),
    z.strictObject({ kind: z.literal("account-put"), account: accountSchema.omit({ key: true }) }),
  ]),
});

const changes = z.strictObject({
  epoch: z.string(),
  head: version,
  complete: z.boolean().describe("False if the log no longer reaches back so far."),
  changes: z.array(change),
} satisfies Fields<shapes.ChangesBody>);

const log = z.strictObject({
  changes: z.array(change),
  next: version.optional(),
} satisfies Fields<shapes.LogBody>);

const objects = z.strictObject({
  edge: z.string(),
  objects: z.array(objectRecordSchema),
} satisfies Fields<shapes.ObjectsBody>);

const explainDns = z.strictObject({
  router: z.string(),
  decision: z.unknown(),
} satisfies Fields<shapes.ExplainDnsBody>);

const explainHttp = z.strictObject({
  edge: z.string(),
  dns: explainDns.optional(),
  decision: z.unknown(),
} satisfies Fields<shapes.ExplainHttpBody>);

const latency = {
  version: count.describe("Of the table; 0: none has ever been told."),
  at: time.optional(),
  by: z.string().optional(),
  prefixes: count,
  ways: count.describe("Pairs of a prefix and a PoP that there is."),
} satisfies Fields<shapes.LatencyPutBody>;

const latencyPut = z.strictObject(latency);

const latencyShown = z.strictObject({
  ...latency,
  routers: z.array(z.strictObject({ name: z.string(), version: count.optional() })),
  table: z.string().optional().describe("As it was put."),
} satisfies Fields<shapes.LatencyBody>);

/** What an operation does, and what it answers when it works. */
export interface Operation {
  readonly summary: string;
  readonly answer: z.ZodType;
  /** 200 if left out. */
  readonly status?: 201;
  /** What it answers with `?dryRun=true`. */
  readonly dryRun?: z.ZodType;
}

/** All operations, by method and path below `/v1`. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /sites": { summary: "Sites, by name.", answer: siteList },
  "POST /sites": { summary: "Adds a site.", answer: sitePut, status: 201, dryRun },
  "GET /sites/:site": { summary: "One site.", answer: siteAnswer },
  "PUT /sites/:site": { summary: "Adds a site or replaces it whole.", answer: sitePut, dryRun },
  "DELETE /sites/:site": { summary: "Stops hosting a site.", answer: siteRemoved, dryRun },
  "GET /sites/:site/history": { summary: "Its versions, newest first.", answer: siteHistory },
  "POST /sites/:site/rollback": {
    summary: "Puts a site in force as it was.",
    answer: sitePut,
    dryRun,
  },
  "POST /sites/:site/purge": {
    summary: "What is stored now is served no more, or not as fresh.",
    answer: purge,
  },
  "POST /edges/:edge/drain": { summary: "Routers stop answering with an edge.", answer: drain },
  "POST /edges/:edge/undrain": { summary: "Routers may answer with it again.", answer: drain },
  "POST /demo/edges/:edge/stop": { summary: "Only in the demo: stops an edge.", answer: demoEdge },
  "POST /demo/edges/:edge/start": { summary: "Only in the demo: starts it.", answer: demoEdge },
  "GET /status": { summary: "The whole CDN on one page.", answer: status },
  "GET /live": { summary: "What edges, PoPs, routers and sites do just now.", answer: live },
  "GET /changes": { summary: "The log behind a version, oldest first.", answer: changes },
  "GET /log": { summary: "Who changed what, newest first.", answer: log },
  "GET /objects": { summary: "What an edge is known to store, newest first.", answer: objects },
  "GET /explain/dns": { summary: "How a router answers a client.", answer: explainDns },
  "GET /explain/http": { summary: "What an edge does with a request.", answer: explainHttp },
  "GET /latency": { summary: "Measured round trips that are told.", answer: latencyShown },
  "PUT /latency": { summary: "Tells all routers other ones.", answer: latencyPut },
  "DELETE /latency": { summary: "Tells them none any more.", answer: latencyPut },
  "GET /tokens": { summary: "Who may call this API.", answer: tokenList },
  "POST /tokens": { summary: "Makes a token.", answer: tokenCreated, status: 201 },
  "GET /certificates": { summary: "Certificates, never their keys.", answer: certificateList },
  "GET /certificates/:certificate": { summary: "One certificate.", answer: certificateAnswer },
  "PUT /certificates/:certificate": {
    summary: "Puts a certificate and its key in force on all edges.",
    answer: certificatePut,
    dryRun,
  },
  "DELETE /certificates/:certificate": {
    summary: "Takes a certificate away from all edges.",
    answer: certificateRemoved,
    dryRun,
  },
  "DELETE /tokens/:token": { summary: "Refuses a token from now on.", answer: tokenRevoked },
};
