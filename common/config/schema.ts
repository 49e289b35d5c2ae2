import { z } from "zod";
import {
  bitRate,
  duration,
  hostName,
  ipAddress,
  ipPrefix,
  label,
  size,
  socketAddress,
} from "./fields.ts";
import { siteSchema } from "./site.ts";

const edgeSchema = z.strictObject({
  name: label,
  /** What DNS answers for A or AAAA, and what routers probe. */
  address: ipAddress,
  /** A second address of the other family. */
  address2: ipAddress.optional(),
  port: z.int().min(1).max(65_535).default(8080),
  /** Where the process binds; left out: `address` and `port`. */
  listen: socketAddress.optional(),
  /** Where health and metrics are; left out: `address`, port 9101. */
  admin: socketAddress.optional(),
  capacity: bitRate.default(1e9),
  memory: size.default(256 * 2 ** 20),
});

const popSchema = z.strictObject({
  name: label,
  /** Latitude and longitude in degrees. */
  location: z.tuple([z.number().min(-90).max(90), z.number().min(-180).max(180)]),
  /** Networks that this PoP sits inside of: they are sent here first. */
  deep: z
    .strictObject({
      asn: z
        .array(
          z
            .int()
            .min(1)
            .max(2 ** 32 - 1),
        )
        .default([]),
      networks: z.array(ipPrefix).default([]),
    })
    .optional(),
  edges: z.array(edgeSchema).min(1, "a PoP needs at least one edge"),
});

const healthSchema = z.strictObject({
  /** From the start of one probe of an edge to the start of the next. */
  interval: duration.default(500),
  timeout: duration.default(1_000),
  /** Probes in a row that must work before a down edge is up. */
  rise: z.int().min(1).max(100).default(2),
  /** Probes in a row that must fail before an up edge is down. */
  fall: z.int().min(1).max(100).default(3),
});

/** The whole configuration. Every daemon reads the same file and takes its part. */
export const configSchema = z.strictObject({
  cdn: z.strictObject({
    domain: hostName,
    /** TTL of steered answers. */
    ttl: duration.default(20_000),
    nameservers: z.array(z.strictObject({ name: hostName, address: ipAddress })).min(1),
    /** Mailbox of the SOA record, as a domain name; left out: `hostmaster.<domain>`. */
    hostmaster: hostName.optional(),
    /** At most so many addresses in one steered answer. */
    answers: z.int().min(1).max(16).default(4),
  }),
  /** Left out: embedded state, all in one process. */
  redis: z
    .string()
    .regex(/^rediss?:\/\//, "must be a redis:// or rediss:// URL")
    .optional(),
  /** Where embedded state is kept; left out: in memory (`demo`) or `meridian.db` beside this file. */
  stateFile: z.string().optional(),
  geoip: z.strictObject({ city: z.string().optional(), asn: z.string().optional() }).default({}),
  /** File of `CIDR or AS number -> PoP`, which beats geography. */
  coverage: z.string().optional(),
  router: z
    .strictObject({
      listen: z
        .array(socketAddress)
        .min(1)
        .default([{ host: "127.0.0.1", port: 5300 }]),
      admin: socketAddress.default({ host: "127.0.0.1", port: 9153 }),
    })
    .prefault({}),
  control: z
    .strictObject({
      listen: socketAddress.default({ host: "127.0.0.1", port: 9090 }),
      admin: socketAddress.default({ host: "127.0.0.1", port: 9091 }),
      /**
       * True: lets `listen` be an address that other machines reach. The API asks nobody for a
       * password, so whoever reaches it owns the CDN: only for networks that you trust whole.
       */
      insecure: z.boolean().default(false),
    })
    .prefault({}),
  health: healthSchema.prefault({}),
  pops: z.array(popSchema).min(1),
  sites: z.array(siteSchema).default([]),
  zones: z.array(z.strictObject({ file: z.string() })).default([]),
});

/** The configuration with defaults filled in: durations in ms, sizes in bytes, rates in bit/s. */
export type Config = z.infer<typeof configSchema>;

/** A place with coordinates and one or more edges. */
export type PopConfig = Config["pops"][number];

/** One cache server. */
export type EdgeConfig = PopConfig["edges"][number];

/** How edges are probed. */
export type HealthConfig = Config["health"];
