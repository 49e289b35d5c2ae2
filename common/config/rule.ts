import { z } from "zod";
import { duration, hostName, lifetimes } from "./fields.ts";
import { requestEditsSchema, responseEditsSchema } from "./header-edits.ts";
import { keySchema } from "./key.ts";
import { protectSchema } from "./protect.ts";
import { redirectSchema } from "./redirect.ts";

/** Rules of one site: the first that matches is looked for in order. */
export const RULES_MAX = 256;

/** Values in one list, and names in one map, of a condition or an edit. */
const ENTRIES_MAX = 64;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const pathPattern = z
  .string()
  .max(1_024)
  .startsWith("/", "must start with /")
  .regex(/^[^?#\s]*$/, "can never match: a path has no ?, # or space; use `query` for parameters");

/** A list of at least one thing, or one thing alone. */
function oneOrMore<T extends z.ZodType>(entry: T) {
  const list = z.array(entry).min(1, "is an empty list: nothing could match").max(ENTRIES_MAX);
  return z.union([entry.transform((value) => [value]), list]);
}

const wanted = z.union([z.boolean(), oneOrMore(z.string().max(1_024))]);

/** A map from names to what is asked of them. */
function wishes(name: z.ZodType<string, string>, what: string) {
  return z
    .record(name, wanted)
    .refine((map) => Object.keys(map).length > 0, `names no ${what}`)
    .refine((map) => Object.keys(map).length <= ENTRIES_MAX, `more than ${ENTRIES_MAX} names`)
    .optional();
}

/** A field name in lower case. */
const fieldName = z
  .string()
  .max(256)
  .regex(TOKEN, "is not a field name")
  .transform((name) => name.toLowerCase());

const HAVE_THEIR_OWN: Readonly<Record<string, string>> = { host: "host", cookie: "cookie" };

const headerName = fieldName.superRefine((name, context) => {
  const own = HAVE_THEIR_OWN[name];
  if (own !== undefined) context.addIssue({ code: "custom", message: `use \`${own}\` for that` });
});

const method = z
  .string()
  .regex(/^[A-Z-]{1,32}$/, "must be a method in capital letters")
  .superRefine((name, context) => {
    if (!["CONNECT", "TRACE", "PURGE"].includes(name)) return;
    const message = `can never match: no request with ${name} gets as far as the rules`;
    context.addIssue({ code: "custom", message });
  });

const extension = z
  .string()
  .regex(/^[a-z0-9]{1,16}$/, "must be lower-case letters and digits, without the dot");

/** All that a rule can ask of a request. What is left out is not asked. */
const matchSchema = z
  .strictObject({
    path: pathPattern
      .optional()
      .describe("Whole path; `*` stands for any run of characters, everything else for itself."),
    host: oneOrMore(hostName).optional().describe("Hosts of the site."),
    method: oneOrMore(method).optional().describe("Methods, such as `GET`."),
    extension: oneOrMore(extension)
      .optional()
      .describe("What follows the last dot of the last segment, in any case: `css`, `mp4`."),
    query: wishes(z.string().min(1).max(256), "parameter").describe(
      "Query parameters: `true` is there, `false` is not, else its value, in which `*` stands for " +
        "any run of characters, or a list of values.",
    ),
    header: wishes(headerName, "field").describe("Request fields, likewise."),
    cookie: wishes(z.string().regex(TOKEN, "is not a cookie name"), "cookie").describe(
      "Cookies, likewise.",
    ),
  })
  .superRefine((match, context) => {
    if (context.issues.length > 0 || Object.values(match).some((part) => part !== undefined))
      return;
    const message = "asks nothing: leave conditions in it, or write `match: /*`";
    context.addIssue({ code: "custom", message });
  });

/** What of a response can be overridden, by the names of the directives. */
export const OVERRIDES = [
  "private",
  "no-store",
  "no-cache",
  "must-revalidate",
  "authorization",
] as const;

/** What is done with the Set-Cookie of a response that could be stored otherwise. */
export const setCookie = z.enum(["refuse", "strip", "keep"]);

/** What is done with the requests that match. */
export const ruleSchema = z.strictObject({
  match: z
    .union([pathPattern, matchSchema])
    .describe(
      "Which requests: a whole path, in which `*` stands for any run of characters, or conditions " +
        "that must all hold.",
    ),
  ttl: lifetimes
    .optional()
    .describe(
      "Freshness lifetime that replaces what the origin says: one for all but 5xx, or by status and " +
        "class: `{ 200: 1h, 404: 10s, 5xx: 0 }`. It does not make storable what is private.",
    ),
  clientTtl: lifetimes
    .optional()
    .describe(
      "For how long clients are told to keep what they get, from now on; likewise. Without it they " +
        "are told what the origin says.",
    ),
  staleWhileRevalidate: duration
    .optional()
    .describe("How long a stale response is served while it is refreshed (RFC 5861)."),
  staleIfError: duration
    .optional()
    .describe("How long a stale response stands in for an origin that fails (RFC 5861)."),
  setCookie: setCookie
    .optional()
    .describe("What is done with Set-Cookie of what could be stored: as `sites[].setCookie`."),
  override: z
    .array(z.enum(OVERRIDES))
    .min(1, "is an empty list")
    .optional()
    .describe(
      "What the origin says and the edge does not follow. Dangerous: with `private`, `no-store` or " +
        "`authorization` one client's answer is given to all that the rule matches.",
    ),
  requestHeaders: requestEditsSchema
    .optional()
    .describe("Changes to the fields that go to the origin, after those of the site."),
  responseHeaders: responseEditsSchema
    .optional()
    .describe("Changes to the fields that go to clients, after those of the site."),
  rewrite: z
    .string()
    .max(1_024)
    .regex(/^\/[^?#\s\\]*$/, "must be a path that starts with /")
    .regex(/^\/(?!\/)/, "must not start with two slashes")
    .optional()
    .describe("The path that the origin is asked for: `{path}` and `{1}` as in `redirect.to`."),
  redirect: redirectSchema
    .optional()
    .describe("Clients are sent elsewhere; the origin is not asked."),
  key: keySchema
    .optional()
    .describe(
      "What tells stored responses apart; each part that is left out is as the site has it.",
    ),
  cache: z.boolean().default(true).describe("False: requests pass through and nothing is stored."),
  compress: z
    .literal(false)
    .optional()
    .describe("False: nothing is encoded here; left out: what the site's `compress` says."),
  coalesce: z.boolean().optional().describe("Replaces `coalesce` of the site."),
  protect: protectSchema
    .optional()
    .describe(
      "Who may ask; each part that is left out is as the site has it, `false` takes it away.",
    ),
});

/** One rule of a site. */
export type SiteRule = z.infer<typeof ruleSchema>;

/** The conditions of a rule, in their long form. */
export type Match = z.infer<typeof matchSchema>;

/** One rule as people and the API write it: durations as text. */
export type RuleInput = z.input<typeof ruleSchema>;
