import {
  ALGORITHM,
  type AlgorithmNumber,
  dnskeyRdata,
  ENTRY_KEY,
  type KeyFlags,
  keyTag,
  ZONE_KEY,
} from "../../../router-dns/sign/dnskey.ts";
import { loadKeyPair, sha256 } from "../../../router-dns/sign/key-pair.ts";
import {
  OnlineSigner,
  type SigningKey,
  type SigningPolicy,
} from "../../../router-dns/sign/online-signer.ts";
import { type KeyTimes, keysAt } from "../../../router-dns/sign/rollover.ts";
import { SignatureCache } from "../../../router-dns/sign/signature-cache.ts";
import type { Signing } from "../../../router-dns/signing.ts";
import { keyOf } from "../dns-world.ts";

/** 2026-01-01T00:00:00Z. */
export const NEW_YEAR = 1_767_225_600;

/** The defaults of the configuration, in seconds. */
export const POLICY: SigningPolicy = {
  scheme: "ksk-zsk",
  zskLifetime: 30 * 86_400,
  kskLifetime: 0,
  signatureLifetime: 7 * 86_400,
  dnskeyTtl: 3600,
  maxTtl: 86_400,
  propagation: 3600,
  dsTtl: 86_400,
};

/** A key that is always the same: its private half is 32 times the same octet. */
export function testKey(
  flags: KeyFlags,
  octet: number,
  options: { readonly algorithm?: AlgorithmNumber; readonly times?: Partial<KeyTimes> } = {},
): SigningKey {
  const pair = loadKeyPair(options.algorithm ?? ALGORITHM.ed25519, new Uint8Array(32).fill(octet));
  if (!pair.ok) throw new Error(pair.error);
  const tag = keyTag(dnskeyRdata({ ...pair.value, flags }));
  const times: KeyTimes = {
    created: NEW_YEAR,
    publish: NEW_YEAR,
    activate: flags === ZONE_KEY ? NEW_YEAR : undefined,
    dsPublished: undefined,
    ...options.times,
  };
  return { ...pair.value, flags, tag, times };
}

/** A KSK and a ZSK that have been in use since new year. */
export const KSK = testKey(ENTRY_KEY, 1, { times: { dsPublished: NEW_YEAR + 172_800 } });
export const ZSK = testKey(ZONE_KEY, 2);

/** What a signer for tests says about itself besides signing. */
export interface TestSigner {
  readonly signer: OnlineSigner;
  readonly cache: SignatureCache;
  /** Signatures made because they were not in the cache. */
  readonly made: () => number;
  /** Moves its clock: seconds since 1970. */
  readonly setNow: (now: number) => void;
}

/** A signer of a zone, ten days into the year and without jitter. */
export function testSigner(
  zone: string,
  keys: readonly SigningKey[] = [KSK, ZSK],
  policy: SigningPolicy = POLICY,
): TestSigner {
  let now = NEW_YEAR + 10 * 86_400;
  let made = 0;
  const cache = new SignatureCache();
  const signer = new OnlineSigner({
    apex: keyOf(zone),
    keys: keysAt(keys, policy, now),
    policy,
    cache,
    cachePrefix: `${zone} `,
    nowSeconds: () => now,
    jitter: () => 0,
    sha256,
    onQuerySignature: () => {
      made += 1;
    },
  });
  return {
    signer,
    cache,
    made: () => made,
    setNow: (moment) => {
      now = moment;
    },
  };
}

/** Signs the zones of that name, each with the same two keys. */
export function signingOf(...zones: readonly string[]): Signing {
  const signers = new Map(zones.map((zone) => [keyOf(zone), testSigner(zone).signer]));
  return { signerOf: (apex) => signers.get(apex) };
}
