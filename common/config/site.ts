import { z } from "zod";
import { duration, hostName, label, originUrl } from "./fields.ts";

/**
 * A rule of a site: the first whose `match` fits the path wins. `*` stands for any run of
 * characters; everything else is literal; the whole path must match.
 */
const ruleSchema = z.strictObject({
  match: z.string().startsWith("/", "must start with /"),
  /** Freshness lifetime in ms that replaces what the origin says. */
  ttl: duration.optional(),
  /** False: requests pass through and nothing is stored. */
  cache: z.boolean().default(true),
});

/** One hosted customer property: its hosts, its origin and its cache rules. */
export const siteSchema = z.strictObject({
  name: label,
  /** Host names that clients use, besides `<name>.<cdn domain>`. */
  hosts: z.array(hostName).default([]),
  origin: z.strictObject({
    urls: z.array(originUrl).min(1, "needs at least one origin URL"),
    /** What the origin sees in Host; left out: the host that the client asked for. */
    host: z.string().optional(),
    connectTimeout: duration.default(2_000),
    firstByteTimeout: duration.default(10_000),
    /** The longest pause between two pieces of a body. */
    idleTimeout: duration.default(30_000),
  }),
  rules: z.array(ruleSchema).default([]),
  /** What DNS answers when no edge is up: all of them, or none. */
  allDown: z.enum(["serve-all", "empty"]).default("serve-all"),
});

/** A site as the daemons use it: all defaults filled in, durations in ms. */
export type Site = z.infer<typeof siteSchema>;

/** A site as people and the API write it: durations as text. */
export type SiteInput = z.input<typeof siteSchema>;

/** One rule of a site. */
export type SiteRule = Site["rules"][number];
