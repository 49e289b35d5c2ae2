import { z } from "zod";
import { duration, ipPrefix, size, socketAddress } from "./fields.ts";

/** Text that a DNS server says about itself: ASCII, as one character string can hold it. */
const shortText = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[\x20-\x7e]*$/, "must be printable ASCII");

const rateLimitSchema = z.strictObject({
  mode: z
    .enum(["on", "dry-run", "off"])
    .default("on")
    .describe("`dry-run` counts what `on` would do, and does nothing."),
  answersPerSecond: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(200)
    .describe("Answers of one kind about one name to one network of clients."),
  extraBytesPerSecond: size
    .refine((bytes) => bytes >= 4_096, "must be at least 4KiB")
    .default(16 * 2 ** 10)
    .describe(
      "Octets to one network beyond those that came from it; those of long answers count more.",
    ),
  burst: duration
    .refine((ms) => ms >= 100 && ms <= 60_000, "must be from 100ms to 60s")
    .default(1_000)
    .describe("What was not used for so long may be used at once."),
  slip: z
    .int()
    .min(0)
    .max(16)
    .default(2)
    .describe("Every so many refused answers a short one is sent (TC or BADCOOKIE); 0: never."),
  leak: z
    .int()
    .min(0)
    .max(240)
    .default(0)
    .describe("Every so many refused answers one is sent whole; 0: never."),
  exempt: z
    .array(ipPrefix)
    .optional()
    .describe("Networks that are not limited; left out: loopback. An empty list: none."),
  buckets: z
    .int()
    .min(1_024)
    .max(2 ** 24)
    .refine((count) => (count & (count - 1)) === 0, "must be a power of two")
    .default(2 ** 17)
    .describe("How many are kept at one time; one takes 16 octets."),
});

const cookiesSchema = z.strictObject({
  mode: z
    .enum(["on", "require", "off"])
    .default("on")
    .describe(
      "`require`: over UDP, clients without a valid cookie get BADCOOKIE, and TC if they have none.",
    ),
  secretFile: z
    .string()
    .optional()
    .describe(
      "Secrets that other servers have too: 32 hexadecimal digits a line. New cookies are made " +
        "with the first, and all are accepted. Left out: secrets that change daily, of one that all " +
        "routers have from Redis.",
    ),
});

const chaosSchema = z.strictObject({
  version: shortText.optional().describe("Answer to `version.bind`; left out: REFUSED."),
  id: shortText.optional().describe("Answer to `id.server`; left out: REFUSED."),
});

const tlsSchema = z.strictObject({
  certificate: z
    .string()
    .describe("File (PEM) of the certificate and those behind it. Read again when it changes."),
  key: z.string().describe("File (PEM) of its private key."),
  listen: z
    .array(socketAddress)
    .default([])
    .describe("Where it answers DNS over TLS (RFC 7858); its port is 853."),
});

const dohSchema = z.strictObject({
  listen: z
    .array(socketAddress)
    .min(1)
    .describe("Where it answers DNS over HTTPS (RFC 8484), HTTP/2 and HTTP/1.1."),
  path: z
    .string()
    .regex(/^\/[\w./~-]*$/, "must be a path such as /dns-query")
    .default("/dns-query")
    .describe("Path of its URL."),
});

const proxySchema = z.strictObject({
  from: z
    .array(ipPrefix)
    .min(1)
    .describe(
      "Front ends: each connection and each UDP packet from these networks begins with a PROXY " +
        "protocol header of version 2, and is dropped if it does not.",
    ),
});

const httpSchema = z.strictObject({
  listen: z
    .array(socketAddress)
    .min(1)
    .describe("Where it answers HTTP requests with a redirect to the edge that has their URL."),
  trust: z
    .array(ipPrefix)
    .max(256)
    .default([])
    .describe("Networks of proxies that say who their client is; others are the client."),
  clientField: z
    .enum(["X-Forwarded-For", "Forwarded"])
    .default("X-Forwarded-For")
    .describe(
      "In which field they say it. Only this one is read: what a proxy does not write, it passes on " +
        "from clients.",
    ),
});

/** The 302 router. */
export type RedirectConfig = z.infer<typeof httpSchema>;

/** The DNS side: where it answers, and how it defends itself. */
export const routerSchema = z.strictObject({
  listen: z
    .array(socketAddress)
    .min(1)
    .default([{ host: "127.0.0.1", port: 5300 }])
    .describe("Where it answers DNS, UDP and TCP."),
  admin: socketAddress
    .default({ host: "127.0.0.1", port: 9153 })
    .describe("Where health and metrics are."),
  tls: tlsSchema.optional().describe("Certificate, and DNS over TLS."),
  doh: dohSchema.optional().describe("DNS over HTTPS, with the certificate of `tls`."),
  http: httpSchema
    .optional()
    .describe("Redirects by HTTP, for sites that are routed by URL: see steering.md."),
  proxy: proxySchema.optional().describe("Load balancers that say for whom they speak."),
  keep: z
    .string()
    .optional()
    .describe(
      "File in which the last state of Redis is kept (sites, drained edges, cookie secret), so that " +
        "a router that is started while Redis is dead answers as before. Left out: it begins with `sites`.",
    ),
  maxUdpBytes: z
    .int()
    .min(512)
    .max(4_096)
    .default(1_232)
    .describe("Most octets of an answer over UDP; longer ones are asked for over TCP."),
  rateLimit: rateLimitSchema
    .prefault({})
    .describe("How many answers over UDP an address gets that may be forged."),
  cookies: cookiesSchema
    .prefault({})
    .describe("DNS cookies (RFC 7873, RFC 9018): who has a valid one is not limited."),
  udp: z
    .enum(["auto", "native", "dgram"])
    .default("auto")
    .describe(
      "What moves UDP packets: `native` in batches, by the layer in C that `npm ci` compiles; " +
        "`dgram` one by one; `auto` the first where it is there.",
    ),
  workers: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe(
      "Threads that answer over UDP, each with a socket of its own on every address of `listen`. " +
        "Left out: one for each core of a process that is a router only, else one.",
    ),
  nsid: shortText
    .max(64)
    .optional()
    .describe("Name of this server, for clients that ask for it (RFC 5001)."),
  chaos: chaosSchema.default({}).describe("What this server says of itself in class CH."),
});

/** The DNS side of a configuration, defaults filled in. */
export type RouterConfig = z.infer<typeof routerSchema>;
