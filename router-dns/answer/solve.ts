import { unreachable } from "../../common/assert.ts";
import { NOT_AUTHORITATIVE, NOT_READY } from "../policy/query-policy.ts";
import { HEADER_BYTES, RCODE, TYPE } from "../wire/codes.ts";
import { type Name, type NameKey, nameKey, replaceAncestor } from "../wire/name.ts";
import { fixedRdata, nameRdata } from "../wire/rdata.ts";
import { type Owner, QUESTION_NAME, SECTION } from "../wire/writer.ts";
import { findZone, isInMissingZone, lookUp } from "../zone/lookup.ts";
import type { Rrset, Zone } from "../zone/zone.ts";
import { type Exchange, note, refuse, type Step, truncate } from "./exchange.ts";
import { putFromSigner } from "./from-signer.ts";
import { isDenialCompact, putNegative } from "./negative.ts";
import { putRrset } from "./records.ts";
import { putHit, putReferral } from "./servers.ts";
import { putAlias, putSteered } from "./steered.ts";

/** CNAMEs followed in one answer; a resolver goes on by itself from where we stop. */
export const CNAME_CHAIN_MAX = 8;

/** TTL of the answer to ANY (RFC 8482 section 4.2); it depends on nothing. */
const ANY_TTL_SECONDS = 3600;

/** CPU "RFC8482" and an empty OS (RFC 8482 section 4.2). */
const ANY_HINFO: Rrset = {
  type: TYPE.HINFO,
  ttlSeconds: ANY_TTL_SECONDS,
  rdatas: [fixedRdata(Uint8Array.from([7, ...Buffer.from("RFC8482", "latin1"), 0]))],
};

/** Answers the question, and the one that each CNAME puts in its place (RFC 1034 section 4.3.2). */
export function solve(exchange: Exchange): void {
  const { zones, signing } = exchange.context.snapshot;
  const { qname, qtype } = exchange.query;
  let step: Step = { owner: QUESTION_NAME, key: qname };
  const seen: NameKey[] = [];
  while (step !== undefined && seen.length <= CNAME_CHAIN_MAX && !seen.includes(step.key)) {
    const zone = findZone(zones, step.key, qtype);
    if (zone === undefined) {
      if (seen.length > 0) return;
      refuse(exchange, isInMissingZone(zones, step.key) ? NOT_READY : NOT_AUTHORITATIVE);
      return;
    }
    if (seen.length === 0) exchange.subject = zone.nodes.has(step.key) ? step.key : zone.key;
    seen.push(step.key);
    exchange.signer = signing.signerOf(zone.key);
    exchange.context.recorder?.entered(zone, step.key);
    step = solveName(exchange, zone, step.owner, step.key);
  }
}

/** Writes what one zone has for one name of the chain. */
function solveName(exchange: Exchange, zone: Zone, owner: Owner, key: NameKey): Step {
  const { qtype } = exchange.query;
  if (exchange.signer !== undefined && putFromSigner(exchange, zone, owner, key)) return undefined;
  const found = lookUp(zone, key, qtype);
  // RFC 1035 section 4.1.1: AA is about the first owner name of the answer.
  if (owner === QUESTION_NAME) exchange.isAuthoritative = found.kind !== "delegation";
  switch (found.kind) {
    case "hit":
      putHit(exchange, zone, owner, found.rrset);
      return undefined;
    case "any":
      putRrset(exchange, SECTION.ANSWER, owner, ANY_HINFO);
      return undefined;
    case "steered":
      putSteered(exchange, zone, { owner, key }, found);
      return undefined;
    case "alias":
      putAlias(exchange, zone, { owner, key }, found.alias);
      return undefined;
    case "follow": {
      putRrset(exchange, SECTION.ANSWER, owner, found.cname);
      const target = exchange.isTruncated ? undefined : found.cname.rdatas[0]?.names[0];
      return target && { owner: target, key: found.target };
    }
    case "dname":
      return putDname(exchange, owner, found);
    case "delegation":
      putReferral(exchange, zone, found.delegation);
      return undefined;
    case "nodata":
      putNegative(exchange, zone, { owner, key });
      return undefined;
    case "nxdomain":
      // RFC 9824 section 5: who cannot tell the two apart sees a name without data.
      if (!isDenialCompact(exchange)) exchange.rcode = RCODE.NXDOMAIN;
      putNegative(exchange, zone, { owner, key });
      return undefined;
    default:
      return unreachable(found);
  }
}

/**
 * RFC 6672 section 3.1: the DNAME, and for those who do not know it the CNAME that it makes of this
 * name. Where that would be too long the answer is YXDOMAIN, with the DNAME that is to blame.
 */
function putDname(
  exchange: Exchange,
  owner: Owner,
  found: { readonly owner: Name; readonly dname: Rrset },
): Step {
  if (!exchange.dnames.includes(found.dname)) {
    exchange.dnames = [...exchange.dnames, found.dname];
    putRrset(exchange, SECTION.ANSWER, found.owner, found.dname);
  }
  const target = found.dname.rdatas[0]?.prefix;
  if (exchange.isTruncated || target === undefined) return undefined;
  const name = typeof owner === "number" ? questionName(exchange) : owner;
  const cname = replaceAncestor(name, found.owner, target);
  if (cname === undefined) {
    exchange.rcode = RCODE.YXDOMAIN;
    return undefined;
  }
  const { ttlSeconds } = found.dname;
  // RFC 6672 section 5.3.1: it has no signature; that of the DNAME is what proves it.
  const head = { owner, type: TYPE.CNAME, ttl: ttlSeconds };
  if (!exchange.writer.record(SECTION.ANSWER, head, nameRdata(cname))) truncate(exchange);
  note(exchange, SECTION.ANSWER, "dname-cname");
  // RFC 6672 section 3.2: for who asks for the CNAME, this is it.
  const isOver = exchange.isTruncated || exchange.query.qtype === TYPE.CNAME;
  return isOver ? undefined : { owner: cname, key: nameKey(cname) };
}

/** The name that was asked for, in its own case. */
function questionName({ packet, query }: Exchange): Name {
  return packet.subarray(HEADER_BYTES, query.questionEnd - 4);
}
