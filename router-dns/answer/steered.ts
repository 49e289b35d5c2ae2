import { unreachable } from "../../common/assert.ts";
import type { IpBytes } from "../../common/ip.ts";
import { BROKEN_ALIAS, NOT_READY } from "../policy/query-policy.ts";
import type { SteerAnswer, SteerClient } from "../steering.ts";
import { TYPE } from "../wire/codes.ts";
import { type SubnetPrefix, subnetPrefix } from "../wire/edns.ts";
import type { Name } from "../wire/name.ts";
import { nameRdata } from "../wire/rdata.ts";
import { serviceRdata } from "../wire/svcb.ts";
import { SECTION } from "../wire/writer.ts";
import { followAlias } from "../zone/alias.ts";
import type { SteeredLookup } from "../zone/lookup.ts";
import type { Alias, Zone } from "../zone/zone.ts";
import { type Exchange, isSigned, note, type Place, refuse, truncate } from "./exchange.ts";
import { putNegative } from "./negative.ts";
import { putRrset, putRrsigs } from "./records.ts";

/** The records of a name that a zone file does not hold as they are. */
interface Made {
  readonly ttlSeconds: number;
  readonly rdatas: readonly Uint8Array[];
  /** A host elsewhere that stands in for the name. An alias cannot have it: it is no CNAME. */
  readonly backup?: Name;
}

/** Asks steering for the records of this client and writes them, or NODATA if there are none. */
export function putSteered(
  exchange: Exchange,
  zone: Zone,
  place: Place,
  steered: Pick<SteeredLookup, "site" | "service">,
): void {
  const made = steerRecords(exchange, steered);
  if (made.backup === undefined) putMade(exchange, zone, place, made);
  else putBackup(exchange, place, made.backup, made.ttlSeconds);
}

/** Writes what the target of an alias has for this client, as if it were the name's own. */
export function putAlias(exchange: Exchange, zone: Zone, place: Place, alias: Alias): void {
  const { snapshot, recorder } = exchange.context;
  const end = followAlias(snapshot.zones, alias, exchange.query.qtype);
  recorder?.aliased(alias, end);
  switch (end.kind) {
    case "broken":
      return refuse(exchange, end.problem === "not-ready" ? NOT_READY : BROKEN_ALIAS);
    case "nodata":
      return putMade(exchange, zone, place, { ttlSeconds: end.ttlSeconds, rdatas: [] });
    case "static": {
      const rdatas = end.rrset.rdatas.map(({ prefix }) => prefix);
      return putMade(exchange, zone, place, { ttlSeconds: end.ttlSeconds, rdatas });
    }
    case "steered": {
      const { ttlSeconds, rdatas } = steerRecords(exchange, end);
      const least = Math.min(ttlSeconds, end.ttlSeconds);
      return putMade(exchange, zone, place, { ttlSeconds: least, rdatas });
    }
    default:
      return unreachable(end);
  }
}

/** RFC 9460 section 7.3: hints are the addresses that this client gets for A and AAAA. */
function steerRecords(
  exchange: Exchange,
  { site, service }: Pick<SteeredLookup, "site" | "service">,
): Made {
  const { qtype } = exchange.query;
  const { addresses, ttlSeconds, backup } = steer(exchange, site, qtype === TYPE.AAAA ? 6 : 4);
  if (backup !== undefined) return { ttlSeconds, rdatas: [], backup };
  if (qtype !== TYPE.HTTPS) return { ttlSeconds, rdatas: addresses };
  const { addresses: v6 } = steer(exchange, site, 6);
  // Where there is no edge there is no service either.
  const hasEdge = addresses.length + v6.length > 0;
  if (service === undefined || !hasEdge) return { ttlSeconds, rdatas: [] };
  return { ttlSeconds, rdatas: [serviceRdata(service, addresses, v6)] };
}

/** What steering says for the client of a query. */
function steer(exchange: Exchange, site: string, family: 4 | 6): SteerAnswer {
  const { snapshot, peer } = exchange.context;
  const subnet = exchange.query.edns?.clientSubnet;
  const isByResolver = snapshot.steering.ignoresSubnet?.(site) === true;
  // RFC 7871 section 7.1.2: with prefix length 0 the client asks not to be told apart. A site that
  // ignores subnets has scope 0 (section 7.2.1): the answer depends on who asks, but on no bit of
  // the option, so a resolver may give it to whomever it serves.
  const isTailored = subnet !== undefined && subnet.sourcePrefixLength > 0 && !isByResolver;
  const prefix = isTailored ? subnetPrefix(exchange.packet, subnet) : undefined;
  const answer = snapshot.steering.steer(site, steerClient(prefix, peer), family);
  exchange.steered ??= isByResolver ? { site, answer, isByResolver } : { site, answer };
  if (prefix !== undefined) {
    const scope = Math.min(
      answer.scopePrefixLength + prefix.scopeOffset,
      prefix.scopeOffset + prefix.bytes.length * 8,
    );
    exchange.scopePrefixLength = Math.max(exchange.scopePrefixLength, scope);
  }
  return answer;
}

/**
 * A CNAME to a host elsewhere, which the resolver follows (RFC 1034 section 3.6.2). Types that are
 * not steered are not answered with it: it stands there only while no edge is up.
 */
function putBackup(exchange: Exchange, place: Place, target: Name, ttlSeconds: number): void {
  const rrset = { type: TYPE.CNAME, ttlSeconds, rdatas: [nameRdata(target)] };
  putRrset(exchange, SECTION.ANSWER, place.owner, rrset);
}

function steerClient(prefix: SubnetPrefix | undefined, peer: IpBytes): SteerClient {
  if (prefix === undefined) {
    return { bytes: peer, prefixLength: peer.length * 8, source: "resolver" };
  }
  return { bytes: prefix.bytes, prefixLength: prefix.prefixLength, source: "ecs" };
}

/** Writes records that are no set of the zone, or that there are none of this type. */
function putMade(exchange: Exchange, zone: Zone, place: Place, made: Made): void {
  const { qtype: type } = exchange.query;
  const { ttlSeconds, rdatas } = made;
  if (rdatas.length === 0) {
    // That there is no edge may be remembered no longer than which edge there is.
    return putNegative(exchange, zone, place, { ttlSeconds, except: type });
  }
  const head = { owner: place.owner, type, ttl: ttlSeconds };
  for (const rdata of rdatas) {
    if (!exchange.writer.plainRecord(SECTION.ANSWER, head, rdata)) return truncate(exchange);
  }
  note(exchange, SECTION.ANSWER, "made");
  if (exchange.signer === undefined || !isSigned(exchange)) return;
  const rrsigs = exchange.signer.signSteered(place.key, { type, ttlSeconds, rdatas });
  putRrsigs(exchange, SECTION.ANSWER, head, rrsigs);
}
