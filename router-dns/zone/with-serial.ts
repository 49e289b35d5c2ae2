import { invariant } from "../../common/assert.ts";
import type { Steps } from "../../common/steps.ts";
import { TYPE } from "../wire/codes.ts";
import type { NameKey } from "../wire/name.ts";
import { NAMES_PER_STEP, type Rrset, type Zone, type ZoneNode } from "./zone.ts";

/** Where the serial stands in the numbers at the end of a SOA (RFC 1035 section 3.3.13). */
const SERIAL_BYTES = 4;

/** The same zone with another serial, 0 to 2^32 - 1, in steps (P). */
export function* withSerial(zone: Zone, serial: number): Steps<Zone> {
  const apex = zone.nodes.get(zone.key);
  const [rdata] = zone.soa.rdatas;
  invariant(apex !== undefined && rdata !== undefined, "a zone has a SOA at its apex");
  const suffix = new Uint8Array(rdata.suffix);
  new DataView(suffix.buffer).setUint32(0, serial);
  invariant(suffix.length === 5 * SERIAL_BYTES, "a SOA ends with five 32-bit numbers");
  const soa: Rrset = { ...zone.soa, rdatas: [{ ...rdata, suffix }] };
  const rrsets = apex.rrsets.map((rrset) => (rrset.type === TYPE.SOA ? soa : rrset));
  const nodes = new Map<NameKey, ZoneNode>();
  for (const [key, node] of zone.nodes) {
    nodes.set(key, key === zone.key ? { ...apex, rrsets } : node);
    if (nodes.size % NAMES_PER_STEP === 0) yield;
  }
  const negativeSoa = { ...soa, ttlSeconds: zone.negativeSoa.ttlSeconds };
  return { ...zone, soa, negativeSoa, nodes };
}
