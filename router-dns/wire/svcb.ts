import type { IpBytes } from "../../common/ip.ts";
import { uint16 } from "./rdata.ts";

/** Numbers of the parameters that have a name (IANA "Service Parameter Keys (SvcParamKeys)"). */
export const PARAM = {
  mandatory: 0,
  alpn: 1,
  "no-default-alpn": 2,
  port: 3,
  ipv4hint: 4,
  ech: 5,
  ipv6hint: 6,
  dohpath: 7,
  ohttp: 8,
} as const;

/** What HTTPS records of a steered name say; the addresses are chosen for each client. */
export interface HttpsService {
  /** Priority, target and the parameters before the hints, in wire form. */
  readonly head: Uint8Array;
  /** True if the records say the addresses too. */
  readonly hasHints: boolean;
}

/** How a service is reached (RFC 9460 section 7). */
export interface ServiceFields {
  /** ALPN protocol names, at least one, of 1 to 255 octets each. */
  readonly alpn: readonly string[];
  readonly port: number;
  readonly hasHints: boolean;
}

/** What every HTTPS client speaks unless it is told not to (RFC 9460 section 9.1.1). */
const DEFAULT_PROTOCOL = "http/1.1";

/** The port of https URLs, which goes without saying. */
const DEFAULT_PORT = 443;

/** Its own owner is where the service is: priority 1 and the target `.` (RFC 9460 section 2.5). */
const SERVICE_MODE = [0, 1, 0];

/** Encodes what is the same for all clients (P). RFC 9460 section 2.2: keys in ascending order. */
export function httpsService({ alpn, port, hasHints }: ServiceFields): HttpsService {
  const protocols = alpn.flatMap((name) => [name.length, ...Buffer.from(name, "latin1")]);
  const head = [...SERVICE_MODE, ...param(PARAM.alpn, protocols)];
  if (!alpn.includes(DEFAULT_PROTOCOL)) head.push(...param(PARAM["no-default-alpn"], []));
  if (port !== DEFAULT_PORT) head.push(...param(PARAM.port, [...uint16(port)]));
  return { head: Uint8Array.from(head), hasHints };
}

/** The data of an HTTPS record with these addresses as hints (P). RFC 9460 section 7.3. */
export function serviceRdata(
  { head, hasHints }: HttpsService,
  v4: readonly IpBytes[],
  v6: readonly IpBytes[],
): Uint8Array {
  if (!hasHints) return head;
  return Uint8Array.from([...head, ...hints(PARAM.ipv4hint, v4), ...hints(PARAM.ipv6hint, v6)]);
}

function hints(key: number, addresses: readonly IpBytes[]): readonly number[] {
  return addresses.length === 0
    ? []
    : param(
        key,
        addresses.flatMap((address) => [...address]),
      );
}

function param(key: number, value: readonly number[]): readonly number[] {
  return [...uint16(key), ...uint16(value.length), ...value];
}
