import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { EpochMs } from "./clock.ts";

/** Files in PEM: the certificate with those that lead to a known one behind it, and its key. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate chain, leaf first, and the key of the leaf: texts in PEM. */
export interface CertificateTexts {
  readonly chain: string | Buffer;
  readonly key: string | Buffer;
}

/** A certificate that can be served with. */
export interface UsableCertificate {
  readonly texts: CertificateTexts;
  readonly context: SecureContext;
  /** Its host names in lower case, as they stand in it: `www.example`, `*.example`. */
  readonly hosts: readonly string[];
  readonly notBefore: EpochMs;
  readonly notAfter: EpochMs;
}

/** How the connections of a certificate are set up, beside what it says itself. */
export type ContextOptions = Omit<SecureContextOptions, "cert" | "key">;

/** Reads a certificate and its key. Throws an Error whose message names the files. */
export function readCertificate(
  { certificate, key }: CertificateFiles,
  options: ContextOptions,
): UsableCertificate {
  try {
    const texts = { chain: readFileSync(certificate), key: readFileSync(key) };
    return useCertificate(texts, options);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${certificate} and ${key} cannot be used together: ${message}`, {
      cause: error,
    });
  }
}

/** Makes ready what stands in PEM. Throws if the parts are broken or not for one another. */
export function useCertificate(
  texts: CertificateTexts,
  options: ContextOptions,
): UsableCertificate {
  const { chain, key } = texts;
  const leaf = new X509Certificate(chain);
  const context = createSecureContext({ ...options, cert: chain, key });
  return {
    texts,
    context,
    hosts: hostsOf(leaf.subjectAltName),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  };
}

/**
 * The DNS names of a certificate (P), as Node writes them: `DNS:a.example, IP Address:192.0.2.1`.
 * RFC 9525 section 6.3: the common name of the subject is none of them.
 */
export function hostsOf(subjectAltName: string | undefined): string[] {
  const names = (subjectAltName ?? "").split(", ").flatMap((name) => {
    const [, host] = /^DNS:((?:\*\.)?[a-z0-9_.-]+)$/i.exec(name) ?? [];
    return host === undefined ? [] : [host.toLowerCase()];
  });
  return [...new Set(names)];
}
