import { compileGlob, globFits } from "../../common/config/glob.ts";
import type { CorsPolicy } from "../../common/config/protect.ts";
import { type FieldLine, type FieldLines, hasField, singleField } from "../http/fields.ts";
import type { ClientEdits } from "../serve/client-edits.ts";

/** Fields that the edge writes, so the origin does not. */
const CORS_FIELDS = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-expose-headers",
  "access-control-max-age",
] as const;

/** RFC 6454 section 6.2, as browsers write it. */
const ORIGIN = /^https?:\/\/(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/** The method that a preflight asks about; undefined for any other request (P). Fetch, 4.8. */
export function preflightMethod(method: string, fields: FieldLines): string | undefined {
  if (method !== "OPTIONS" || !hasField(fields, "origin")) return undefined;
  return singleField(fields, "access-control-request-method");
}

/** The answer to a preflight (P); undefined if the page may not ask. */
export function preflightFields(cors: CorsPolicy, fields: FieldLines): FieldLine[] | undefined {
  const allowed = allowedOrigin(cors, fields);
  if (allowed === undefined) return undefined;
  const asked = singleField(fields, "access-control-request-headers");
  const headers = cors.headers?.includes("*") === true ? asked : cors.headers?.join(", ");
  return [
    ...allowed,
    ["access-control-allow-methods", cors.methods.join(", ")],
    ...(headers === undefined ? [] : [["access-control-allow-headers", headers] as const]),
    ["access-control-max-age", String(Math.floor(cors.maxAge / 1_000))],
    ["vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"],
  ];
}

/** What an answer says to scripts of other pages (P). One that they may not read says nothing. */
export function corsFields(cors: CorsPolicy, fields: FieldLines): FieldLine[] {
  const allowed = allowedOrigin(cors, fields) ?? [];
  const { expose } = cors;
  const exposed: FieldLine[] =
    allowed.length === 0 || expose === undefined
      ? []
      : [["access-control-expose-headers", expose.join(", ")]];
  // Caches behind the edge must keep answers to different pages apart.
  const vary: FieldLine[] = cors.origins.includes("*") ? [] : [["vary", "Origin"]];
  return [...allowed, ...exposed, ...vary];
}

/** Changes for the client, with these fields in place of those of the origin and of rules (P). */
export function withCors(
  edits: ClientEdits | undefined,
  lines: FieldLines | undefined,
): ClientEdits | undefined {
  if (lines === undefined) return edits;
  const without = new Set([...(edits?.fields?.without ?? []), ...CORS_FIELDS]);
  const kept = (edits?.fields?.lines ?? []).filter(
    ([name]) => !CORS_FIELDS.some((own) => own === name.toLowerCase()),
  );
  return { fields: { without, lines: [...kept, ...lines] }, lifetimes: edits?.lifetimes };
}

function allowedOrigin(cors: CorsPolicy, fields: FieldLines): FieldLine[] | undefined {
  if (cors.origins.includes("*")) return [["access-control-allow-origin", "*"]];
  const origin = singleField(fields, "origin");
  if (origin === undefined || !cors.origins.some((each) => fits(each, origin))) return undefined;
  return [
    ["access-control-allow-origin", origin],
    ...(cors.credentials ? [["access-control-allow-credentials", "true"] as const] : []),
  ];
}

/** The pattern cannot reach into a path: what is compared is an origin and nothing else. */
function fits(pattern: string, origin: string): boolean {
  return ORIGIN.test(origin) && globFits(compileGlob(pattern), origin);
}
