import type { SteeredSet } from "../signing.ts";
import { TYPE } from "../wire/codes.ts";
import type { Zone, ZoneNode } from "../zone/zone.ts";
import { type OnlineSigner, steeredRrset } from "./online-signer.ts";
import type { CachedSignatures } from "./signature-cache.ts";

/** A signed zone, and who signs it. */
export interface SignedZone {
  readonly zone: Zone;
  readonly signer: OnlineSigner;
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
 * `steered` are the address sets that a steered name can have, each once. Names below a steered
 * wildcard cannot be known.
 */
export function* aheadTargets(
  zones: readonly SignedZone[],
  steered: readonly SteeredSet[],
): Generator<AheadTarget> {
  for (const { zone, signer } of zones) {
    for (const rrset of signer.apexRrsets) yield rrsetTarget(signer, zone.key, rrset);
  }
  for (const signed of zones) {
    for (const [key, node] of signed.zone.nodes) {
      if (node.steered !== undefined && !key.startsWith("\u0001*")) {
        yield* steeredTargets(signed, key, node, steered);
      }
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

function* steeredTargets(
  { zone, signer }: SignedZone,
  key: string,
  node: ZoneNode,
  steered: readonly SteeredSet[],
): Generator<AheadTarget> {
  for (const set of steered) {
    const cacheKey = signer.steeredCacheKey(key, set);
    yield { cacheKey, make: (now) => signer.make(key, steeredRrset(set), now) };
  }
  const others = node.rrsets.map(({ type }) => type);
  const { ttlSeconds } = zone.negativeSoa;
  yield denialTarget(signer, key, [...others, TYPE.A, TYPE.AAAA], ttlSeconds);
  // Where no edge has an IPv6 address, every client is told so with its every second question.
  if (!steered.some(({ type }) => type === TYPE.AAAA)) {
    const ttl = Math.min(ttlSeconds, steered[0]?.ttlSeconds ?? ttlSeconds);
    yield denialTarget(signer, key, [...others, TYPE.A], ttl);
  }
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
