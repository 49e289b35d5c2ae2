import { hkdfSync } from "node:crypto";
import type { EpochMs } from "../../common/clock.ts";

/** How long one key seals the sessions of clients that come back. */
export const TICKET_KEY_MS = 12 * 3_600_000;

/** How long a session can be resumed, in seconds, if its key is not replaced before. */
export const TICKET_SECONDS = 7_200;

/** What Node takes: 16 bytes of name, 16 to authenticate, 16 to encrypt. */
const TICKET_KEY_BYTES = 48;

/**
 * The key that seals sessions at a time (P): the same at every edge that has the same secret, and
 * another one in each period. RFC 5077 section 5.5, RFC 5869.
 *
 * Example: two edges with one key file, within the same 12 hours since 1970 -> the same 48 bytes.
 */
export function ticketKey(secret: Uint8Array, now: EpochMs): Buffer {
  const period = String(Math.floor(now / TICKET_KEY_MS));
  const info = `meridian session tickets ${period}`;
  return Buffer.from(hkdfSync("sha256", secret, "", info, TICKET_KEY_BYTES));
}

/** Milliseconds until there is another key (P). */
export function msToNextTicketKey(now: EpochMs): number {
  return TICKET_KEY_MS - (now % TICKET_KEY_MS);
}
