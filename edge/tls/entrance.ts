import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { HEAD_MS_MAX, WRITE_AHEAD_BYTES } from "../accept/listener.ts";
import { certificateFor, type EdgeCertificate } from "./certificate-table.ts";
import type { Certificates } from "./certificates.ts";

/** A client that has not agreed on keys within so long is ended, in milliseconds. */
export const HANDSHAKE_MS_MAX: number = HEAD_MS_MAX;

/** What became of a handshake. A closed set: metrics use it. */
export type HandshakeResult =
  | "full"
  | "resumed"
  /** No certificate is for the name that the client says. */
  | "unrecognized-name"
  /** The client left, spoke something else, or has no version, cipher or protocol in common. */
  | "failed"
  | "timeout";

/** What is known of a connection that has been secured. */
export interface SecuredConnection {
  readonly socket: TLSSocket;
  /** The certificate whose names the client may ask for here. */
  readonly certificate: EdgeCertificate;
  readonly protocol: "h2" | "http/1.1";
}

/** What an entrance needs from around it. */
export interface EntranceOptions {
  readonly certificates: Pick<Certificates, "table" | "entry">;
  /** Protocols that may be spoken inside, the best first. */
  readonly protocols: readonly ("h2" | "http/1.1")[];
  readonly onSecured: (connection: SecuredConnection) => void;
  readonly onHandshake: (result: HandshakeResult) => void;
}

/**
 * A fatal alert, as it stands in a record before there are keys: RFC 8446 sections 5.1 and 6. Node
 * has no way to send this one.
 */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

/**
 * Agrees on keys with the client of a connection that has just been accepted, and hands it on with
 * what was agreed. Whoever cannot is ended.
 */
export function secure(socket: Socket, options: EntranceOptions): void {
  const handshake = new Handshake(socket, options);
  handshake.begin();
}

class Handshake {
  readonly #socket: Socket;
  readonly #options: EntranceOptions;
  readonly #secured: TLSSocket;
  readonly #timer: NodeJS.Timeout;
  #chosen: EdgeCertificate | undefined;
  #isOver = false;

  constructor(socket: Socket, options: EntranceOptions) {
    this.#socket = socket;
    this.#options = options;
    const { certificates, protocols } = options;
    this.#secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: certificates.entry,
      ALPNProtocols: [...protocols],
      SNICallback: (name, done) => this.#choose(name, done),
      // The types do not know that it is handed to the stream.
      ...({ highWaterMark: WRITE_AHEAD_BYTES } as object),
    });
    this.#timer = setTimeout(() => this.#end("timeout"), HANDSHAKE_MS_MAX);
  }

  begin(): void {
    const secured = this.#secured;
    secured.on("error", () => this.#end("failed"));
    // Each of the two ends the other: Node closes what both stand on, and tells only one of them.
    secured.once("close", () => this.#end("failed"));
    this.#socket.once("close", () => this.#end("failed"));
    secured.once("secure", () => this.#agreed());
  }

  /** RFC 6066 section 3: who asks for a name that is not here is told so, and gets no other. */
  #choose(name: string, done: Parameters<NonNullable<SniCallback>>[1]): void {
    this.#chosen = certificateFor(this.#options.certificates.table, name);
    if (this.#chosen !== undefined) {
      done(null, this.#chosen.context);
      return;
    }
    this.#socket.write(UNRECOGNIZED_NAME);
    this.#end("unrecognized-name");
  }

  #agreed(): void {
    const secured = this.#secured;
    const { certificates, onHandshake, onSecured } = this.#options;
    // OpenSSL does not ask for a certificate when a session is resumed.
    const { servername } = secured as { readonly servername?: string | false | null };
    const { table } = certificates;
    const isNamed = typeof servername === "string" && servername !== "";
    const certificate =
      this.#chosen ?? (isNamed ? certificateFor(table, servername) : table.unnamed);
    if (certificate === undefined) {
      this.#end("unrecognized-name");
      return;
    }
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    onHandshake(secured.isSessionReused() ? "resumed" : "full");
    const protocol = secured.alpnProtocol === "h2" ? "h2" : "http/1.1";
    onSecured({ socket: secured, certificate, protocol });
  }

  /** Both are closed, also when the connection ends that had been handed on. */
  #end(result: HandshakeResult): void {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#options.onHandshake(result);
    this.#isOver = true;
    this.#secured.destroy();
    this.#socket.destroy();
  }
}

type SniCallback = NonNullable<ConstructorParameters<typeof TLSSocket>[1]>["SNICallback"];
