import { z } from "zod";
import { duration } from "./fields.ts";

/** What lists of browsers ask of those that want to be on them: https://hstspreload.org. */
const PRELOAD_MS_MIN = 31_536_000_000;

const hstsSchema = z
  .strictObject({
    maxAge: z
      .union([duration, z.literal(0)])
      .default(PRELOAD_MS_MIN)
      .describe("For how long browsers ask for this host over TLS only; 0: they forget it."),
    includeSubDomains: z.boolean().default(false).describe("Also for all names below the host."),
    preload: z
      .boolean()
      .default(false)
      .describe("The site wants to be on the lists that browsers come with; hard to take back."),
  })
  .refine(({ maxAge, includeSubDomains, preload }) => {
    return !preload || (includeSubDomains && maxAge >= PRELOAD_MS_MIN);
  }, "preload needs includeSubDomains and a maxAge of 365d or more");

/** What a site does with TLS between clients and edges. */
export const siteTlsSchema = z.strictObject({
  redirect: z
    .boolean()
    .default(false)
    .describe(
      "Clients that come without TLS are sent to the same URL with it: 301, and 308 for methods " +
        "other than GET and HEAD.",
    ),
  hsts: hstsSchema
    .optional()
    .describe("Strict-Transport-Security (RFC 6797) in answers over TLS; left out: the origin's."),
});

/** What a site does with TLS, defaults filled in. */
export type SiteTls = z.infer<typeof siteTlsSchema>;

/** The value of Strict-Transport-Security (P). RFC 6797 section 6.1. */
export function hstsValue({ maxAge, includeSubDomains, preload }: NonNullable<SiteTls["hsts"]>) {
  const directives = [`max-age=${Math.floor(maxAge / 1_000)}`];
  if (includeSubDomains) directives.push("includeSubDomains");
  if (preload) directives.push("preload");
  return directives.join("; ");
}
