import { z } from "zod";
import { compressSchema } from "./compress.ts";
import { duration, hostName, label, originUrl, size } from "./fields.ts";
import { requestEditsSchema, responseEditsSchema } from "./header-edits.ts";
import { siteHttpsSchema } from "./https.ts";
import { keySchema } from "./key.ts";
import { originTlsSchema } from "./origin-tls.ts";
import { protectSchema } from "./protect.ts";
import { RULES_MAX, ruleSchema, setCookie } from "./rule.ts";
import { ruleProblems } from "./rule-check.ts";
import { siteTlsSchema } from "./site-tls.ts";

const originSchema = z.strictObject({
  urls: z
    .array(originUrl)
    .min(1, "needs at least one origin URL")
    .describe("Where the truth is, in the order in which they are tried."),
  host: z
    .string()
    .optional()
    .describe("What the origin sees in Host; left out: the host that the client asked for."),
  tls: originTlsSchema
    .optional()
    .describe("How TLS is spoken with those of `urls` that begin with `https:`."),
  connectTimeout: duration.default(2_000).describe("Until a connection stands."),
  firstByteTimeout: duration.default(10_000).describe("From the request to the response head."),
  idleTimeout: duration.default(30_000).describe("The longest pause between two pieces of a body."),
  totalTimeout: duration
    .optional()
    .describe(
      "From the request to the last byte of the answer; left out: no limit, for a large body takes " +
        "as long as it takes.",
    ),
  failoverOn: z
    .array(z.number().int().min(500).max(599))
    .max(100)
    .optional()
    .describe(
      "Statuses on which the next of `urls` is asked, if the request is safe and has no body; left " +
        "out: none.",
    ),
  waiters: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe(
      "Clients that may wait for one answer that another has asked for; the next is answered 503. " +
        "Left out: 10000.",
    ),
});

/** `404`, or `5xx` for all of its class. */
const failureStatus = z
  .string()
  .regex(/^(4|5)(\d\d|xx)$/, "must be a status of 400 to 599, or 4xx or 5xx");
/** Slices of fewer bytes would cost more in requests and records than they save. */
const SLICE_BYTES_MIN = 65_536;
/** Larger ones would make a seek wait for what nobody asked for. */
const SLICE_BYTES_MAX = 67_108_864;

const sliceSize = size.refine(
  (bytes) => bytes >= SLICE_BYTES_MIN && bytes <= SLICE_BYTES_MAX,
  "must lie between 64KiB and 64MiB",
);

const slicesSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe(
      "False: large objects are stored whole, and not at all beyond a quarter of the memory.",
    ),
  size: sliceSize
    .default(1_048_576)
    .describe("Objects larger than this are fetched and stored in slices of this size."),
});

const siteFields = z.strictObject({
  name: label.describe("It is reached at `<name>.<cdn domain>`."),
  hosts: z
    .array(hostName)
    .default([])
    .describe("Host names that clients use, besides `<name>.<cdn domain>`."),
  origin: originSchema.describe("Where edges fetch from."),
  key: keySchema
    .optional()
    .describe("What tells stored responses apart, besides the path: as `rules[].key`, for all."),
  clientDirectives: z
    .enum(["ignore", "honour"])
    .optional()
    .describe(
      "What `Cache-Control` and `Pragma` of a request do: nothing but `only-if-cached` (`ignore`), " +
        "or all that RFC 9111 section 5.2.1 says, which lets any client reach the origin. Left out: " +
        "`ignore`.",
    ),
  coalesce: z
    .boolean()
    .optional()
    .describe("False: clients never wait for what another has asked for. Left out: true."),
  negativeTtl: z
    .record(failureStatus, duration)
    .optional()
    .describe(
      "Lifetimes of failures that state none, by status or class: `{ 404: 10s, 5xx: 1s }`. Left out: " +
        "they are not kept.",
    ),
  profile: z
    .enum(["safe", "rfc"])
    .optional()
    .describe("What may be stored; left out: as `edge.profile`."),
  setCookie: setCookie
    .optional()
    .describe(
      "What is done with Set-Cookie of what could be stored otherwise: `refuse` stores nothing, " +
        "`strip` takes it away from everybody, `keep` gives it to everybody. Left out: profile " +
        "`safe` refuses, `rfc` keeps.",
    ),
  requestHeaders: requestEditsSchema
    .optional()
    .describe("Changes to the fields that go to the origin."),
  responseHeaders: responseEditsSchema
    .optional()
    .describe("Changes to the fields that go to clients, also to those of answers of the edge."),
  protect: protectSchema
    .optional()
    .describe("Who may ask for what, how often, and from which pages: see protection.md."),
  slices: slicesSchema
    .prefault({})
    .describe("How large objects are fetched and stored: see large-objects.md."),
  rules: z
    .array(ruleSchema)
    .max(RULES_MAX)
    .default([])
    .describe("What is done with which requests: the first whose `match` fits is applied."),
  compress: compressSchema
    .optional()
    .describe(
      "Edges encode stored responses that the origin has not encoded; left out: they do not. `{}`: " +
        "with the defaults below.",
    ),
  https: siteHttpsSchema
    .optional()
    .describe(
      "HTTPS records for the name of this site, and its certificate; left out: records as `cdn.https`.",
    ),
  tls: siteTlsSchema
    .optional()
    .describe("TLS between clients and edges; left out: with and without it, as clients like."),
  answers: z
    .int()
    .min(1)
    .max(16)
    .optional()
    .describe("At most so many addresses in one steered answer; left out: as `cdn.answers`."),
  ecs: z
    .boolean()
    .optional()
    .describe(
      "False: DNS answers go by the resolver's address, whatever client subnet (RFC 7871) it tells " +
        "of, and it may give them to all of its clients (scope 0). Left out: true.",
    ),
  allDown: z
    .union([
      z.enum(["serve-all", "last-good", "empty"]),
      z.strictObject({ backup: hostName.describe("The host.") }),
    ])
    .default("serve-all")
    .describe(
      "What DNS answers when no edge is up: all of them (`serve-all`), those that were up last " +
        "(`last-good`), none (`empty`), or a CNAME to a host elsewhere (`{ backup: HOST }`).",
    ),
});

/** One hosted customer property: its hosts, its origin and its rules. */
export const siteSchema = siteFields.superRefine((site, context) => {
  // What is wrong by itself would be found once more in what it means to others.
  if (context.issues.length > 0) return;
  for (const { path, message } of ruleProblems(site)) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
});

/** A site as the daemons use it: all defaults filled in, durations in ms. */
export type Site = z.infer<typeof siteFields>;

/** A site as people and the API write it: durations as text. */
export type SiteInput = z.input<typeof siteFields>;
