import { z } from "zod";

/** An ALPN protocol name such as `h2` (RFC 7301 section 3.1). */
const protocol = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, "must be an ALPN protocol such as h2 or http/1.1");

/** HTTPS records (RFC 9460) of the names of sites. */
export const httpsSchema = z.strictObject({
  enabled: z.boolean().default(true).describe("False: no HTTPS records."),
  alpn: z
    .array(protocol)
    .min(1, "needs at least one protocol")
    .max(16)
    .default(["h2", "http/1.1"])
    .describe("Protocols that edges speak there, best first."),
  port: z.int().min(1).max(65_535).default(443).describe("Where they speak them."),
  hints: z
    .boolean()
    .default(true)
    .describe("True: records also say the addresses that the client gets for A and AAAA."),
});

/** What a site says of HTTPS: its records, and its certificate. */
export const siteHttpsSchema = httpsSchema.extend({
  certificate: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be acme, or the name of a certificate")
    .optional()
    .describe(
      "`acme`: one is got from the authority of `acme`, and renewed. Otherwise the name of one that " +
        "was put here: see certificates.md. Left out: any that is good for the host.",
    ),
  challenge: z
    .enum(["http-01", "dns-01"])
    .optional()
    .describe(
      "How the authority sees that the hosts are ours, with `certificate: acme`; left out: `http-01`. " +
        "`dns-01` needs a CNAME for each: see certificates.md.",
    ),
});

/** HTTPS records of the names of sites, defaults filled in. */
export type HttpsConfig = z.infer<typeof httpsSchema>;
