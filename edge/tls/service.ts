import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import type { CertificateFiles } from "../../common/certificate.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { Metrics } from "../../common/metrics.ts";
import type { SealingKey } from "../../common/sealed.ts";
import type { CertificateRecord } from "../../state/certificates.ts";
import { Http2Entrance } from "../http2/entrance.ts";
import { Certificates } from "./certificates.ts";
import { type SecuredConnection, secure } from "./entrance.ts";
import type { TlsVersion } from "./secure-context.ts";
import { StateCertificates } from "./state-certificates.ts";

/** How an edge serves over TLS. */
export interface EdgeTlsOptions {
  readonly listen: SocketAddress;
  /** The port that clients use, for redirects; left out: that of `listen`. */
  readonly port?: number;
  readonly files: readonly CertificateFiles[];
  readonly unnamed: "first" | "refuse";
  readonly minVersion: TlsVersion;
  readonly http2: boolean;
  /** Opens the keys of certificates of the state; edges with the same one resume sessions. */
  readonly sealingKey?: SealingKey;
}

/** What the service needs from around it. */
export interface TlsServiceParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly idleMs?: number;
  /** Takes over a connection on which HTTP/1.1 has been agreed on. */
  enterHttp1(connection: SecuredConnection): void;
  /** Answers a request of HTTP/2. */
  onRequest(
    request: IncomingMessage,
    response: ServerResponse,
    connection: SecuredConnection,
  ): void;
  isWaiting(socket: Socket): boolean;
}

/** Certificates of which metrics tell: those that end first. */
const CERTIFICATES_SHOWN_MAX = 1_000;

/** Everything about TLS at one edge: certificates, handshakes, HTTP/2. */
export class TlsService {
  readonly #certificates: Certificates;
  readonly #ofState: StateCertificates;
  readonly #http2: Http2Entrance;
  /** Takes in a connection that has just been accepted. */
  readonly enter: (socket: Socket) => void;

  constructor(options: EdgeTlsOptions, parts: TlsServiceParts) {
    const { clock, log, metrics, idleMs } = parts;
    const { files, minVersion, unnamed, sealingKey } = options;
    const secret = sealingKey === undefined ? {} : { secret: sealingKey.secret };
    this.#certificates = new Certificates(
      { files, minVersion, unnamed, ...secret },
      { clock, log },
    );
    this.#ofState = new StateCertificates({ sealingKey, minVersion, log });
    this.#http2 = new Http2Entrance({
      ...(idleMs === undefined ? {} : { idleMs }),
      onRequest: (...request) => parts.onRequest(...request),
      isWaiting: (socket) => parts.isWaiting(socket),
    });
    const handshakes = metrics.counter("edge_tls_handshakes_total");
    const entrance = {
      certificates: this.#certificates,
      protocols: options.http2 ? (["h2", "http/1.1"] as const) : (["http/1.1"] as const),
      onHandshake: (result: string) => handshakes.add({ result }),
      onSecured: (connection: SecuredConnection) => {
        if (connection.protocol === "h2") this.#http2.enter(connection);
        else parts.enterHttp1(connection);
      },
    };
    this.enter = (socket) => secure(socket, entrance);
    this.#expose(metrics);
  }

  /** Looks from now on whether the files change. */
  start(): void {
    this.#certificates.start();
  }

  stop(): void {
    this.#certificates.stop();
  }

  /** Reads the files again. */
  reload(): void {
    this.#certificates.reload();
  }

  /** Puts the certificates of the state in force. */
  setRecords(records: Iterable<CertificateRecord>): void {
    this.#certificates.setOfState(this.#ofState.use(records));
  }

  /** Lets clients of HTTP/2 finish what is under way. */
  closeIdle(): void {
    this.#http2.closeIdle();
  }

  /** Ends all connections of HTTP/2 at once. */
  closeAll(): void {
    this.#http2.closeAll();
  }

  #expose(metrics: Metrics): void {
    metrics.onScrape("edge_http2_connections", () => [[{}, this.#http2.open]]);
    metrics.onScrape("edge_certificate_files_broken", () => [[{}, this.#certificates.broken]]);
    metrics.onScrape("edge_certificate_expiry_seconds", () =>
      this.#certificates.all
        .toSorted((a, b) => a.notAfter - b.notAfter)
        .slice(0, CERTIFICATES_SHOWN_MAX)
        .map(({ name, notAfter }) => [{ certificate: name }, notAfter / 1_000] as const),
    );
  }
}
