import { randomBytes } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { type CertificateFiles, readCertificate } from "../../common/certificate.ts";
import type { Clock } from "../../common/clock.ts";
import { FileWatch } from "../../common/file-watch.ts";
import type { Logger } from "../../common/log.ts";
import {
  buildCertificateTable,
  type CertificateTable,
  type EdgeCertificate,
} from "./certificate-table.ts";
import { contextOptions, type TlsVersion } from "./secure-context.ts";
import { msToNextTicketKey, TICKET_SECONDS, ticketKey } from "./tickets.ts";

/** Which certificates an edge has, and how it serves with them. */
export interface CertificateSources {
  readonly files: readonly CertificateFiles[];
  readonly minVersion: TlsVersion;
  /** What clients get that name no host: the first of `files`, or nothing. */
  readonly unnamed: "first" | "refuse";
  /**
   * Edges with the same one resume each other's sessions; left out: sessions are resumed where they
   * were made, and until the process ends.
   */
  readonly secret?: Uint8Array;
}

/** What a keeper needs beside its certificates. */
export interface CertificatesOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Has the certificates of the moment at hand. Files that change are read again within seconds; a
 * pair that cannot be used is logged, and the last good one of these files stays.
 */
export class Certificates {
  readonly #sources: CertificateSources;
  readonly #options: CertificatesOptions;
  readonly #secret: Uint8Array;
  readonly #watch: FileWatch;
  readonly #ofFiles = new Map<CertificateFiles, EdgeCertificate>();
  #ofState: readonly EdgeCertificate[] = [];
  #table: CertificateTable = buildCertificateTable([], undefined);
  #entry: SecureContext;
  #cancel: () => void = () => undefined;
  /** Pairs of files that could not be used when they were last read. */
  broken = 0;

  constructor(sources: CertificateSources, options: CertificatesOptions) {
    this.#sources = sources;
    this.#options = options;
    this.#secret = sources.secret ?? randomBytes(32);
    const names = sources.files.flatMap(({ certificate, key }) => [certificate, key]);
    this.#watch = new FileWatch(names, { ...options, onChange: () => this.reload() });
    this.#readFiles();
    this.#entry = this.#makeEntry();
  }

  /** Looks for changes of the files, and changes the key of tickets in time. */
  start(): void {
    this.#watch.start();
    this.#changeKeyLater();
  }

  /** Looks no more. */
  stop(): void {
    this.#watch.stop();
    this.#cancel();
  }

  /** Which certificate is for whom. */
  get table(): CertificateTable {
    return this.#table;
  }

  /**
   * What every handshake begins with: the certificate for clients that name no host, if there is
   * one, and the key of tickets, which OpenSSL takes from nowhere else.
   */
  get entry(): SecureContext {
    return this.#entry;
  }

  /** All certificates, those of files first. */
  get all(): readonly EdgeCertificate[] {
    return [...this.#ofFiles.values(), ...this.#ofState];
  }

  /** Reads the files again. Connections that stand keep what they have. */
  reload(): void {
    this.#readFiles();
    this.#entry = this.#makeEntry();
  }

  /** Puts the certificates of the state in force, in place of those that it had. */
  setOfState(certificates: readonly EdgeCertificate[]): void {
    this.#ofState = certificates;
    this.#makeTable();
  }

  #readFiles(): void {
    const { log, clock } = this.#options;
    this.broken = 0;
    for (const files of this.#sources.files) {
      try {
        const certificate = readCertificate(files, contextOptions(this.#sources.minVersion));
        this.#ofFiles.set(files, { ...certificate, name: files.certificate });
        const expires = new Date(certificate.notAfter).toISOString();
        const { hosts } = certificate;
        log.info({ event: "certificate-loaded", file: files.certificate, hosts, expires });
        if (certificate.notAfter < clock.now()) {
          log.warn({ event: "certificate-expired", file: files.certificate, expires });
        }
      } catch (error) {
        this.broken += 1;
        const reason = error instanceof Error ? error.message : String(error);
        const kept = this.#ofFiles.has(files);
        log.error({ event: kept ? "certificate-kept" : "certificate-unusable", reason });
      }
    }
    this.#makeTable();
  }

  #makeTable(): void {
    this.#table = buildCertificateTable(this.all, this.#unnamed());
  }

  #unnamed(): EdgeCertificate | undefined {
    const [first] = this.#sources.files;
    const { unnamed } = this.#sources;
    return unnamed === "refuse" || first === undefined ? undefined : this.#ofFiles.get(first);
  }

  #makeEntry(): SecureContext {
    const { clock } = this.#options;
    const options = {
      ...contextOptions(this.#sources.minVersion),
      ticketKeys: ticketKey(this.#secret, clock.now()),
      sessionTimeout: TICKET_SECONDS,
    };
    const unnamed = this.#unnamed();
    if (unnamed === undefined) return createSecureContext(options);
    const { chain, key } = unnamed.texts;
    return createSecureContext({ ...options, cert: chain, key });
  }

  #changeKeyLater(): void {
    const { clock } = this.#options;
    this.#cancel = clock.after(msToNextTicketKey(clock.now()), () => {
      this.#entry = this.#makeEntry();
      this.#changeKeyLater();
    });
  }
}
