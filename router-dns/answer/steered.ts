import type { IpBytes } from "../../common/ip.ts";
import type { SteerClient } from "../steering.ts";
import { TYPE } from "../wire/codes.ts";
import { type SubnetPrefix, subnetPrefix } from "../wire/edns.ts";
import { SECTION } from "../wire/writer.ts";
import type { Zone } from "../zone/zone.ts";
import { type Exchange, isSigned, type Place, truncate } from "./exchange.ts";
import { putNegative } from "./negative.ts";
import { putRrsigs } from "./records.ts";

/** Asks steering for the addresses of this client and writes them, or NODATA if there are none. */
export function putSteered(
  exchange: Exchange,
  zone: Zone,
  place: Place,
  { site, family }: { readonly site: string; readonly family: 4 | 6 },
): void {
  const { snapshot, peer } = exchange.context;
  const subnet = exchange.query.edns?.clientSubnet;
  // RFC 7871 section 7.1.2: with prefix length 0 the client asks not to be told apart.
  const isTailored = subnet !== undefined && subnet.sourcePrefixLength > 0;
  const prefix = isTailored ? subnetPrefix(exchange.packet, subnet) : undefined;
  const answer = snapshot.steering.steer(site, steerClient(prefix, peer), family);
  exchange.steered = { site, answer };
  if (prefix !== undefined) {
    const scope = answer.scopePrefixLength + prefix.scopeOffset;
    exchange.scopePrefixLength = Math.min(scope, prefix.scopeOffset + prefix.bytes.length * 8);
  }
  const type = family === 4 ? TYPE.A : TYPE.AAAA;
  const { addresses, ttlSeconds } = answer;
  if (addresses.length === 0) {
    // That there is no edge may be remembered no longer than which edge there is.
    return putNegative(exchange, zone, place, { ttlSeconds, except: type });
  }
  const head = { owner: place.owner, type, ttl: ttlSeconds };
  for (const address of addresses) {
    if (!exchange.writer.plainRecord(SECTION.ANSWER, head, address)) return truncate(exchange);
  }
  if (exchange.signer === undefined || !isSigned(exchange)) return;
  const rrsigs = exchange.signer.signSteered(place.key, { type, ttlSeconds, addresses });
  putRrsigs(exchange, SECTION.ANSWER, head, rrsigs);
}

function steerClient(prefix: SubnetPrefix | undefined, peer: IpBytes): SteerClient {
  if (prefix === undefined) {
    return { bytes: peer, prefixLength: peer.length * 8, source: "resolver" };
  }
  return { bytes: prefix.bytes, prefixLength: prefix.prefixLength, source: "ecs" };
}
