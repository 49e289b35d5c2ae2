import { z } from "zod";
import {
  CLIENT_CONDITIONS,
  CONNECTION_FIELDS,
  MISLEADING_FIELDS,
  meantName,
  WRITTEN_TO_ORIGIN,
} from "../field-names.ts";

/** Fields, or cookies, of which a key may hold the values. */
const KEY_PARTS_MAX = 16;

const NAMES_MAX = 64;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A map or section that names at least one thing, and not too many. */
function filled<T extends z.ZodType<object>>(map: T, max: number) {
  return map.superRefine((value, context) => {
    const { length } = Object.keys(value);
    if (length === 0) context.addIssue({ code: "custom", message: "is empty: leave it out" });
    if (length > max) context.addIssue({ code: "custom", message: `has more than ${max} names` });
  });
}

const names = z.array(z.string().min(1).max(256)).min(1, "is an empty list").max(NAMES_MAX);

const values = z.union([
  z.literal(true),
  z
    .array(
      z
        .string()
        .regex(/^[!-~]+(?: [!-~]+)*$/, "must be visible ASCII")
        .max(256),
    )
    .min(1, "is an empty list")
    .max(NAMES_MAX),
]);

/** Why a field cannot be part of a key; undefined when it can (P). */
function keyFieldProblem(name: string): string | undefined {
  const meant = meantName(name);
  if (meant !== name) return "has an underscore, which many origins cannot tell from a hyphen";
  if (name === "host") return "is part of the key anyway";
  if (name === "cookie") return "would give each client a key of its own: use `cookies`";
  if (name === "authorization") return "names one client: what it is answered is not shared";
  if (name === "accept-encoding")
    return "is told apart by the edge itself, where the origin varies on it";
  if (CONNECTION_FIELDS.has(meant)) return "is about one connection";
  if (CLIENT_CONDITIONS.has(meant)) return "is answered by the edge itself";
  if (WRITTEN_TO_ORIGIN.has(meant) || MISLEADING_FIELDS.has(meant)) {
    return "does not get as far as the origin";
  }
  return undefined;
}

const keyField = z
  .string()
  .max(256)
  .regex(FIELD_NAME, "is not a field name")
  .transform((name) => name.toLowerCase())
  .superRefine((name, context) => {
    const message = keyFieldProblem(name);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

const querySchema = z
  .strictObject({
    ignore: names
      .optional()
      .describe("Parameters that are left out; `*` stands for any run of characters."),
    pick: names.optional().describe("The only parameters that are kept; `*` likewise."),
    sort: z
      .boolean()
      .optional()
      .describe(
        "True: parameters in the order of their names, so that their order does not count.",
      ),
  })
  .superRefine(({ ignore, pick, sort }, context) => {
    if (context.issues.length > 0) return;
    if (ignore !== undefined && pick !== undefined) {
      context.addIssue({ code: "custom", message: "give either `ignore` or `pick`" });
    }
    if (ignore === undefined && pick === undefined && sort !== true) {
      context.addIssue({ code: "custom", message: "changes nothing: leave it out" });
    }
  });

/** What tells stored responses apart, besides site and path. */
export const keySchema = filled(
  z.strictObject({
    query: z
      .union([z.enum(["all", "none"]), querySchema])
      .optional()
      .describe(
        "Of the query: all of it, nothing, or some parameters. What is not in the key is not sent " +
          "to the origin either, for its answer goes to everybody.",
      ),
    cookies: filled(
      z.record(z.string().max(256).regex(FIELD_NAME, "is not a cookie name"), values),
      KEY_PARTS_MAX,
    )
      .optional()
      .describe(
        "Cookies that are part of the key: `true` for any value, or the values that count; others " +
          "are as good as absent. The origin gets these cookies and no others.",
      ),
    headers: filled(z.record(keyField, values), KEY_PARTS_MAX)
      .optional()
      .describe("Request fields that are part of the key, likewise. Others are not concerned."),
    host: z
      .literal(false)
      .optional()
      .describe(
        "False: all hosts of the site share what is stored. The origin is asked for the first of " +
          "`hosts`.",
      ),
  }),
  4,
);

/** Key rules of a site or of one of its rules. */
export type KeyOptions = z.infer<typeof keySchema>;
