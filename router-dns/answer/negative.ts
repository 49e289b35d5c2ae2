import { SECTION } from "../wire/writer.ts";
import { typesAt } from "../zone/lookup.ts";
import type { Zone } from "../zone/zone.ts";
import { type Exchange, isSigned, type Place } from "./exchange.ts";
import { putDenial, putRrset } from "./records.ts";

/**
 * RFC 2308 section 2: the SOA says how long the negative answer may be kept; `ttlSeconds` shortens
 * that. In a signed zone the NSEC record of the name proves it (RFC 9824).
 */
export function putNegative(
  exchange: Exchange,
  zone: Zone,
  { owner, key }: Place,
  { ttlSeconds = zone.negativeSoa.ttlSeconds, except = 0 } = {},
): void {
  const ttl = Math.min(ttlSeconds, zone.negativeSoa.ttlSeconds);
  // RFC 4034 section 3.1.4: signed is the TTL of the zone, whatever is left of it here.
  putRrset(exchange, SECTION.AUTHORITY, zone.origin, zone.soa, ttl);
  if (exchange.signer === undefined || exchange.isTruncated || !isSigned(exchange)) return;
  const types = typesAt(zone, key);
  const held = except === 0 ? types : types?.filter((type) => type !== except);
  putDenial(exchange, SECTION.AUTHORITY, owner, exchange.signer.deny(key, held, ttl));
}

/** True if a name that does not exist is answered like one without data (RFC 9824 section 5). */
export function isDenialCompact(exchange: Exchange): boolean {
  return isSigned(exchange) && exchange.query.edns?.isCompactOk !== true;
}
