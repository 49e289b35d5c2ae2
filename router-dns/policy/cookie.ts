import type { IpBytes } from "../../common/ip.ts";
import type { Cookie } from "../wire/edns.ts";
import { octetAt } from "../wire/octets.ts";
import { SIPHASH_BYTES, sipHash24 } from "./siphash.ts";

/** Octets of a client cookie (RFC 7873 section 4.1). */
export const CLIENT_COOKIE_BYTES = 8;

/** Octets of a server cookie of version 1 (RFC 9018 section 4). */
const SERVER_COOKIE_BYTES = 16;

/** Octets of the cookie option of an answer: what the client sent, and what we say. */
export const COOKIE_BYTES = CLIENT_COOKIE_BYTES + SERVER_COOKIE_BYTES;

/** The version of server cookies that all makes of name servers understand (RFC 9018). */
const VERSION = 1;

/** Octets that are hashed before the address: client cookie, version, reserved, timestamp. */
const HASHED_BEFORE_ADDRESS = 16;

/** RFC 9018 section 4.3: how long a cookie counts, how clocks may differ, when it is renewed. */
const LIFETIME_SECONDS = 3_600;
const AHEAD_SECONDS = 300;
const RENEW_AFTER_SECONDS = 1_800;

/**
 * What a query's cookie says about its sender.
 * `none`: no cookie option. `new`: a client that has not heard from us yet. `bad`: a server cookie
 * that is not ours, too old, or of another client. `valid`: the address is not forged.
 */
export type CookieStanding = "none" | "new" | "bad" | "valid";

/** Keys that cookies are made and checked with, 16 octets each. */
export interface CookieSecrets {
  /** New cookies are made with this one. */
  readonly current: Uint8Array;
  /** Those that others still make, or made a short time ago. */
  readonly others: readonly Uint8Array[];
}

const HASHED = new Uint8Array(HASHED_BEFORE_ADDRESS + 16);
const HASH = new Uint8Array(SIPHASH_BYTES);

/**
 * Judges the cookie of a query and writes the one of its answer (P, but for `out`): RFC 7873
 * section 5.2, RFC 9018 section 4.
 *
 * `cookie` is where the option stands in `packet`, `peer` whom the packet came from,
 * `nowSeconds` the time in seconds since 1970. `out` takes the 24 octets to answer with, unless the
 * standing is `none`: a valid cookie as it came while it is young, else a new one.
 */
export function judgeCookie(
  packet: Uint8Array,
  cookie: Cookie | undefined,
  client: { readonly peer: IpBytes; readonly nowSeconds: number; readonly secrets: CookieSecrets },
  out: Uint8Array,
): CookieStanding {
  if (cookie === undefined) return "none";
  const { peer, nowSeconds, secrets } = client;
  for (let i = 0; i < CLIENT_COOKIE_BYTES; i += 1) out[i] = octetAt(packet, cookie.start + i);
  let standing: CookieStanding = "new";
  if (cookie.length > CLIENT_COOKIE_BYTES) {
    const madeWith = makerOf(packet, cookie, client);
    standing = madeWith === undefined ? "bad" : "valid";
    const age = (nowSeconds - timestampAt(packet, cookie.start)) | 0;
    if (madeWith === secrets.current && age <= RENEW_AFTER_SECONDS) {
      for (let i = CLIENT_COOKIE_BYTES; i < COOKIE_BYTES; i += 1) {
        out[i] = octetAt(packet, cookie.start + i);
      }
      return standing;
    }
  }
  makeCookie(secrets.current, peer, nowSeconds, out);
  return standing;
}

/**
 * Writes version, reserved octets, timestamp and hash behind the client cookie that stands at the
 * start of `out` (P, but for `out`). RFC 9018 section 4.
 */
export function makeCookie(
  secret: Uint8Array,
  peer: IpBytes,
  nowSeconds: number,
  out: Uint8Array,
): void {
  out[8] = VERSION;
  out[9] = 0;
  out[10] = 0;
  out[11] = 0;
  out[12] = nowSeconds >>> 24;
  out[13] = nowSeconds >>> 16;
  out[14] = nowSeconds >>> 8;
  out[15] = nowSeconds;
  hash(secret, out, 0, peer);
  for (let i = 0; i < SIPHASH_BYTES; i += 1) out[16 + i] = octetAt(HASH, i);
}

/** The secret that a server cookie was made with, if it is one of ours and of the right age. */
function makerOf(
  packet: Uint8Array,
  { start, length }: Cookie,
  client: { readonly peer: IpBytes; readonly nowSeconds: number; readonly secrets: CookieSecrets },
): Uint8Array | undefined {
  if (length !== COOKIE_BYTES || packet[start + CLIENT_COOKIE_BYTES] !== VERSION) return undefined;
  // RFC 1982 arithmetic: the difference counts, so the year 2106 changes nothing.
  const age = (client.nowSeconds - timestampAt(packet, start)) | 0;
  if (age > LIFETIME_SECONDS || age < -AHEAD_SECONDS) return undefined;
  const { current, others } = client.secrets;
  if (isMadeWith(current, packet, start, client.peer)) return current;
  for (const secret of others) if (isMadeWith(secret, packet, start, client.peer)) return secret;
  return undefined;
}

/** Compares in the same time whatever differs, so that nobody can feel for a hash. */
function isMadeWith(secret: Uint8Array, packet: Uint8Array, start: number, peer: IpBytes): boolean {
  hash(secret, packet, start, peer);
  let difference = 0;
  for (let i = 0; i < SIPHASH_BYTES; i += 1) {
    difference |= octetAt(HASH, i) ^ octetAt(packet, start + HASHED_BEFORE_ADDRESS + i);
  }
  return difference === 0;
}

function hash(secret: Uint8Array, cookie: Uint8Array, start: number, peer: IpBytes): void {
  for (let i = 0; i < HASHED_BEFORE_ADDRESS; i += 1) HASHED[i] = octetAt(cookie, start + i);
  for (let i = 0; i < peer.length; i += 1) HASHED[HASHED_BEFORE_ADDRESS + i] = octetAt(peer, i);
  sipHash24(secret, HASHED, HASHED_BEFORE_ADDRESS + peer.length, HASH, 0);
}

function timestampAt(bytes: Uint8Array, start: number): number {
  return (
    (octetAt(bytes, start + 12) << 24) |
    (octetAt(bytes, start + 13) << 16) |
    (octetAt(bytes, start + 14) << 8) |
    octetAt(bytes, start + 15)
  );
}
