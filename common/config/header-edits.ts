import { z } from "zod";
import {
  CLIENT_CONDITIONS,
  CONNECTION_FIELDS,
  meantName,
  WRITTEN_TO_ORIGIN,
} from "../field-names.ts";

const EDITS_MAX = 64;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Fields of a response that the edge writes, or that say what its bytes are. */
const WRITTEN_TO_CLIENT: ReadonlySet<string> = new Set([
  "accept-ranges",
  "age",
  "cache-status",
  "content-encoding",
  "content-length",
  "content-range",
  "date",
  "etag",
  "last-modified",
  "via",
]);

/** Instructions from tier to tier, which no client gets. */
export const TIER_FIELDS: ReadonlySet<string> = new Set([
  "cache-tag",
  "meridian-cache-control",
  "surrogate-control",
  "surrogate-key",
]);

const fieldValue = z
  .string()
  .max(4_096)
  .regex(/^(?:[!-~](?:[\t -~]*[!-~])?)?$/, "must be printable ASCII without spaces around it");

/** Why a field towards the origin cannot be edited; undefined when it can (P). */
function requestFieldProblem(name: string): string | undefined {
  const meant = meantName(name);
  if (CONNECTION_FIELDS.has(meant)) return "is about one connection";
  if (meant === "host") return "is set by `origin.host`";
  if (meant === "content-length") return "belongs to the body";
  if (meant === "accept-encoding") return "is written by the edge itself";
  if (WRITTEN_TO_ORIGIN.has(meant)) return "is written by the edge itself";
  return CLIENT_CONDITIONS.has(meant) ? "is answered by the edge itself" : undefined;
}

/** Why a field towards clients cannot be edited; undefined when it can (P). */
function responseFieldProblem(name: string): string | undefined {
  const meant = meantName(name);
  if (CONNECTION_FIELDS.has(meant)) return "is about one connection";
  if (WRITTEN_TO_CLIENT.has(meant)) return "is written by the edge itself";
  return TIER_FIELDS.has(meant) ? "goes from tier to tier and never to clients" : undefined;
}

function editsSchema(problemOf: (name: string) => string | undefined) {
  const name = z
    .string()
    .max(256)
    .regex(FIELD_NAME, "is not a field name")
    .transform((text) => text.toLowerCase())
    .superRefine((text, context) => {
      const message = problemOf(text);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    });
  const map = z.record(name, fieldValue);
  return z
    .strictObject({
      set: map.optional().describe("Fields in place of whatever lines of their names there are."),
      add: map.optional().describe("Lines that are added to those that are there."),
      remove: z.array(name).max(EDITS_MAX).optional().describe("Fields that are taken away."),
    })
    .superRefine(({ set = {}, add = {}, remove = [] }, context) => {
      if (context.issues.length > 0) return;
      const names = [...Object.keys(set), ...Object.keys(add), ...remove];
      const twice = names.find((text, index) => names.indexOf(text) < index);
      const message =
        twice === undefined
          ? names.length === 0
            ? "changes nothing: leave it out"
            : names.length > EDITS_MAX
              ? `has more than ${EDITS_MAX} fields`
              : undefined
          : `says two things about "${twice}"`;
      if (message !== undefined) context.addIssue({ code: "custom", message });
    });
}

/** Changes to the fields that go to the origin. */
export const requestEditsSchema = editsSchema(requestFieldProblem);

/** Changes to the fields that go to clients. */
export const responseEditsSchema = editsSchema(responseFieldProblem).superRefine(
  ({ set = {}, remove = [] }, context) => {
    if (context.issues.length > 0 || !(remove.includes("vary") || "vary" in set)) return;
    const message = "Vary can only be added to: without its names caches behind mix answers up";
    context.addIssue({ code: "custom", message });
  },
);

/** What is changed in a list of fields. */
export type HeaderEdits = z.infer<typeof requestEditsSchema>;
