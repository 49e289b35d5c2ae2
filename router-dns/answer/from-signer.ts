import { TYPE } from "../wire/codes.ts";
import type { NameKey } from "../wire/name.ts";
import { type Owner, QUESTION_NAME, SECTION } from "../wire/writer.ts";
import { lookUp, typesAt } from "../zone/lookup.ts";
import type { Zone } from "../zone/zone.ts";
import type { Exchange } from "./exchange.ts";
import { putDenial, putRrset, putRrsigs } from "./records.ts";

/**
 * Answers what only a signed zone has: the keys at its apex, and of every name its NSEC record,
 * which is the answer to NSEC, and whose signature is the answer to RRSIG (RFC 9824 section 3).
 * False if the query is for something else.
 */
export function putFromSigner(exchange: Exchange, zone: Zone, owner: Owner, key: NameKey): boolean {
  const { signer } = exchange;
  const { qtype } = exchange.query;
  if (signer === undefined) return false;
  const isNsec = qtype === TYPE.NSEC || qtype === TYPE.RRSIG;
  if (isNsec && isOwnName(zone, key, qtype)) {
    const denial = signer.deny(key, typesAt(zone, key), zone.negativeSoa.ttlSeconds);
    if (qtype === TYPE.NSEC) putDenial(exchange, SECTION.ANSWER, owner, denial);
    else
      putRrsigs(exchange, SECTION.ANSWER, { owner, ttl: denial.rrset.ttlSeconds }, denial.rrsigs);
  } else {
    const rrset =
      key === zone.key ? signer.apexRrsets.find(({ type }) => type === qtype) : undefined;
    if (rrset === undefined) return false;
    putRrset(exchange, SECTION.ANSWER, owner, rrset);
  }
  if (owner === QUESTION_NAME) exchange.isAuthoritative = true;
  return true;
}

/** True if the zone itself says what there is at a name, or that there is nothing. */
function isOwnName(zone: Zone, key: NameKey, qtype: number): boolean {
  const { kind } = lookUp(zone, key, qtype);
  return kind !== "delegation" && kind !== "dname";
}
