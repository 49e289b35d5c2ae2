import { isIP } from "node:net";
import { fail, ok, type Result } from "./result.ts";

/** Where a socket listens or connects: a literal IP address and a port from 0 to 65535. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `127.0.0.1:5300`, `[::1]:5300` (P). Names are refused: a listener must not depend on DNS.
 */
export function parseSocketAddress(text: string): Result<SocketAddress, string> {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  if (isIP(host) === 0 || port > 65_535) {
    return fail(`"${text}" is not an address and port (like 127.0.0.1:8080 or [::1]:8080)`);
  }
  return ok({ host, port });
}

/** Writes an address and port, with brackets around IPv6 (P). */
export function formatSocketAddress(address: SocketAddress): string {
  return address.host.includes(":")
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}
