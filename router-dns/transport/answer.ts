import type { IpBytes } from "../../common/ip.ts";
import { parseIp } from "../../common/ip.ts";

/** How a packet came: plainly, over TLS (RFC 7858), or in HTTP (RFC 8484). */
export type Transport = "udp" | "tcp" | "dot" | "doh";

/** Sends an answer of several messages, each made when the client has taken those before. */
export type SendMessages = (messages: Iterable<Uint8Array>) => void;

/** Sends one message to who has asked, after the call that its question came with. */
export type Reply = (message: Uint8Array) => void;

/** The way back over UDP, for who cannot answer at once. */
export interface Later {
  /** Gives what answers the packet of this moment; to be called before its call returns. */
  reply(): Reply;
}

/**
 * Answers one packet: writes into `out` and gives the number of octets, 0 to say nothing. The same
 * function serves all transports. It must not throw and must not keep `packet`, `peer` or `out`.
 * Where a transport can carry more than one message, it gives `send`; after a call of that the
 * number that comes back means nothing. Over UDP it gives what an answer can be sent with
 * that is not ready yet; then 0 is to come back.
 */
export type AnswerPacket = (
  packet: Uint8Array,
  peer: IpBytes,
  transport: Transport,
  out: Uint8Array,
  way?: SendMessages | Later,
) => number;

/**
 * Answers a packet that came over UDP and stands in `bytes` from `start` to `end`, as
 * `AnswerPacket` would and with nothing made for it. Undefined: this one is for `AnswerPacket`.
 */
export type AnswerInPlace = (
  bytes: Uint8Array,
  start: number,
  end: number,
  peer: IpBytes,
  out: Uint8Array,
) => number | undefined;

/** The same for any datagram. It never throws. */
export type AnswerDatagram = (...datagram: Parameters<AnswerInPlace>) => number;

/** The largest DNS message (RFC 1035 section 4.2.2). */
export const MESSAGE_BYTES_MAX = 65_535;

/**
 * The bytes of an address as Node's sockets write it (P). Dotted quads, which are most, are read
 * without a regular expression. Undefined for what no socket writes.
 */
export function peerBytes(address: string): IpBytes | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = 0;
  for (let i = 0; i < address.length; i += 1) {
    const code = address.charCodeAt(i);
    if (code === 46) {
      bytes[part] = value;
      part += 1;
      value = 0;
    } else if (code >= 48 && code <= 57) {
      value = value * 10 + code - 48;
    } else {
      return parseOther(address);
    }
  }
  if (part !== 3) return undefined;
  bytes[3] = value;
  return bytes;
}

/** IPv6; a link-local peer has its zone behind a `%`, which is no part of the address. */
function parseOther(address: string): IpBytes | undefined {
  const bytes = parseIp(address.split("%", 1)[0] ?? "");
  return bytes.ok ? bytes.value : undefined;
}
