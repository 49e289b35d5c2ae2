import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { hostName, label } from "./fields.ts";

/** Certificates of authorities for one site. */
const AUTHORITIES_BYTES_MAX = 65_536;

const authorities = z
  .string()
  .max(AUTHORITIES_BYTES_MAX)
  .refine(isCertificates, "must be one or more certificates in PEM");

/** How edges speak TLS with the origins of a site whose URLs begin with `https:`. */
export const originTlsSchema = z
  .strictObject({
    ca: authorities
      .optional()
      .describe(
        "Certificates (PEM) that an origin's must lead to; left out: those that the system knows.",
      ),
    serverName: hostName
      .optional()
      .describe(
        "The name that is asked for (SNI) and that the certificate must be for; left out: the host " +
          "of the URL.",
      ),
    verify: z
      .boolean()
      .optional()
      .describe("`false`: any certificate will do; left out: it must be valid for the name."),
    clientCertificate: label
      .optional()
      .describe("What an edge shows of itself: a name of `edge.originCertificates`."),
  })
  .refine(({ ca, verify }) => ca === undefined || verify !== false, {
    path: ["verify"],
    message: "is false, so nothing is compared with `ca`: leave one of them out",
  });

/** How edges speak TLS with origins. */
export type OriginTls = z.infer<typeof originTlsSchema>;

/** What `tls.connect` is told about an origin. */
export interface OriginTlsOptions {
  readonly ca?: string;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

/** How an origin's certificate is judged (P); what it is shown is not here. */
export function judgedBy({ ca, serverName, verify = true }: OriginTls = {}): OriginTlsOptions {
  return {
    rejectUnauthorized: verify,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** Files of each certificate that edges can show to origins. */
export const originCertificatesSchema = z.record(
  label,
  z.strictObject({
    certificate: z.string().min(1).describe("Its file (PEM)."),
    key: z.string().min(1).describe("File of its private key (PEM)."),
  }),
);

/** True for certificates in PEM, and nothing but text between them. */
function isCertificates(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).raw.length > 0);
  } catch {
    return false;
  }
}
