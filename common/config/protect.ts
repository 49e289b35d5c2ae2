import { z } from "zod";
import { parsePrefix } from "../ip.ts";
import { duration, size } from "./fields.ts";

/** Entries of one list. */
const ENTRIES_MAX = 1_024;

/** Requests that a limit may allow at once or in one period. */
const REQUESTS_MAX = 1_000_000;

/** `false` takes away what the site has. */
function partOf<T extends z.ZodType>(part: T) {
  return z.union([z.literal(false), part]).optional();
}

/** A list of at least one of these. */
function listOf<T extends z.ZodType>(entry: T) {
  return z.array(entry).min(1, "is an empty list").max(ENTRIES_MAX);
}

const network = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const prefix = parsePrefix(text);
    if (!prefix.ok) context.addIssue({ code: "custom", message: prefix.error });
  });

const period = duration.refine(
  (ms) => ms >= 1_000 && ms <= 86_400_000,
  "must lie between 1s and 1d",
);

const rateSchema = z.strictObject({
  requests: z.int().min(1).max(REQUESTS_MAX).describe("Requests of one client in each period."),
  per: period.default(1_000).describe("The period."),
  burst: z
    .int()
    .min(1)
    .max(REQUESTS_MAX)
    .optional()
    .describe("Requests that may come at once after a pause; left out: as `requests`."),
  ipv4: z
    .int()
    .min(8)
    .max(32)
    .default(32)
    .describe("IPv4 addresses with so many bits alike count as one client."),
  ipv6: z.int().min(16).max(128).default(64).describe("The same for IPv6."),
});

const refererSchema = z.strictObject({
  hosts: z
    .array(
      z
        .string()
        .max(253)
        .regex(
          /^[a-z0-9*-]+(\.[a-z0-9*-]+)*$/,
          "must be a host name, in lower case; `*` stands for any run of characters",
        ),
    )
    .max(ENTRIES_MAX)
    .default([])
    .describe("Hosts of pages that may show what the site has, besides the site's own."),
  empty: z
    .boolean()
    .default(true)
    .describe("False: requests that do not say which page they come from are refused."),
});

const signedSchema = z.strictObject({
  keys: listOf(
    z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be a key's id: letters, digits, _ and -"),
  ).describe("Ids of the keys that may sign, out of the file `edge.signingKeys`."),
  cookies: z.boolean().default(true).describe("False: only URLs may be signed, not cookies."),
});

const corsSchema = z
  .strictObject({
    origins: listOf(
      z
        .string()
        .max(253)
        .regex(
          /^(\*|https?:\/\/[a-z0-9*-]+(\.[a-z0-9*-]+)*(:\d{1,5})?)$/,
          "must be an origin like https://www.example.com, in lower case, or *",
        ),
    ).describe(
      "Origins of pages whose scripts may read; `*` stands for labels of a host, or for all origins.",
    ),
    methods: listOf(z.string().regex(/^[A-Z-]{1,32}$/, "must be a method in capital letters"))
      .default(["GET", "HEAD"])
      .describe("What preflights are told to be allowed."),
    headers: listOf(z.string().regex(/^(\*|[!#$%&'+.^_`|~0-9A-Za-z-]+)$/, "is not a field name"))
      .optional()
      .describe("Request fields that scripts may set; `*`: any."),
    expose: listOf(z.string().regex(/^(\*|[!#$%&'+.^_`|~0-9A-Za-z-]+)$/, "is not a field name"))
      .optional()
      .describe("Response fields that scripts may read."),
    credentials: z.boolean().default(false).describe("True: cookies may be sent along."),
    maxAge: duration
      .refine((ms) => ms <= 86_400_000, "must be at most 1d")
      .default(3_600_000)
      .describe("For how long browsers keep the answer to a preflight."),
  })
  .superRefine(({ origins, credentials }, context) => {
    if (!credentials || !origins.includes("*")) return;
    const message = "cannot be `*` together with `credentials`: any page could read as its visitor";
    context.addIssue({ code: "custom", path: ["origins"], message });
  });

/** Who may ask for what, how often, and from which pages. */
export const protectSchema = z.strictObject({
  allow: partOf(listOf(network)).describe("Networks whose clients are served; left out: all."),
  deny: partOf(listOf(network)).describe(
    "Networks whose clients are refused, also inside `allow`.",
  ),
  rate: partOf(rateSchema).describe("How often one client may ask, at each edge."),
  cors: partOf(corsSchema).describe(
    "Scripts of which pages may read answers (CORS). The edge answers preflights, and writes these " +
      "fields instead of the origin.",
  ),
  referers: partOf(refererSchema).describe("Pages that may show what the site has (hot links)."),
  signed: partOf(signedSchema).describe(
    "Only with a signature, in the URL or in a cookie: see protection.md.",
  ),
  maxBody: partOf(size).describe(
    "The largest body of a request. Bodies that do not state their length are refused then.",
  ),
});

/** What of a site or rule is protected, and how; durations in ms, sizes in bytes. */
export type Protect = z.infer<typeof protectSchema>;

/** The same as people and the API write it. */
export type ProtectInput = z.input<typeof protectSchema>;

/** A rate limit. */
export type RateLimit = z.infer<typeof rateSchema>;

/** Pages that may show what a site has. */
export type RefererPolicy = z.infer<typeof refererSchema>;

/** Whose signature is asked for. */
export type SignedPolicy = z.infer<typeof signedSchema>;

/** What scripts of other pages may do. */
export type CorsPolicy = z.infer<typeof corsSchema>;
