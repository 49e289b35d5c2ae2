import { z } from "zod";
import type { CompressOptions } from "../common/config/compress.ts";
import type { HeaderEdits } from "../common/config/header-edits.ts";
import type { KeyOptions } from "../common/config/key.ts";
import type {
  CorsPolicy,
  Protect,
  RateLimit,
  RefererPolicy,
  SignedPolicy,
} from "../common/config/protect.ts";
import type { Redirect } from "../common/config/redirect.ts";
import { type Match, OVERRIDES } from "../common/config/rule.ts";
import type { Site } from "../common/config/site.ts";
import { fail, ok, type Result } from "../common/result.ts";
import {
  accountSchema,
  certificateSchema,
  challengeSchema,
  orderSchema,
  RECORD_CHANGE_SCHEMAS,
} from "./certificate-codec.ts";
import type { RecordKind, RecordKinds } from "./certificates.ts";
import type { ChangeBody } from "./change.ts";
import { ROUND_TRIPS_BYTES_MAX } from "./limits.ts";
import type { RecentTraffic, SiteTraffic } from "./recent-traffic.ts";
import {
  type Heartbeat,
  type LoadPlan,
  type MeasuredRoundTrips,
  type ObjectRecord,
  type RolloutReport,
  type RoundTripTable,
  type RouterReport,
  TOKEN_SCOPES,
  type TokenRecord,
} from "./records.ts";

/*
 * What the store holds may have been written by another version of Meridian, edited by hand or
 * damaged. Everything read from it passes through here. Fields that we do not know are dropped, so
 * that a newer writer does not stop an older reader.
 */

/** A schema per field of T: a field that is added to T and forgotten here does not compile. */
type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType<T[K]> };

const count = z.number().int().nonnegative();
const amount = z.number().nonnegative();
const name = z.string().min(1);

const wishes = z.record(z.string(), z.union([z.boolean(), z.array(z.string())])).optional();
const names = z.array(z.string()).optional();

const match = z.object({
  path: z.string().optional(),
  host: names,
  method: names,
  extension: names,
  query: wishes,
  header: wishes,
  cookie: wishes,
} satisfies Fields<Match>);

const keyValues = z.record(z.string(), z.union([z.literal(true), z.array(z.string())])).optional();

const key = z
  .object({
    query: z
      .union([
        z.enum(["all", "none"]),
        z.object({ ignore: names, pick: names, sort: z.boolean().optional() }),
      ])
      .optional(),
    cookies: keyValues,
    headers: keyValues,
    host: z.literal(false).optional(),
  } satisfies Fields<KeyOptions>)
  .optional();

const edits = z
  .object({
    set: z.record(z.string(), z.string()).optional(),
    add: z.record(z.string(), z.string()).optional(),
    remove: names,
  } satisfies Fields<HeaderEdits>)
  .optional();

const redirect = z
  .object({
    to: z.string(),
    status: z.union([
      z.literal(301),
      z.literal(302),
      z.literal(303),
      z.literal(307),
      z.literal(308),
    ]),
    query: z.boolean(),
  } satisfies Fields<Redirect>)
  .optional();

const lifetimes = z.union([count, z.record(z.string(), count)]).optional();
const setCookie = z.enum(["refuse", "strip", "keep"]).optional();

/** A part of a rule's protection that takes away what the site has is `false`. */
function partOf<T extends z.ZodType>(part: T) {
  return z.union([z.literal(false), part]).optional();
}

const texts = z.array(z.string());

const protect = z
  .object({
    allow: partOf(texts),
    deny: partOf(texts),
    rate: partOf(
      z.object({
        requests: count,
        per: count,
        burst: count.optional(),
        ipv4: count,
        ipv6: count,
      } satisfies Fields<RateLimit>),
    ),
    cors: partOf(
      z.object({
        origins: texts,
        methods: texts,
        headers: names,
        expose: names,
        credentials: z.boolean(),
        maxAge: count,
      } satisfies Fields<CorsPolicy>),
    ),
    referers: partOf(
      z.object({ hosts: texts, empty: z.boolean() } satisfies Fields<RefererPolicy>),
    ),
    signed: partOf(z.object({ keys: texts, cookies: z.boolean() } satisfies Fields<SignedPolicy>)),
    maxBody: partOf(count),
  } satisfies Fields<Protect>)
  .optional();

const rule = z.object({
  key,
  clientTtl: lifetimes,
  staleWhileRevalidate: count.optional(),
  staleIfError: count.optional(),
  setCookie,
  override: z.array(z.enum(OVERRIDES)).optional(),
  requestHeaders: edits,
  responseHeaders: edits,
  rewrite: z.string().optional(),
  redirect,
  match: z.union([z.string(), match]),
  ttl: lifetimes,
  cache: z.boolean(),
  compress: z.literal(false).optional(),
  coalesce: z.boolean().optional(),
  protect,
} satisfies Fields<Site["rules"][number]>);

