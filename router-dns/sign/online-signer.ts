import type { Denial, SteeredSet, ZoneSigner } from "../signing.ts";
import { TYPE } from "../wire/codes.ts";
import type { NameKey } from "../wire/name.ts";
import { fixedRdata, type Rdata } from "../wire/rdata.ts";
import type { Rrset } from "../zone/zone.ts";
import { NO_SUCH_NAME, nsecRrset } from "./denial.ts";
import { type AlgorithmNumber, dnskeyRdata, dsRdata, type PublicKey } from "./dnskey.ts";
import type { KeyFacts, KeySet, RolloverPolicy } from "./rollover.ts";
import { rrsigRdata, type SignatureHead, signatureTimes, signedOctets } from "./rrsig.ts";
import type { CachedSignatures, SignatureCache } from "./signature-cache.ts";

/** A key that can sign. */
export interface SigningKey extends KeyFacts, PublicKey {
  readonly algorithm: AlgorithmNumber;
  readonly sign: (octets: Uint8Array) => Uint8Array;
}

/** How a zone is signed: seconds. */
export interface SigningPolicy extends RolloverPolicy {
  /** How long a new signature is good. */
  readonly signatureLifetime: number;
}

/** What a signer is made of. */
export interface OnlineSignerOptions {
  readonly apex: NameKey;
  readonly keys: KeySet<SigningKey>;
  readonly policy: SigningPolicy;
  readonly cache: SignatureCache;
  /** Put before all keys in the cache: different for every zone and key. */
  readonly cachePrefix: string;
  readonly nowSeconds: () => number;
  /** A number from 0 to 1 for the end of each signature. */
  readonly jitter: () => number;
  readonly sha256: (octets: Uint8Array) => Uint8Array;
  /** Called for each signature that a query has to wait for. */
  readonly onQuerySignature: () => void;
}

/** The part of a lifetime that is left when a signature is made anew, if there is time. */
const DUE_PART = 1 / 2;

/** The part of a lifetime that must be left of a signature that is given out. */
export const STALE_PART = 1 / 4;

/** The text of each set's data. Sets never change, so that it is made once for each. */
const CONTENTS = new WeakMap<Rrset, string>();

/**
 * Signs the records of one zone with the keys of one moment. Signatures are looked for in the cache
 * first, by the owner, type, TTL and data of the set: who asks for something that somebody else has
 * got already waits for no signature.
 */
export class OnlineSigner implements ZoneSigner {
  readonly apexRrsets: readonly Rrset[];
  readonly keys: KeySet<SigningKey>;
  readonly #options: OnlineSignerOptions;
  readonly #heads: ReadonlyMap<SigningKey, Omit<SignatureHead, "inception" | "expiration">>;

