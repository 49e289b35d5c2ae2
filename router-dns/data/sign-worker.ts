import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../common/clock.ts";
import { systemRandom } from "../../common/random.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { runToEnd } from "../../common/steps.ts";
import { loadKeyPair, sha256 } from "../sign/key-pair.ts";
import { OnlineSigner, type SigningKey, type SigningPolicy } from "../sign/online-signer.ts";
import { type KeyFacts, keysAt } from "../sign/rollover.ts";
import { SignatureCache } from "../sign/signature-cache.ts";
import { signedNames } from "../sign/whole-zone.ts";
import type { Name } from "../wire/name.ts";
import { treeSteps } from "../zone/zone.ts";
import { namesInOctets, zoneOctets } from "../zone/zone-octets.ts";
import type { StoredKey } from "./key-folder.ts";

/** What the thread is told: a whole zone, and everything that its signatures depend on. */
export interface SignOrder {
  readonly origin: Name;
  /** The records, the SOA with the serial of the signed version. */
  readonly octets: Uint8Array;
  readonly keys: readonly (KeyFacts & Pick<StoredKey, "algorithm" | "privateKey">)[];
  readonly policy: SigningPolicy;
  /** The moment whose keys sign, and the one at which signatures begin: seconds since 1970. */
  readonly madeAt: number;
  readonly now: number;
}

/** The octets of the signed zone, names in canonical order. */
export type SignedOctets = Result<Uint8Array<ArrayBuffer>, string>;

// The whole job of a worker thread: records and keys in, records and signatures out.
const result = sign(workerData as SignOrder);
parentPort?.postMessage(result, result.ok ? [result.value.buffer] : []);

function sign({ origin, octets, keys, policy, madeAt, now }: SignOrder): SignedOctets {
  const able: SigningKey[] = [];
  for (const key of keys) {
    const pair = loadKeyPair(key.algorithm, key.privateKey);
    if (!pair.ok) return pair;
    able.push({ ...pair.value, flags: key.flags, tag: key.tag, times: key.times });
  }
  if (able.length === 0) return fail("there is no key");
  const zone = runToEnd(treeSteps({ origin, names: namesInOctets(octets) }));
  const signer = new OnlineSigner({
    apex: zone.key,
    keys: keysAt(able, policy, madeAt),
    policy,
    cache: new SignatureCache(),
    cachePrefix: "",
    nowSeconds: () => Math.floor(systemClock.now() / 1000),
    jitter: () => systemRandom.below(1001) / 1000,
    sha256,
    onQuerySignature: () => undefined,
  });
  return ok(runToEnd(zoneOctets(signedNames(zone, signer, now))));
}
