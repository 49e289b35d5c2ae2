import type { Denial } from "../signing.ts";
import { TYPE } from "../wire/codes.ts";
import { nameKey } from "../wire/name.ts";
import type { Owner, Section } from "../wire/writer.ts";
import type { Rrset } from "../zone/zone.ts";
import { type Exchange, isSigned, note, truncate } from "./exchange.ts";

/**
 * Writes a set and, if the client wants them, its signatures; not if the zone is not signed.
 * `ttlSeconds` is what clients may keep it for, if that is less than what the zone says.
 */
export function putRrset(
  exchange: Exchange,
  section: Section,
  owner: Owner,
  rrset: Rrset,
  ttlSeconds: number = rrset.ttlSeconds,
): void {
  const head = { owner, type: rrset.type, ttl: ttlSeconds };
  if (!exchange.writer.records(section, head, rrset.rdatas)) return truncate(exchange);
  note(exchange, section, "rrset", rrset);
  if (exchange.signer === undefined || !isSigned(exchange)) return;
  const key = typeof owner === "number" ? exchange.query.qname : nameKey(owner);
  putRrsigs(exchange, section, head, exchange.signer.sign(key, rrset));
}

/** RFC 4034 section 3: signatures have owner and TTL of what they sign. */
export function putRrsigs(
  exchange: Exchange,
  section: Section,
  { owner, ttl }: { readonly owner: Owner; readonly ttl: number },
  rrsigs: readonly Uint8Array[],
): void {
  const head = { owner, type: TYPE.RRSIG, ttl };
  for (const rrsig of rrsigs) {
    if (!exchange.writer.plainRecord(section, head, rrsig)) return truncate(exchange);
  }
  note(exchange, section, "signature");
}

export function putDenial(
  exchange: Exchange,
  section: Section,
  owner: Owner,
  denial: Denial,
): void {
  const { rrset, rrsigs } = denial;
  const head = { owner, type: rrset.type, ttl: rrset.ttlSeconds };
  if (!exchange.writer.records(section, head, rrset.rdatas)) return truncate(exchange);
  note(exchange, section, "denial");
  if (isSigned(exchange)) putRrsigs(exchange, section, head, rrsigs);
}
