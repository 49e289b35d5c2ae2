import { z } from "zod";
import { duration } from "./fields.ts";

/** How certificates are got from an authority (RFC 8555). */
export const acmeSchema = z.strictObject({
  directory: z
    .url({ protocol: /^https$/, error: "must be an https URL" })
    .describe("URL of the authority's ACME directory."),
  email: z
    .email("must be an address of mail")
    .optional()
    .describe("Whom the authority writes to when a certificate is about to end."),
  termsAgreed: z
    .literal(true, "must be true: read the authority's terms first")
    .describe("That you agree to the authority's terms of service."),
  eab: z
    .strictObject({
      kid: z.string().min(1).describe("The key's identifier."),
      hmacKey: z
        .string()
        .regex(/^[A-Za-z0-9_+/-]+=*$/, "must be base64url")
        .describe("The key, in base64url, as the authority gave it."),
    })
    .optional()
    .describe("External account binding, for authorities that want one."),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe("File with the certificate of a private authority's own HTTPS, in PEM."),
  renewBefore: duration
    .refine((ms) => ms >= 3_600_000, "must be at least 1h")
    .optional()
    .describe(
      "How long before its end a certificate is renewed; left out: at two thirds of its life.",
    ),
  resolver: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Where it is looked up whether hosts lead here, before the authority is asked, such as " +
        "`192.0.2.53` or `127.0.0.1:5300`; left out: as the system does.",
    ),
  wildcard: z
    .boolean()
    .default(false)
    .describe("True: a certificate for `*.<cdn domain>` too, by a challenge in our own DNS."),
});

/** How certificates are got, defaults filled in. */
export type AcmeConfig = z.infer<typeof acmeSchema>;
