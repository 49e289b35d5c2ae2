import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { invariant } from "../../common/assert.ts";
import type { EpochMs } from "../../common/clock.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { CHAIN_BYTES_MAX } from "../../state/limits.ts";

/** A chain of certificates with its key, as PEM, after it was checked. */
export interface CertificatePair {
  /** The certificate itself first, each one signed by the next. */
  readonly chain: string;
  readonly key: string;
  /** Names that it is for, lower case. */
  readonly hosts: readonly string[];
  readonly notBefore: EpochMs;
  readonly notAfter: EpochMs;
}

/** What is wrong, and with which of the two. */
export interface PairProblem {
  readonly field: "chain" | "key";
  readonly message: string;
}

/** Longer chains are a mistake: public ones have two or three. */
const CERTIFICATES_IN_CHAIN_MAX = 10;

/**
 * Checks that a chain and a key, both PEM, can be served (P): they belong together, each
 * certificate is signed by the next, the first one names hosts and has not ended at `now`, and
 * OpenSSL takes them. A root at the end may be there or not.
 */
export function checkPair(
  { chain, key }: { readonly chain: string; readonly key: string },
  now: EpochMs,
): Result<CertificatePair, PairProblem> {
  const read = readChain(chain);
  if (!read.ok) return fail({ field: "chain", message: read.error });
  const { certificates, pem } = read.value;
  const [leaf] = certificates;
  invariant(leaf !== undefined, "a chain that was read has a certificate");
  const secret = readKey(key);
  if (!secret.ok) return fail({ field: "key", message: secret.error });
  if (!leaf.checkPrivateKey(secret.value)) {
    return fail({ field: "key", message: "is not the key of the first certificate of the chain" });
  }
  const { notBefore, notAfter } = validity(leaf);
  if (notAfter <= now) {
    return fail({ field: "chain", message: `has ended on ${new Date(notAfter).toISOString()}` });
  }
  const hosts = hostsOf(leaf);
  if (hosts.length === 0) {
    return fail({ field: "chain", message: "names no host: its subjectAltName has no DNS name" });
  }
  const keyPem = secret.value.export({ type: "pkcs8", format: "pem" });
  try {
    createSecureContext({ cert: pem, key: keyPem });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail({ field: "chain", message: `cannot be served: ${reason}` });
  }
  return ok({ chain: pem, key: keyPem, hosts, notBefore, notAfter });
}

/** The certificates of a PEM text in order, and that text without anything else (P). */
function readChain(
  text: string,
): Result<{ readonly certificates: X509Certificate[]; readonly pem: string }, string> {
  if (Buffer.byteLength(text) > CHAIN_BYTES_MAX) {
    return fail(`is longer than ${CHAIN_BYTES_MAX} bytes`);
  }
  const blocks = text.match(
    /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g,
  );
  if (blocks === null) return fail("has no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  if (blocks.length > CERTIFICATES_IN_CHAIN_MAX) {
    return fail(`has ${blocks.length} certificates: at most ${CERTIFICATES_IN_CHAIN_MAX}`);
  }
  const certificates: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return fail(`certificate ${index + 1} of it cannot be read`);
    }
  }
  for (const [index, certificate] of certificates.entries()) {
    const issuer = certificates[index + 1];
    if (issuer === undefined) break;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      return fail(
        `is not in order: certificate ${index + 1} is not signed by the next. ` +
          "The certificate itself comes first, then the one that signed it, and so on",
      );
    }
  }
  return ok({ certificates, pem: `${blocks.join("\n")}\n` });
}

function readKey(text: string): Result<KeyObject, string> {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    return fail(
      /ENCRYPTED/.test(text)
        ? "is encrypted with a passphrase: decrypt it first, it is sealed here anyway"
        : "is no private key in PEM",
    );
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ec") return ok(key);
  if (type === "rsa" && (details?.modulusLength ?? 0) >= 2_048) return ok(key);
  return fail("must be an ECDSA key, or an RSA key of 2048 bits or more");
}

/** The DNS names of a certificate in lower case (P); a common name does not count (RFC 9525). */
function hostsOf(certificate: X509Certificate): string[] {
  const names = (certificate.subjectAltName ?? "").split(", ");
  const hosts = names
    .filter((name) => name.startsWith("DNS:"))
    .map((name) => name.slice("DNS:".length).toLowerCase());
  return [...new Set(hosts)].filter((host) => /^(\*\.)?[a-z0-9_][a-z0-9._-]*$/.test(host));
}

function validity(certificate: X509Certificate): { notBefore: EpochMs; notAfter: EpochMs } {
  return {
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/** What people want to know of a certificate and cannot see in its record (P). */
export interface CertificateFacts {
  /** SHA-256, in hexadecimal digits with colons. */
  readonly fingerprint: string;
  readonly issuer: string;
  readonly serial: string;
}

/** Reads them from the first certificate of a chain (P); undefined: it cannot be read. */
export function certificateFacts(chain: string): CertificateFacts | undefined {
  try {
    const leaf = new X509Certificate(chain);
    const issuer = leaf.issuer.split("\n").join(", ");
    return { fingerprint: leaf.fingerprint256, issuer, serial: leaf.serialNumber };
  } catch {
    return undefined;
  }
}

/** True if a certificate for `hosts` is good for a name (P; RFC 9525 section 6.3). */
export function coversHost(hosts: readonly string[], host: string): boolean {
  const parent = host.slice(host.indexOf(".") + 1);
  return hosts.includes(host) || hosts.includes(`*.${parent}`);
}
