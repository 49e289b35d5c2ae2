import { z } from "zod";
import { duration, hostName } from "./fields.ts";

const status = z.union([
  z.int().min(200).max(599),
  z.string().regex(/^[2-5]xx$/, "is no status (200) and no class (2xx)"),
]);

const checkSchema = z.strictObject({
  kind: z
    .enum(["http", "https", "tcp"])
    .default("http")
    .describe("`tcp`: a connection that is accepted is enough."),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("Left out: 443 for `https`, otherwise the `port` of each edge."),
  path: z
    .string()
    .max(1_024)
    .regex(/^\/[\x21\x22\x24-\x7e]*$/, "must be a path such as /healthz, without spaces and #")
    .optional()
    .describe("What is asked for, with its query; left out: `/healthz`."),
  host: hostName
    .optional()
    .describe(
      "Host, and for `https` also the name that the certificate must have; left out: the edge's " +
        "own name, `<edge>.edge.<cdn.domain>`.",
    ),
  expect: z
    .array(status)
    .min(1)
    .max(16)
    .optional()
    .describe("Statuses (`200`) and classes (`2xx`) that count as up; left out: 200 alone."),
  body: z
    .string()
    .min(1)
    .max(1_024)
    .optional()
    .describe("Text that must stand in the first 64 KiB of the answer; left out: it is not read."),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe(
      "File (PEM) of authorities whose certificates are trusted instead of the usual ones. Read " +
        "again when it changes.",
    ),
  verify: z
    .boolean()
    .optional()
    .describe("`false`: any certificate will do; left out: it must be valid for the host."),
});

/** How routers see that an edge is up. */
export const healthSchema = z.strictObject({
  interval: duration
    .default(500)
    .describe("From the start of one probe of an edge to the start of the next."),
  timeout: duration.default(1_000).describe("A probe that takes longer has failed."),
  rise: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe("Probes in a row that must work before a down edge is up."),
  fall: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe("Probes in a row that must fail before an up edge is down."),
  check: checkSchema.prefault({}).describe("What a probe asks of an edge."),
});

/** What a probe asks of an edge, as it is written. */
export type CheckConfig = z.infer<typeof checkSchema>;

/** A key of the check that says nothing beside the others, and why. */
export interface CheckMistake {
  readonly key: keyof CheckConfig;
  readonly message: string;
}

const HTTP_ONLY = ["path", "host", "expect", "body"] as const;
const TLS_ONLY = ["ca", "verify"] as const;

/** Keys that would be read and do nothing (P). */
export function checkMistakes(check: CheckConfig): readonly CheckMistake[] {
  const given = (key: keyof CheckConfig) => check[key] !== undefined;
  const { kind } = check;
  const http = kind === "tcp" ? HTTP_ONLY.filter(given) : [];
  const tls = kind === "https" ? [] : TLS_ONLY.filter(given);
  const mistakes: CheckMistake[] = [
    ...http.map((key) => ({ key, message: "says nothing where kind is tcp" })),
    ...tls.map((key) => ({ key, message: "says nothing where kind is not https" })),
  ];
  if (kind === "https" && check.verify === false && given("ca")) {
    mistakes.push({ key: "ca", message: "says nothing where verify is false" });
  }
  return mistakes;
}
