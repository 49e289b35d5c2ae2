import type { SteeredSet } from "../signing.ts";
import { TYPE } from "../wire/codes.ts";
import { serviceRdata } from "../wire/svcb.ts";
import { ALIAS_TYPES, type AliasEnd, followAlias } from "../zone/alias.ts";
import { typesAt } from "../zone/lookup.ts";
import type { Zone, ZoneNode, ZoneTable } from "../zone/zone.ts";
import { type OnlineSigner, steeredRrset } from "./online-signer.ts";
import type { CachedSignatures } from "./signature-cache.ts";

/** A signed zone, and who signs it. */
export interface SignedZone {
  readonly zone: Zone;
  readonly signer: OnlineSigner;
}

/** The addresses of both families that one client is answered with. */
export interface SteeredPair {
  readonly ttlSeconds: number;
  readonly v4: readonly Uint8Array[];
  readonly v6: readonly Uint8Array[];
}

/** What there is to sign, beside the keys. */
export interface AheadSubjects {
  readonly zones: ZoneTable;
  /** The address sets that steered names can have now, each once. */
  readonly steered: readonly SteeredSet[];
  /** The same as HTTPS records have them, as hints. */
  readonly pairs: readonly SteeredPair[];
}

/** A set whose signatures somebody may soon ask for. */
export interface AheadTarget {
  readonly cacheKey: string;
  readonly make: (now: number) => CachedSignatures;
}

/**
 * Everything that is worth signing before it is asked for, most wanted first (P): the keys, all
 * answers that steering can give now, what names do not have for everybody, and the static records.
 *
 * Names below a wildcard that is steered, or an alias, cannot be known.
 */
export function* aheadTargets(
  zones: readonly SignedZone[],
  subjects: AheadSubjects,
): Generator<AheadTarget> {
  for (const { zone, signer } of zones) {
    for (const rrset of signer.apexRrsets) yield rrsetTarget(signer, zone.key, rrset);
  }
  for (const signed of zones) {
    for (const [key, node] of signed.zone.nodes) {
      const isMade = (node.steered ?? node.alias) !== undefined && node.cut === undefined;
      if (isMade && !key.startsWith("\u0001*")) yield* madeTargets(signed, key, node, subjects);
    }
  }
  for (const { zone, signer } of zones) {
    for (const [key, node] of zone.nodes) {
      for (const rrset of node.rrsets) {
        if (isOwn(zone, key, node, rrset.type)) yield rrsetTarget(signer, key, rrset);
      }
    }
  }
}

/** All that a steered name or an alias can be answered with now. */
function* madeTargets(
  { zone, signer }: SignedZone,
  key: string,
  node: ZoneNode,
  subjects: AheadSubjects,
): Generator<AheadTarget> {
  const { ttlSeconds } = zone.negativeSoa;
  const types = typesAt(zone, key) ?? [];
  for (const type of ALIAS_TYPES) {
    const end = endOf(node, type, subjects.zones);
    if (end === undefined || end.kind === "broken") continue;
    const sets = setsOf(end, type, subjects);
    for (const set of sets) {
      const cacheKey = signer.steeredCacheKey(key, set);
      yield { cacheKey, make: (now) => signer.make(key, steeredRrset(set), now) };
    }
    if (sets.length > 0) continue;
    // Where no edge has an IPv6 address, every client is told so with its every second question.
    const steeredTtl = end.kind === "steered" ? (subjects.steered[0]?.ttlSeconds ?? 0) : ttlSeconds;
    const ttl = Math.min(ttlSeconds, end.ttlSeconds, steeredTtl);
    const held = types.filter((other) => other !== type);
    yield denialTarget(signer, key, held, ttl);
  }
  yield denialTarget(signer, key, types, ttlSeconds);
}

/** What a name has for a type if that is made for each query; undefined if it is not. */
function endOf(node: ZoneNode, type: number, table: ZoneTable): AliasEnd | undefined {
  const { steered, service, alias } = node;
  if (node.rrsets.some((rrset) => rrset.type === type)) return undefined;
  if (alias !== undefined) return followAlias(table, alias, type);
  if (steered === undefined || (type === TYPE.HTTPS && service === undefined)) return undefined;
  return { kind: "steered", site: steered, service, ttlSeconds: Number.POSITIVE_INFINITY };
}

/** The sets of one type that a name can have. */
function setsOf(
  end: Exclude<AliasEnd, { kind: "broken" }>,
  type: number,
  { steered, pairs }: AheadSubjects,
): readonly SteeredSet[] {
  if (end.kind === "nodata") return [];
  const { ttlSeconds } = end;
  if (end.kind === "static") {
    return [{ type, ttlSeconds, rdatas: end.rrset.rdatas.map(({ prefix }) => prefix) }];
  }
  const least = (set: SteeredSet) => ({ ...set, ttlSeconds: Math.min(ttlSeconds, set.ttlSeconds) });
  if (type !== TYPE.HTTPS) return steered.filter((set) => set.type === type).map(least);
  const { service } = end;
  if (service === undefined) return [];
  const rdatas = new Map(
    pairs.map((pair) => {
      const rdata = serviceRdata(service, pair.v4, pair.v6);
      return [rdata.join(), { type, ttlSeconds: pair.ttlSeconds, rdatas: [rdata] }] as const;
    }),
  );
  return [...rdatas.values()].map(least);
}

function denialTarget(
  signer: OnlineSigner,
  key: string,
  types: readonly number[],
  ttlSeconds: number,
): AheadTarget {
  return {
    cacheKey: signer.denialCacheKey(key, types, ttlSeconds),
    make: (now) => signer.make(key, signer.denialRrset(key, types, ttlSeconds), now),
  };
}

function rrsetTarget(
  signer: OnlineSigner,
  key: string,
  rrset: Parameters<OnlineSigner["make"]>[1],
): AheadTarget {
  return {
    cacheKey: signer.cacheKey(key, rrset),
    make: (now) => signer.make(key, rrset, now),
  };
}

/** Records at and below a delegation are not ours, but for the DS (RFC 4035 section 2.2). */
function isOwn(zone: Zone, key: string, { cut }: ZoneNode, type: number): boolean {
  if (cut === undefined) return key === zone.key || !key.startsWith("\u0001*");
  return cut.key === key && type === TYPE.DS;
}
