import { type IpBytes, unmapIpv4 } from "../../common/ip.ts";

/** What stands before a stream or a datagram that a front end passes on. */
export type ProxyHeader =
  /** The header is not whole yet: so many octets are needed at least. */
  | { readonly kind: "more"; readonly bytes: number }
  /** No header, or one that cannot be used: nothing behind it may be believed. */
  | { readonly kind: "broken" }
  /**
   * What was passed on begins at `length`. Without a source, the front end speaks for itself, as
   * when it looks whether we are alive.
   */
  | { readonly kind: "header"; readonly length: number; readonly source: IpBytes | undefined };

/** Octets of the longest header that is taken; addresses take 36, the rest is what others note. */
export const PROXY_HEADER_BYTES_MAX = 2_048;

/** "\r\n\r\n\0\r\nQUIT\n": no protocol begins so (section 2.2). */
const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

const FIXED_BYTES = 16;
const COMMAND_LOCAL = 0x20;
const COMMAND_PROXY = 0x21;
const FAMILY_INET = 1;
const FAMILY_INET6 = 2;
const INET_BYTES = 12;
const INET6_BYTES = 36;

const BROKEN: ProxyHeader = { kind: "broken" };

/**
 * Reads the binary header of the PROXY protocol at the start of `bytes` (P). Source: "The PROXY
 * protocol", W. Tarreau, version 2, section 2.2. The text form of version 1 is broken.
 */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  const known = Math.min(bytes.length, SIGNATURE.length);
  for (let i = 0; i < known; i += 1) if (bytes[i] !== SIGNATURE[i]) return BROKEN;
  if (bytes.length < FIXED_BYTES) return { kind: "more", bytes: FIXED_BYTES };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = FIXED_BYTES + view.getUint16(14);
  if (length > PROXY_HEADER_BYTES_MAX) return BROKEN;
  if (bytes.length < length) return { kind: "more", bytes: length };
  const command = view.getUint8(12);
  if (command === COMMAND_LOCAL) return { kind: "header", length, source: undefined };
  if (command !== COMMAND_PROXY) return BROKEN;
  const source = sourceOf(bytes, view.getUint8(13) >> 4, length - FIXED_BYTES);
  return source === undefined ? BROKEN : { kind: "header", length, source };
}

/** The address that the front end was spoken to from; of another family, nobody we could answer. */
function sourceOf(bytes: Uint8Array, family: number, length: number): IpBytes | undefined {
  if (family === FAMILY_INET && length >= INET_BYTES) {
    return bytes.slice(FIXED_BYTES, FIXED_BYTES + 4);
  }
  if (family === FAMILY_INET6 && length >= INET6_BYTES) {
    return unmapIpv4(bytes.slice(FIXED_BYTES, FIXED_BYTES + 16));
  }
  return undefined;
}
