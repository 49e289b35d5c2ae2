import { z } from "zod";
import { duration, hostName, label, originUrl } from "./fields.ts";

const ruleSchema = z.strictObject({
  match: z
    .string()
    .startsWith("/", "must start with /")
    .describe("Whole path; `*` stands for any run of characters, everything else for itself."),
  ttl: duration.optional().describe("Freshness lifetime that replaces what the origin says."),
  cache: z.boolean().default(true).describe("False: requests pass through and nothing is stored."),
});

const originSchema = z.strictObject({
  urls: z
    .array(originUrl)
    .min(1, "needs at least one origin URL")
    .describe("Where the truth is, in the order in which they are tried."),
  host: z
    .string()
    .optional()
    .describe("What the origin sees in Host; left out: the host that the client asked for."),
  connectTimeout: duration.default(2_000).describe("Until a connection stands."),
  firstByteTimeout: duration.default(10_000).describe("From the request to the response head."),
  idleTimeout: duration.default(30_000).describe("The longest pause between two pieces of a body."),
});

/** One hosted customer property: its hosts, its origin and its cache rules. */
export const siteSchema = z.strictObject({
  name: label.describe("It is reached at `<name>.<cdn domain>`."),
  hosts: z
    .array(hostName)
    .default([])
    .describe("Host names that clients use, besides `<name>.<cdn domain>`."),
  origin: originSchema.describe("Where edges fetch from."),
  rules: z
    .array(ruleSchema)
    .default([])
    .describe("Cache rules: the first whose `match` fits the path wins."),
  allDown: z
    .enum(["serve-all", "empty"])
    .default("serve-all")
    .describe("What DNS answers when no edge is up: all of them, or none."),
});

/** A site as the daemons use it: all defaults filled in, durations in ms. */
export type Site = z.infer<typeof siteSchema>;

/** A site as people and the API write it: durations as text. */
export type SiteInput = z.input<typeof siteSchema>;

/** One rule of a site. */
export type SiteRule = Site["rules"][number];
