import type { SecureContext } from "node:tls";
import { background } from "../../common/background.ts";
import {
  type CertificateFiles,
  readCertificate,
  type UsableCertificate,
} from "../../common/certificate.ts";
import type { Clock, EpochMs } from "../../common/clock.ts";
import { stateOf } from "../../common/file-watch.ts";
import type { Logger } from "../../common/log.ts";
import { RouterFilesError } from "./files.ts";

/** What a keeper needs beside its files. */
export interface CertificateKeeperOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/** How often it is looked whether the files have changed. */
const LOOK_EVERY_MS = 5_000;

/**
 * Has the certificate of the moment at hand. Files that change are read again within seconds; what
 * cannot be used is logged, and the last good one stays: renewals write two files, one after the
 * other, and in between they do not belong together.
 */
export class CertificateKeeper {
  readonly #files: CertificateFiles;
  readonly #options: CertificateKeeperOptions;
  #loaded: UsableCertificate;
  #seen = "";
  #isStopped = false;
  #cancel: () => void = () => undefined;

  /** Throws a RouterFilesError if the files cannot be used. */
  constructor(files: CertificateFiles, options: CertificateKeeperOptions) {
    this.#files = files;
    this.#options = options;
    try {
      this.#loaded = load(files);
    } catch (error) {
      throw new RouterFilesError([problemOf(error)]);
    }
  }

  /** Looks every few seconds whether the files have changed. */
  start(): void {
    background(this.#options.log, "certificate watch", this.#watch());
  }

  /** What new connections are secured with. */
  readonly context = (): SecureContext => this.#loaded.context;

  /** When the certificate ends. */
  get expiresAt(): EpochMs {
    return this.#loaded.notAfter;
  }

  /** Reads the files again. Connections that stand keep what they have. */
  reload(): void {
    const { log } = this.#options;
    try {
      this.#loaded = load(this.#files);
      const expires = new Date(this.#loaded.notAfter).toISOString();
      log.info({ event: "certificate-loaded", file: this.#files.certificate, expires });
    } catch (error) {
      log.error({ event: "certificate-kept", reason: problemOf(error) });
    }
  }

  /** Looks no more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #watch(): Promise<void> {
    const before = this.#seen;
    const { certificate, key } = this.#files;
    this.#seen = `${await stateOf(certificate)} ${await stateOf(key)}`;
    if (this.#isStopped) return;
    if (before !== "" && before !== this.#seen) this.reload();
    const { clock, log } = this.#options;
    this.#cancel = clock.after(LOOK_EVERY_MS, () => {
      background(log, "certificate watch", this.#watch());
    });
  }
}

function load(files: CertificateFiles): UsableCertificate {
  return readCertificate(files, { minVersion: "TLSv1.2" });
}

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