const origin = z.object({
  urls: z.array(z.string()).min(1),
  host: z.string().optional(),
  tls: z
    .object({
      ca: z.string().optional(),
      serverName: z.string().optional(),
      verify: z.boolean().optional(),
      clientCertificate: z.string().optional(),
    } satisfies Fields<NonNullable<Site["origin"]["tls"]>>)
    .optional(),
  connectTimeout: count,
  firstByteTimeout: count,
  idleTimeout: count,
  totalTimeout: count.optional(),
  failoverOn: z.array(count).optional(),
  waiters: count.optional(),
} satisfies Fields<Site["origin"]>);

const tls = z.object({
  redirect: z.boolean(),
  hsts: z
    .object({ maxAge: amount, includeSubDomains: z.boolean(), preload: z.boolean() })
    .optional(),
});

const compress = z.object({
  codings: z.array(z.enum(["zstd", "br", "gzip"])).min(1),
  types: z.array(z.string()),
  min: count,
  max: count,
} satisfies Fields<CompressOptions>);
/** Left out of entries that were written before there were slices. */
const slices = z
  .object({ enabled: z.boolean(), size: count } satisfies Fields<Site["slices"]>)
  .default({ enabled: true, size: 1_048_576 });

const https = z.object({
  enabled: z.boolean(),
  alpn: z.array(z.string()).min(1),
  port: count,
  hints: z.boolean(),
  certificate: z.string().optional(),
  challenge: z.enum(["http-01", "dns-01"]).optional(),
} satisfies Fields<NonNullable<Site["https"]>>);

/** A site as the daemons use it, with durations in ms; not what people write (`siteSchema`). */
const site = z.object({
  name,
  hosts: z.array(z.string()),
  origin,
  key,
  clientDirectives: z.enum(["ignore", "honour"]).optional(),
  coalesce: z.boolean().optional(),
  negativeTtl: z.record(z.string(), count).optional(),
  profile: z.enum(["safe", "rfc"]).optional(),
  setCookie,
  requestHeaders: edits,
  responseHeaders: edits,
  slices,
  protect,
  rules: z.array(rule),
  compress: compress.optional(),
  https: https.optional(),
  tls: tls.optional(),
  answers: count.optional(),
  ecs: z.boolean().optional(),
  allDown: z.union([z.enum(["serve-all", "last-good", "empty"]), z.object({ backup: z.string() })]),
} satisfies Fields<Site>);

/** A token as it is stored. A scope that this version does not know makes it unreadable. */
export const tokenRecordSchema = z.object({
  id: name,
  name,
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  scope: z.enum(TOKEN_SCOPES),
  sites: z.array(z.string()).optional(),
  createdAt: amount,
  expiresAt: amount.optional(),
} satisfies Fields<TokenRecord>);

const purge = { site: name, soft: z.literal(true).optional() };

/** What a log entry asks for, as it is stored. */
export const changeBodySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("site-put"), site }),
  z.object({ kind: z.literal("site-remove"), site: name }),
  z.object({ kind: z.literal("purge-urls"), ...purge, urls: z.array(z.string()) }),
  z.object({ kind: z.literal("purge-prefixes"), ...purge, prefixes: z.array(z.string()) }),
  z.object({ kind: z.literal("purge-tags"), ...purge, tags: z.array(z.string()) }),
  z.object({ kind: z.literal("purge-all"), ...purge }),
  z.object({ kind: z.literal("drain"), edge: name }),
  z.object({ kind: z.literal("undrain"), edge: name }),
  z.object({ kind: z.literal("token-put"), token: tokenRecordSchema }),
  z.object({ kind: z.literal("token-remove"), token: name }),
  ...RECORD_CHANGE_SCHEMAS,
]);

const answered = { requests: count, hits: count, bytes: count, hitBytes: count };

const recentTraffic = z.object({
  seconds: z.number().positive(),
  ...answered,
  errors: count,
  firstByte: z.array(z.tuple([amount, count])),
  sites: z.array(z.object({ site: name, ...answered } satisfies Fields<SiteTraffic>)),
} satisfies Fields<RecentTraffic>);

