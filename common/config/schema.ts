import { z } from "zod";
import { parseRedisUrl } from "../redis-url.ts";
import { logSchema } from "./access-log.ts";
import { acmeSchema } from "./acme.ts";
import { catalogSchema } from "./catalogs.ts";
import { dnssecSchema } from "./dnssec.ts";
import { edgeTlsSchema } from "./edge-tls.ts";
import {
  bitRate,
  diskSize,
  duration,
  hostName,
  ipAddress,
  ipPrefix,
  label,
  size,
  socketAddress,
} from "./fields.ts";
import { healthSchema } from "./health.ts";
import { httpsSchema } from "./https.ts";
import { originCertificatesSchema } from "./origin-tls.ts";
import { routerSchema } from "./router.ts";
import { siteSchema } from "./site.ts";
import { transferSchema, tsigKeySchema, zoneSchema } from "./zones.ts";

const edgeSchema = z.strictObject({
  name: label.describe("What it is called everywhere."),
  address: ipAddress.describe("What DNS answers for A or AAAA, and what routers probe."),
  address2: ipAddress.optional().describe("A second address, of the other family."),
  port: z.int().min(1).max(65_535).default(8080).describe("Where it serves HTTP."),
  listen: socketAddress
    .optional()
    .describe("Where the process binds; left out: `address` and `port`."),
  tlsListen: socketAddress
    .optional()
    .describe("Where it binds for TLS; left out: the host of `listen`, port `edge.tls.port`."),
  admin: socketAddress
    .optional()
    .describe("Where health and metrics are; left out: `address`, port 9101."),
  capacity: bitRate.default(1e9).describe("What its network carries."),
  weight: z
    .number()
    .min(0.01)
    .max(100)
    .optional()
    .describe("Its part of the sites of its PoP, beside those of the other edges; left out: 1."),
  memory: size
    .default(256 * 2 ** 20)
    .describe(
      "Memory budget: of the whole process if the edge has one of its own, otherwise of what it stores.",
    ),
  disk: z
    .strictObject({
      path: z.string().min(1).describe("Folder for it; one that is not there is made."),
      size: diskSize.default(10 * 2 ** 30).describe("Bytes of all files in it."),
    })
    .optional()
    .describe("Where stored objects outlive the process; left out: memory only."),
});

const asNumber = z
  .int()
  .min(1)
  .max(2 ** 32 - 1);

const popSchema = z.strictObject({
  name: label.describe("What it is called everywhere."),
  location: z
    .tuple([z.number().min(-90).max(90), z.number().min(-180).max(180)])
    .describe("Latitude and longitude in degrees."),
  deep: z
    .strictObject({
      asn: z.array(asNumber).default([]).describe("Numbers of autonomous systems."),
      networks: z.array(ipPrefix).default([]).describe("Address prefixes."),
    })
    .optional()
    .describe("Networks that this PoP sits inside of: they are sent here first."),
  edges: z.array(edgeSchema).min(1, "a PoP needs at least one edge").describe("Its cache servers."),
});

/** How load is spread, by itself. */
export const loadSchema = z.strictObject({
  mode: z
    .enum(["on", "off"])
    .default("on")
    .describe("`off`: clients always get the best PoP, however full it is."),
  target: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.8)
    .describe(
      "Load above which a PoP gives clients to others: the part of its capacity, processor or " +
        "connections that is in use.",
    ),
  settle: duration
    .refine((ms) => ms >= 1_000, "must be at least 1s")
    .default(30_000)
    .describe(
      "No client sees two changes because of load within so long: from one change of what PoPs " +
        "give away to the next it is this and `cdn.ttl`.",
    ),
  staleAfter: duration
    .refine((ms) => ms >= 10_000, "must be at least 10s")
    .default(60_000)
    .describe("Without news of loads for so long, clients get the best PoP, however full."),
});

const cdnSchema = z.strictObject({
  domain: hostName.describe("The zone that routers answer: sites are reached at names in it."),
  ttl: duration.default(20_000).describe("TTL of steered answers."),
  nameservers: z
    .array(
      z.strictObject({
        name: hostName.describe("As it stands in NS records."),
        address: ipAddress.describe("As it stands in glue."),
      }),
    )
    .min(1)
    .describe("The routers, as the parent zone delegates to them."),
  hostmaster: hostName
    .optional()
    .describe("Mailbox of the SOA record, as a domain name; left out: `hostmaster.<domain>`."),
  answers: z
    .int()
    .min(1)
    .max(16)
    .default(4)
    .describe("At most so many addresses in one steered answer."),
  reverse: z
    .array(ipPrefix)
    .max(64)
    .default([])
    .describe(
      "Address prefixes whose names routers have: zones with a PTR record for each edge, as the parent " +
        "delegates them: see dns-names.md.",
    ),
  https: httpsSchema
    .optional()
    .describe(
      "HTTPS records for the names of sites, which make browsers use TLS; left out: none. Only where " +
        "edges have certificates: see dns-names.md.",
    ),
  transfer: transferSchema
    .optional()
    .describe("Who may have the CDN's own zone, with fixed addresses where it steers."),
});

const geoipSchema = z.strictObject({
  city: z
    .string()
    .optional()
    .describe("MaxMind or DB-IP file of places; left out: the bundled one."),
  asn: z.string().optional().describe("MaxMind file of autonomous systems, for `deep.asn`."),
});

const latencySchema = z.strictObject({
  file: z
    .string()
    .optional()
    .describe(
      "Lines of `prefix,pop,milliseconds`, or JSON. Read again when it changes. Left out: only what " +
        "`meridian latency put` has told.",
    ),
  margin: duration
    .refine((ms) => ms <= 1_000, "must be at most 1s")
    .default(10)
    .describe("Another PoP becomes first for a prefix if it is faster by so much."),
  fromEdges: z
    .boolean()
    .default(false)
    .describe(
      "True: edges measure their clients (Linux, with `ss` of iproute2), and routers steer by it " +
        "where several PoPs have measured a prefix. See steering.md for what that is worth.",
    ),
});

