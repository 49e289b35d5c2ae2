import { TYPE } from "../wire/codes.ts";
import type { NameKey } from "../wire/name.ts";
import { fixedRdata } from "../wire/rdata.ts";
import type { NamedRrsets, Rrset, Zone, ZoneNode } from "../zone/zone.ts";
import { octetsOfKey } from "./canonical.ts";
import { typeBitmap } from "./denial.ts";
import type { OnlineSigner, SigningPolicy } from "./online-signer.ts";
import { type KeyFacts, keysAt } from "./rollover.ts";

/** A version of a zone with all its signatures: what they are made of, and its serial. */
export interface SignedVersion {
  /** The moment whose keys sign: seconds since 1970. */
  readonly madeAt: number;
  readonly serial: number;
}

/**
 * How often all signatures are made anew: the longest of these that is at most a quarter of their
 * lifetime. Each divides the one before, so that whatever the lifetime becomes, the moments of a
 * shorter one are among them and serials do not go back by more than a day.
 */
const PERIODS_SECONDS = [86_400, 21_600, 3_600, 600, 60] as const;

/** Serials count minutes; keys that change within one make one version. */
const UNIT_SECONDS = 60;

/** Minutes are counted from 2026-01-01T00:00:00Z. */
const EPOCH_SECONDS = 1_767_225_600;

/** Signatures with a shorter lifetime cannot be kept up in whole zones. */
export const WHOLE_LIFETIME_SECONDS_MIN = 3_600;

/**
 * Which version of a signed zone there is to be now (P): only its records' serial, the keys' files
 * and the time decide, so that all routers agree and a restart changes nothing.
 *
 * The serial is that of the records plus the minutes from 2026 to when the signatures or keys of
 * the version begin: it grows with each of the three. RFC 1982 section 3.1: it may go round.
 */
export function signedVersion(
  recordsSerial: number,
  keys: readonly KeyFacts[],
  policy: SigningPolicy,
  now: number,
): SignedVersion {
  const period = periodSeconds(policy);
  const minute = Math.floor(now / UNIT_SECONDS) * UNIT_SECONDS;
  const moments = keyMoments(keys, policy, minute)
    .map((moment) => Math.ceil(moment / UNIT_SECONDS) * UNIT_SECONDS)
    .filter((moment) => moment <= now);
  const madeAt = Math.max(Math.floor(now / period) * period, ...moments);
  const minutes = Math.max(0, Math.floor((madeAt - EPOCH_SECONDS) / UNIT_SECONDS));
  return { madeAt, serial: (recordsSerial + minutes) >>> 0 };
}

/** How often all signatures of a zone are made anew (P). */
export function periodSeconds({ signatureLifetime }: SigningPolicy): number {
  return PERIODS_SECONDS.find((period) => period <= signatureLifetime / 4) ?? UNIT_SECONDS;
}

/** When what the keys of a zone do has changed by itself, or by a file. */
function keyMoments(keys: readonly KeyFacts[], policy: SigningPolicy, now: number): number[] {
  return keysAt(keys, policy, now).statuses.flatMap(({ key, dsFrom, removeAt }) => {
    const { publish, activate, dsPublished } = key.times;
    return [publish, activate, dsPublished, dsFrom, removeAt].filter((time) => time !== undefined);
  });
}

/**
 * Every record of a signed zone, names in canonical order (P): RFC 4035 section 2, with the chain
 * of NSEC records that denies what is not there (section 2.3). A name's RRSIG records come as one
 * RRset for each that they sign, for they have its TTL. `now` is for the times in signatures.
 *
 * The zone has no steered names; its SOA has the serial of the version already.
 */
export function* signedNames(
  zone: Zone,
  signer: OnlineSigner,
  now: number,
): Generator<NamedRrsets, void> {
  const sorted = [...zone.nodes]
    .filter(([, { rrsets }]) => rrsets.length > 0)
    .map(([key, node]) => ({ key, node, order: canonicalOrder(key) }))
    .sort((left, right) => (left.order < right.order ? -1 : 1));
  const chain = sorted.filter(({ key, node }) => node.cut === undefined || node.cut.key === key);
  const next = new Map(
    chain.map(({ key }, index) => [key, (chain[index + 1] ?? chain[0])?.key ?? key] as const),
  );
  for (const { key, node } of sorted) {
    const after = next.get(key);
    const rrsets = after === undefined ? node.rrsets : withProofs(zone, signer, [key, after], now);
    yield { owner: node.owner, rrsets };
  }
}

/** The records of a name with its NSEC record and signatures. */
function withProofs(
  zone: Zone,
  signer: OnlineSigner,
  [key, after]: readonly [NameKey, NameKey],
  now: number,
): readonly Rrset[] {
  const node = zone.nodes.get(key);
  if (node === undefined) throw new Error("invariant broken: signed names are in the zone");
  const ofKeys = key === zone.key ? signer.apexRrsets : [];
  const signed = [...node.rrsets.filter(({ type }) => isOwn(node, type)), ...ofKeys];
  const held = signed.map(({ type }) => type);
  const ofCut = node.cut === undefined ? [] : [TYPE.NS];
  const types = [...held, ...ofCut, TYPE.NSEC, TYPE.RRSIG];
  const nsec: Rrset = {
    type: TYPE.NSEC,
    // RFC 9077 section 3.2: as long as a negative answer is remembered.
    ttlSeconds: zone.negativeSoa.ttlSeconds,
    rdatas: [fixedRdata(Uint8Array.from([...octetsOfKey(after), ...typeBitmap(types)]))],
  };
  const rrsigs = [...signed, nsec].map((rrset): Rrset => {
    const rdatas = signer.make(key, rrset, now).rrsigs.map(fixedRdata);
    return { type: TYPE.RRSIG, ttlSeconds: rrset.ttlSeconds, rdatas };
  });
  return [...node.rrsets, ...ofKeys, nsec, ...rrsigs];
}

/** RFC 4035 section 2.2: at a delegation only the DS is ours. */
function isOwn({ cut }: ZoneNode, type: number): boolean {
  return cut === undefined || type === TYPE.DS;
}

/**
 * A text by which names sort in canonical order (P). RFC 4034 section 6.1: label by label from the
 * root, octets as they are in lower case, and a label before those that it begins.
 */
export function canonicalOrder(key: NameKey): string {
  const labels: string[] = [];
  for (let at = 0; key.charCodeAt(at) > 0; at += 1 + key.charCodeAt(at)) {
    let label = "";
    for (let i = at + 1; i <= at + key.charCodeAt(at); i += 1) {
      label += String.fromCharCode(key.charCodeAt(i) + 1);
    }
    labels.push(label);
  }
  return labels.reverse().join("\u0000");
}
