import { z } from "zod";
import { hostName, ipPrefix, socketAddress } from "./fields.ts";

/** The name of a key: both servers call it the same. */
export const keyName = z
  .string()
  .transform((text) => text.toLowerCase().replace(/\.$/, ""))
  .pipe(
    z
      .string()
      .max(253)
      .regex(
        /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/,
        "must be a name such as replica or replica.example.com",
      ),
  );

/** Who may have a zone, and who is told of new versions of it. */
export const transferSchema = z.strictObject({
  to: z
    .array(ipPrefix)
    .default([])
    .describe("Networks that may ask for it; empty: any, if `keys` has one."),
  keys: z
    .array(keyName)
    .default([])
    .describe("Keys of `tsig` with one of which whoever asks must sign; empty: nobody must."),
  notify: z
    .array(
      z.strictObject({
        address: socketAddress.describe("Where the secondary listens."),
        key: keyName.optional().describe("The key of `tsig` that signs the notice."),
      }),
    )
    .default([])
    .describe("Secondaries that are told of each new version."),
});

/** One zone beside the CDN's own. */
export const zoneSchema = z.strictObject({
  file: z
    .string()
    .describe("RFC 1035 zone file; with `primaries`, where the zone is kept for the next start."),
  name: hostName.optional().describe("Name of the zone; needed with `primaries`."),
  primaries: z
    .array(socketAddress)
    .min(1, "needs at least one primary")
    .optional()
    .describe("Servers that the zone is transferred from, in the order in which they are asked."),
  key: keyName.optional().describe("The key of `tsig` that signs what goes to the primaries."),
  transfer: transferSchema.optional().describe("Who may have it; left out: nobody."),
  group: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("Its group in the catalogs that we give (RFC 9432 section 4.4.2)."),
});

/** A secret that two servers share. */
export const tsigKeySchema = z
  .strictObject({
    name: keyName.describe("What both servers call it."),
    algorithm: z
      .enum(["hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1"])
      .default("hmac-sha256")
      .describe("What signatures are computed with."),
    secret: z
      .string()
      .regex(/^[A-Za-z0-9+/]+={0,2}$/, "must be base64")
      .optional()
      .describe("The secret in base64; better in a file."),
    secretFile: z.string().optional().describe("File that holds the secret in base64."),
  })
  .refine((key) => (key.secret === undefined) !== (key.secretFile === undefined), {
    message: "needs one of `secret` and `secretFile`",
  });

/** Who may have a zone, as the daemons use it. */
export type TransferConfig = z.infer<typeof transferSchema>;

/** One zone, as the daemons use it. */
export type ZoneConfig = z.infer<typeof zoneSchema>;

/** A key, as the daemons use it. */
export type TsigKeyConfig = z.infer<typeof tsigKeySchema>;