const edgesSchema = z.strictObject({
  profile: z
    .enum(["safe", "rfc"])
    .default("safe")
    .describe(
      "What may be stored: all that the RFCs allow, or less what has burnt operators, such as " +
        "responses with Set-Cookie.",
    ),
  purgeFrom: z
    .array(ipPrefix)
    .optional()
    .describe("Who may send the method PURGE; left out: loopback. An empty list: nobody."),
  originCertificates: originCertificatesSchema
    .default({})
    .describe(
      "Certificates that edges show to origins, by the name that `origin.tls.clientCertificate` " +
        "says. Read again on SIGHUP.",
    ),
  signingKeys: z
    .string()
    .min(1)
    .optional()
    .describe(
      "File with the keys of signed URLs and cookies, a line for each: an id, a space, a secret. Read " +
        "again on SIGHUP. Left out: what needs a signature is refused.",
    ),
  tls: edgeTlsSchema
    .optional()
    .describe("How edges serve over TLS; left out: they do not. See tls.md."),
});

const controlSchema = z.strictObject({
  listen: socketAddress
    .default({ host: "127.0.0.1", port: 9090 })
    .describe("Where the API and the console page are."),
  admin: socketAddress
    .default({ host: "127.0.0.1", port: 9091 })
    .describe("Where health and metrics are."),
  insecure: z
    .boolean()
    .default(false)
    .describe(
      "True: the API asks nobody for a token, so whoever reaches it owns the CDN: only for networks " +
        "that you trust whole.",
    ),
  tokenFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      "File with the operator's token, made at the first start; left out: `meridian.token` beside " +
        "this file. Further tokens are made with `meridian token create`.",
    ),
});

const tlsSchema = z.strictObject({
  keyFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      "File with the key that private keys in the shared state are sealed with, made at the first " +
        "start of the control server; edges need the same one, or `MERIDIAN_TLS_KEY`. Left out: " +
        "`meridian-tls.key` beside this file.",
    ),
});

/** The whole configuration. Every daemon reads the same file and takes its part. */
export const configSchema = z.strictObject({
  cdn: cdnSchema.describe("The CDN as DNS sees it."),
  redis: z
    .string()
    .regex(
      /^rediss?(\+sentinel|\+cluster)?:\/\//,
      "must be a redis://, rediss://, redis+sentinel:// or redis+cluster:// URL",
    )
    .superRefine((url, context) => {
      const target = parseRedisUrl(url);
      if (!target.ok) context.addIssue({ code: "custom", message: target.error });
    })
    .optional()
    .describe(
      "Where shared state is: `redis://host`, `redis+sentinel://host,host/name`, " +
        "`redis+cluster://host,host`; left out: embedded state, all in one process.",
    ),
  stateFile: z
    .string()
    .optional()
    .describe(
      "Where embedded state is kept; left out: in memory (`demo`) or `meridian.db` beside this file.",
    ),
  geoip: geoipSchema.default({}).describe("Databases that say where clients are."),
  coverage: z
    .string()
    .optional()
    .describe("File of `CIDR or AS number -> PoP`, which beats geography."),
  latency: latencySchema
    .prefault({})
    .describe(
      "Measured round trips, which beat geography; where there are none, distance decides.",
    ),
  router: routerSchema.prefault({}).describe("The DNS side."),
  edge: edgesSchema.prefault({}).describe("What all edges have in common."),
  control: controlSchema.prefault({}).describe("The side of operators."),
  acme: acmeSchema
    .optional()
    .describe("Where certificates are got from by themselves; left out: nowhere."),
  tls: tlsSchema.prefault({}).describe("Certificates, as the whole CDN has them."),
  health: healthSchema.prefault({}).describe("How routers see that an edge is up."),
  load: loadSchema.prefault({}).describe("How clients of full PoPs are spread over others."),
  metrics: z
    .strictObject({
      sites: z
        .int()
        .min(1)
        .max(10_000)
        .default(100)
        .describe(
          "Sites with metrics of their own: those with the most requests. All others are counted " +
            "together, as site `other`.",
        ),
    })
    .prefault({})
    .describe("What `/metrics` of edges and routers has."),
  log: logSchema.default({}).describe("What is written of each request and query."),
  pops: z.array(popSchema).min(1).describe("Places with edges."),
  sites: z
    .array(siteSchema)
    .default([])
    .describe("What is delivered from the start; the API and the CLI add more."),
  zones: z
    .array(zoneSchema)
    .default([])
    .describe("Further zones that routers answer with authority."),
  catalogs: z
    .array(catalogSchema)
    .default([])
    .describe("Lists of zones that servers tell one another (RFC 9432)."),
  tsig: z
    .array(tsigKeySchema)
    .default([])
    .describe("Keys that sign zone transfers and notices (RFC 8945)."),
  dnssec: dnssecSchema.optional().describe("Which zones are signed, and how; left out: none."),
});

/** The configuration with defaults filled in: durations in ms, sizes in bytes, rates in bit/s. */
export type Config = z.infer<typeof configSchema>;

/** A place with coordinates and one or more edges. */
export type PopConfig = Config["pops"][number];

/** One cache server. */
export type EdgeConfig = PopConfig["edges"][number];

/** How often edges are probed, and how many results in a row count. */
export type HealthConfig = Omit<Config["health"], "check">;

/** How load is spread. */
export type LoadConfig = Config["load"];
