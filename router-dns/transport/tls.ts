import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { EndConnection, RefusalReason } from "./accept.ts";

/** The certificate and key of the moment, ready for use. */
export type SecureContextSource = () => SecureContext;

/** How a connection becomes a secure one. */
export interface SecureOptions {
  readonly secureContext: SecureContextSource;
  /** Protocols that may be spoken inside (RFC 7301), the best first. */
  readonly alpn: readonly string[];
  /** How long a client may take to agree on keys, in milliseconds. */
  readonly idleMs: number;
  readonly onRefusal: (reason: RefusalReason) => void;
}

/**
 * Agrees on keys with the client of a connection and hands over what it says inside. A client that
 * cannot, speaks something else or takes too long is ended.
 */
export function secureConnection(
  socket: Socket,
  { secureContext, alpn, idleMs, onRefusal }: SecureOptions,
  serve: (secured: TLSSocket) => EndConnection,
): EndConnection {
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: secureContext(),
    ALPNProtocols: [...alpn],
  });
  let end: EndConnection | undefined;
  const refuse = (): void => {
    if (end === undefined) onRefusal("handshake");
    secured.destroy();
    socket.destroy();
  };
  const timer = setTimeout(refuse, idleMs);
  secured.on("error", refuse);
  // Each of the two ends the other: Node closes what both stand on, and tells only one of them.
  secured.once("close", () => socket.destroy());
  socket.once("close", () => {
    clearTimeout(timer);
    secured.destroy();
  });
  secured.once("secure", () => {
    clearTimeout(timer);
    end = serve(secured);
  });
  return () => {
    if (end === undefined) socket.destroy();
    else end();
  };
}
