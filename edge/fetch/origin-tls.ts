import {
  type CertificateFiles,
  readCertificate,
  type UsableCertificate,
} from "../../common/certificate.ts";
import { judgedBy, type OriginTls, type OriginTlsOptions } from "../../common/config/origin-tls.ts";
import type { Logger } from "../../common/log.ts";

/** The certificates that this edge can show to origins, by name. */
export class OriginCertificates {
  readonly #files: Readonly<Record<string, CertificateFiles>>;
  readonly #log: Logger;
  readonly #usable = new Map<string, UsableCertificate>();
  /** Another one after each reading: connections before it showed something else. */
  reading = 0;

  /** Throws an Error that names the files if one cannot be used. */
  constructor(files: Readonly<Record<string, CertificateFiles>>, log: Logger) {
    this.#files = files;
    this.#log = log;
    for (const [name, pair] of Object.entries(files)) {
      this.#usable.set(name, readCertificate(pair, {}));
    }
  }

  /** Reads the files again. What is broken stays as it was, and the log says so. */
  reload(): void {
    this.reading += 1;
    for (const [name, pair] of Object.entries(this.#files)) {
      try {
        this.#usable.set(name, readCertificate(pair, {}));
      } catch (error) {
        this.#log.error({ event: "origin-certificate-broken", name, err: error });
      }
    }
  }

  /** Undefined: this edge has none of that name. */
  get(name: string): UsableCertificate | undefined {
    return this.#usable.get(name);
  }
}

/**
 * How to speak TLS with the origin of a site (P). Undefined when it wants to be shown a certificate
 * that is not there: then nothing is sent.
 */
export function originTlsOptions(
  tls: OriginTls | undefined,
  certificates: Pick<OriginCertificates, "get"> | undefined,
): OriginTlsOptions | undefined {
  const { clientCertificate } = tls ?? {};
  if (clientCertificate === undefined) return judgedBy(tls);
  const shown = certificates?.get(clientCertificate);
  if (shown === undefined) return undefined;
  return { ...judgedBy(tls), cert: shown.texts.chain, key: shown.texts.key };
}