  constructor(options: OnlineSignerOptions) {
    this.#options = options;
    this.keys = options.keys;
    this.apexRrsets = apexRrsets(options);
    const { apex, keys } = options;
    this.#heads = new Map(
      [...keys.published, keys.zoneSigner].map((key) => [
        key,
        { algorithm: key.algorithm, keyTag: key.tag, signer: apex },
      ]),
    );
  }

  sign(owner: NameKey, rrset: Rrset): readonly Uint8Array[] {
    return this.#find(this.cacheKey(owner, rrset), owner, () => rrset).rrsigs;
  }

  signSteered(owner: NameKey, set: SteeredSet): readonly Uint8Array[] {
    return this.#find(this.steeredCacheKey(owner, set), owner, () => steeredRrset(set)).rrsigs;
  }

  deny(owner: NameKey, types: readonly number[] | undefined, ttlSeconds: number): Denial {
    const key = this.denialCacheKey(owner, types, ttlSeconds);
    return this.#find(key, owner, () => this.denialRrset(owner, types, ttlSeconds));
  }

  /** The NSEC record that `deny` signs. */
  denialRrset(owner: NameKey, types: readonly number[] | undefined, ttlSeconds: number): Rrset {
    const { apex } = this.#options;
    const ofKeys = owner === apex ? this.apexRrsets.map(({ type }) => type) : [];
    return nsecRrset(owner, apex, [...(types ?? NO_SUCH_NAME), ...ofKeys], ttlSeconds);
  }

  /** The key of a set's signatures in the cache. */
  cacheKey(owner: NameKey, rrset: Rrset): string {
    const { cachePrefix, keys } = this.#options;
    let content = CONTENTS.get(rrset);
    if (content === undefined) {
      content = `${rrset.type} ${rrset.ttlSeconds} ${rrset.rdatas.map(rdataText).join("\n")}`;
      CONTENTS.set(rrset, content);
    }
    // The DNSKEY RRset can stay the same while those who sign it change.
    const signers = isKeyType(rrset.type) ? keys.keySigners.map(({ tag }) => tag).join() : "";
    return `${cachePrefix}${owner}${signers} ${content}`;
  }

  /** The key of steered records in the cache. In any order, they are the same set. */
  steeredCacheKey(owner: NameKey, { type, ttlSeconds, rdatas }: SteeredSet): string {
    const texts = rdatas.map(octetsText);
    if (texts.length > 1) texts.sort();
    return `${this.#options.cachePrefix}${owner} ${type} ${ttlSeconds} ${texts.join("\n")}`;
  }

  /** The key of a denial in the cache: much shorter to make than the record. */
  denialCacheKey(owner: NameKey, types: readonly number[] | undefined, ttlSeconds: number): string {
    const held = types?.join() ?? "none";
    const parent = owner === this.#options.apex ? (this.keys.parentKey?.tag ?? "") : "";
    return `${this.#options.cachePrefix}${owner} ${TYPE.NSEC} ${ttlSeconds} ${held} ${parent}`;
  }

  /** Makes new signatures of a set, whatever the cache has. */
  make(owner: NameKey, rrset: Rrset, now: number): CachedSignatures {
    const { keys, policy, jitter } = this.#options;
    const signers = isKeyType(rrset.type) ? keys.keySigners : [keys.zoneSigner];
    const times = signatureTimes(now, policy.signatureLifetime, jitter());
    const rrsigs = signers.map((key) => {
      const head = this.#heads.get(key);
      if (head === undefined) throw new Error("invariant broken: signers are published keys");
      const signed = signedOctets(owner, rrset, { ...head, ...times });
      return rrsigRdata(signed, key.sign(signed.octets));
    });
    return {
      rrset,
      rrsigs,
      dueAt: times.expiration - policy.signatureLifetime * DUE_PART,
      staleAt: times.expiration - policy.signatureLifetime * STALE_PART,
    };
  }

  #find(key: string, owner: NameKey, rrset: () => Rrset): CachedSignatures {
    const { cache, nowSeconds, onQuerySignature } = this.#options;
    const now = nowSeconds();
    const known = cache.get(key, now);
    if (known !== undefined) return known;
    const made = this.make(owner, rrset(), now);
    cache.put(key, made);
    for (let i = 0; i < made.rrsigs.length; i += 1) onQuerySignature();
    return made;
  }
}

/** Steered records as a set (P). */
export function steeredRrset({ type, ttlSeconds, rdatas }: SteeredSet): Rrset {
  return { type, ttlSeconds, rdatas: rdatas.map(fixedRdata) };
}

function apexRrsets({ apex, keys, policy, sha256 }: OnlineSignerOptions): readonly Rrset[] {
  const ttlSeconds = policy.dnskeyTtl;
  const rdatas = keys.published.map(dnskeyRdata);
  const dnskey = { type: TYPE.DNSKEY, ttlSeconds, rdatas: rdatas.map(fixedRdata) };
  const { parentKey } = keys;
  if (parentKey === undefined) return [dnskey];
  const rdata = dnskeyRdata(parentKey);
  const digest = fixedRdata(dsRdata(apex, rdata, sha256));
  return [
    dnskey,
    { type: TYPE.CDS, ttlSeconds, rdatas: [digest] },
    { type: TYPE.CDNSKEY, ttlSeconds, rdatas: [fixedRdata(rdata)] },
  ];
}

/** RFC 7344 section 4.1: CDS and CDNSKEY are signed by keys that the parent names. */
function isKeyType(type: number): boolean {
  return type === TYPE.DNSKEY || type === TYPE.CDS || type === TYPE.CDNSKEY;
}

function rdataText({ prefix, names, suffix }: Rdata): string {
  return [prefix, ...names, suffix].map(octetsText).join("\t");
}

function octetsText(octets: Uint8Array): string {
  let text = "";
  for (let i = 0; i < octets.length; i += 1) text += String.fromCharCode(octets[i] as number);
  return text;
}
