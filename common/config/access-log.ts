import { z } from "zod";

/** The most characters of a text that a client chose, in one field of a line. */
export const LOGGED_CHARS_MAX = 2_048;

/** What one line of an edge's access log can say behind its time, in this order. */
export const ACCESS_FIELDS = [
  "edge",
  "site",
  "cache",
  "reason",
  "rule",
  "status",
  "bytes",
  "first_byte",
  "duration",
  "upstream",
  "collapsed",
  "aborted",
  "method",
  "target",
  "client",
  "host",
  "protocol",
  "referer",
  "user_agent",
] as const;

/** What one line of a router's query log can say behind its time, in this order. */
export const QUERY_FIELDS = [
  "router",
  "client",
  "subnet",
  "transport",
  "name",
  "type",
  "rcode",
  "bytes",
  "truncated",
  "site",
  "pop",
  "reason",
  "duration",
] as const;

const fraction = z.number().min(0).max(1);

const to = z
  .string()
  .min(1)
  .describe(
    "`stdout`, or a file that lines are added to; `{name}` in it stands for the name of the daemon. " +
      "SIGHUP opens it anew.",
  );

const anonymise = z
  .boolean()
  .default(true)
  .describe("Addresses of clients as their network: /24 of IPv4, /48 of IPv6.");

const accessSchema = z
  .strictObject({
    to,
    format: z
      .enum(["json", "combined"])
      .default("json")
      .describe("One JSON object a line, or the Combined Log Format of Apache and nginx."),
    fields: z
      .array(z.enum(ACCESS_FIELDS))
      .optional()
      .describe("What a line of `json` says beside its time; left out: everything. See logs.md."),
    sample: z
      .union([
        fraction,
        z.strictObject({
          "1xx": fraction.optional(),
          "2xx": fraction.optional(),
          "3xx": fraction.optional(),
          "4xx": fraction.optional(),
          "5xx": fraction.optional(),
        }),
      ])
      .default(1)
      .describe(
        "Which part of the requests is written, from 0 to 1: of all, or by status class, of which " +
          "those that are left out are written whole.",
      ),
    anonymise,
  })
  .superRefine(({ format, fields }, context) => {
    if (format !== "combined" || fields === undefined) return;
    const message = "the combined format has fixed fields: leave them out, or use json";
    context.addIssue({ code: "custom", path: ["fields"], message });
  });

const queriesSchema = z.strictObject({
  to,
  fields: z
    .array(z.enum(QUERY_FIELDS))
    .optional()
    .describe("What a line says beside its time; left out: everything. See logs.md."),
  sample: fraction.default(1).describe("Which part of the queries is written, from 0 to 1."),
  anonymise,
});

/** What is written of each request and query; nothing unless it is asked for. */
export const logSchema = z.strictObject({
  access: accessSchema.optional().describe("One line for each request to an edge; left out: none."),
  queries: queriesSchema
    .optional()
    .describe("One line (JSON) for each query to a router; left out: none."),
});

/** How edges write down requests. */
export type AccessLogConfig = z.infer<typeof accessSchema>;

/** How routers write down queries. */
export type QueryLogConfig = z.infer<typeof queriesSchema>;

/** A field of an access log. */
export type AccessField = (typeof ACCESS_FIELDS)[number];

/** A field of a query log. */
export type QueryField = (typeof QUERY_FIELDS)[number];