/** What an edge says about itself, as it is stored. */
export const heartbeatSchema = z.object({
  edge: name,
  pop: name,
  at: amount,
  run: z.string(),
  version: count,
  connections: count,
  bitsPerSecond: amount,
  requestsPerSecond: amount,
  cpu: amount.optional(),
  storeBytes: count,
  storeBytesMax: count,
  objects: count,
  connectionsMax: count.optional(),
  diskBytes: count.optional(),
  diskBytesMax: count.optional(),
  recent: recentTraffic.optional(),
} satisfies Fields<Heartbeat>);

const fraction = z.number().min(0).max(1);

const popLoad = z.object({
  pop: name,
  load: amount,
  demand: amount,
  sheds: z.array(z.object({ pop: name, fraction })),
  edges: z.array(z.object({ edge: name, load: amount, keeps: fraction })),
} satisfies Fields<LoadPlan["pops"][number]>);

const loadPlan = z.object({
  step: count,
  change: count,
  by: z.string(),
  at: amount,
  pops: z.array(popLoad),
} satisfies Fields<LoadPlan>);

const edgeReport = z.object({
  edge: name,
  health: z.enum(["up", "down", "draining", "unknown"]),
  sees: z.enum(["up", "down", "unknown"]).optional(),
  since: amount,
  detail: z.string(),
} satisfies Fields<RouterReport["edges"][number]>);

const roundTripTable = z.object({
  version: count,
  at: amount,
  by: z.string(),
  prefixes: count,
  ways: count,
  text: z.string().max(ROUND_TRIPS_BYTES_MAX),
} satisfies Fields<RoundTripTable>);

const measuredRoundTrips = z.object({
  edge: name,
  pop: name,
  at: amount,
  prefixes: z.array(
    z.object({ prefix: name, ms: amount, samples: count } satisfies Fields<
      MeasuredRoundTrips["prefixes"][number]
    >),
  ),
} satisfies Fields<MeasuredRoundTrips>);

/** How far answers are behind, as it is stored. */
export const rolloutReportSchema = z.object({
  version: count,
  waiting: count,
  waitedMs: count,
  edges: z.array(z.string()),
} satisfies Fields<RolloutReport>);

const report = z.object({
  router: name,
  at: amount,
  version: count,
  rollout: rolloutReportSchema.optional(),
  queriesPerSecond: amount,
  mapProblems: z.array(z.string()).optional(),
  roundTrips: count.optional(),
  edges: z.array(edgeReport),
} satisfies Fields<RouterReport>);

/** What is known of an object, as it is stored. */
export const objectRecordSchema = z.object({
  key: z.string(),
  site: z.string(),
  url: z.string(),
  status: count,
  bytes: count,
  storedAt: amount,
  freshUntil: amount,
  etag: z.string().optional(),
} satisfies Fields<ObjectRecord>);

/** Reads a stored site (P). */
export const decodeSite = decoder<Site>(site);
/** Reads a stored token (P). */
export const decodeToken = decoder<TokenRecord>(tokenRecordSchema);
/** Reads a stored secret (P), which is no JSON. The reason does not show it. */
export function decodeSecret(text: string): Result<string, string> {
  return /^[0-9a-f]{32}$/.test(text) ? ok(text) : fail("not 32 hexadecimal digits");
}
/** Reads what a log entry asks for (P). */
export const decodeChangeBody = decoder<ChangeBody>(changeBodySchema);
/** Reads a heartbeat (P). */
export const decodeHeartbeat = decoder<Heartbeat>(heartbeatSchema);
/** Reads a router's report (P). */
export const decodeReport = decoder<RouterReport>(report);
/** Reads what an edge has measured (P). */
export const decodeMeasured = decoder<MeasuredRoundTrips>(measuredRoundTrips);
/** Reads told round trips (P). */
export const decodeRoundTrips = decoder<RoundTripTable>(roundTripTable);
/** Reads a load plan (P). */
export const decodeLoadPlan = decoder<LoadPlan>(loadPlan);
/** Reads what is known of an object (P). */
export const decodeObject = decoder<ObjectRecord>(objectRecordSchema);

/** Reads an entry of a table of named records (P). */
export const RECORD_DECODERS: { readonly [K in RecordKind]: Decoder<RecordKinds[K]> } = {
  certificate: decoder<RecordKinds["certificate"]>(certificateSchema),
  challenge: decoder<RecordKinds["challenge"]>(challengeSchema),
  order: decoder<RecordKinds["order"]>(orderSchema),
  account: decoder<RecordKinds["account"]>(accountSchema),
};

/** Turns stored text into a value, or says in one line why it is not one. */
export type Decoder<T> = (text: string) => Result<T, string>;

function decoder<T>(schema: z.ZodType): Decoder<T> {
  return (text) => {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return fail("not JSON");
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return ok(parsed.data as T);
    const issue = parsed.error.issues[0];
    return fail(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}`);
  };
}
