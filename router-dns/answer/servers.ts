import type { ZoneSigner } from "../signing.ts";
import { TYPE } from "../wire/codes.ts";
import { nameKey } from "../wire/name.ts";
import { type Owner, SECTION } from "../wire/writer.ts";
import { typesAt } from "../zone/lookup.ts";
import { type Delegation, findRrset, type Glue, type Rrset, type Zone } from "../zone/zone.ts";
import { type Exchange, isSigned, note, truncate } from "./exchange.ts";
import { putDenial, putRrset } from "./records.ts";

/**
 * RFC 9609 section 4.1: who asks the root for its servers gets their addresses too, and so it is
 * with every zone (RFC 1035 section 3.3.11). They can be asked for: no TC if they do not fit.
 */
export function putHit(exchange: Exchange, zone: Zone, owner: Owner, rrset: Rrset): void {
  putRrset(exchange, SECTION.ANSWER, owner, rrset);
  if (rrset.type !== TYPE.NS || exchange.isTruncated) return;
  const missing = putGlue(exchange, zone.glue);
  const { signer } = exchange;
  if (signer === undefined || !isSigned(exchange)) return;
  for (const { owner, rrset } of zone.glue.filter((glue) => !missing.includes(glue))) {
    const key = nameKey(owner);
    if (zone.nodes.get(key)?.cut !== undefined) continue;
    const head = { owner, type: TYPE.RRSIG, ttl: rrset.ttlSeconds };
    // RFC 4035 section 3.1.1: what is additional may go without its signature.
    for (const rrsig of signer.sign(key, rrset)) {
      exchange.writer.plainRecord(SECTION.ADDITIONAL, head, rrsig);
    }
  }
  note(exchange, SECTION.ADDITIONAL, "signature");
}

/** RFC 1034 section 4.2.1: the delegation in the authority section, glue in the additional one. */
export function putReferral(exchange: Exchange, zone: Zone, delegation: Delegation): void {
  const { owner, ns, glue } = delegation;
  const head = { owner, type: ns.type, ttl: ns.ttlSeconds };
  if (!exchange.writer.records(SECTION.AUTHORITY, head, ns.rdatas)) truncate(exchange);
  note(exchange, SECTION.AUTHORITY, "delegation", ns);
  if (exchange.signer !== undefined && isSigned(exchange)) {
    putDelegationProof(exchange, exchange.signer, zone, delegation);
  }
  if (exchange.isTruncated) return;
  // RFC 9471 section 3.1: without in-domain glue the referral leads nowhere, so TC; other glue can
  // be asked for.
  exchange.isTruncated = putGlue(exchange, glue).some(({ isInDomain }) => isInDomain);
}

/** RFC 4035 section 3.1.4: the DS of a signed child, or the proof that the child is not signed. */
function putDelegationProof(
  exchange: Exchange,
  signer: ZoneSigner,
  zone: Zone,
  { owner, key }: Delegation,
): void {
  if (exchange.isTruncated) return;
  const ds = findRrset(zone.nodes.get(key), TYPE.DS);
  if (ds !== undefined) return putRrset(exchange, SECTION.AUTHORITY, owner, ds);
  const denial = signer.deny(key, typesAt(zone, key), zone.negativeSoa.ttlSeconds);
  putDenial(exchange, SECTION.AUTHORITY, owner, denial);
}

/** Writes addresses of name servers as far as they fit. Gives those that do not. */
function putGlue(exchange: Exchange, glue: readonly Glue[]): readonly Glue[] {
  const missing = glue.filter(({ owner, rrset }) => {
    const head = { owner, type: rrset.type, ttl: rrset.ttlSeconds };
    return !exchange.writer.records(SECTION.ADDITIONAL, head, rrset.rdatas);
  });
  note(exchange, SECTION.ADDITIONAL, "glue");
  return missing;
}
