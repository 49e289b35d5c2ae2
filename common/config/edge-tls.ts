import { z } from "zod";

/** Pairs of files of one edge. Certificates of many sites are better kept in the state. */
const FILES_MAX = 1_000;

const file = z.string().min(1);

/** How edges serve over TLS. */
export const edgeTlsSchema = z.strictObject({
  port: z
    .int()
    .min(1)
    .max(65_535)
    .default(443)
    .describe("Where they do, at their address; also where `sites[].tls.redirect` leads."),
  certificates: z
    .array(
      z.strictObject({
        certificate: file.describe(
          "Its file (PEM), with those that lead to a known one behind it.",
        ),
        key: file.describe("File of its private key (PEM)."),
      }),
    )
    .max(FILES_MAX)
    .default([])
    .describe(
      "Certificates from files, beside those of `meridian certificate`. Read again when they change " +
        "and on SIGHUP.",
    ),
  unnamed: z
    .enum(["first", "refuse"])
    .default("first")
    .describe(
      "What clients get that name no host (no SNI): the first of `certificates`, or nothing.",
    ),
  minVersion: z
    .enum(["TLSv1.2", "TLSv1.3"])
    .default("TLSv1.2")
    .describe("The oldest version that clients may speak."),
  http2: z.boolean().default(true).describe("False: only HTTP/1.1 is spoken over TLS."),
});

/** How edges serve over TLS, defaults filled in. */
export type EdgeTlsConfig = z.infer<typeof edgeTlsSchema>;
