import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { fail, ok, type Result } from "../../common/result.ts";
import { octetAt } from "../wire/octets.ts";
import { ALGORITHM, type AlgorithmNumber } from "./dnskey.ts";

/** Both halves of a key, ready to sign. */
export interface KeyPair {
  readonly algorithm: AlgorithmNumber;
  readonly publicKey: Uint8Array;
  /** The 32 octets of a P-256 scalar or an Ed25519 seed. */
  readonly privateKey: Uint8Array;
  /** Signs octets as RRSIG records carry it: 64 octets (RFC 6605 section 4, RFC 8080 section 4). */
  readonly sign: (octets: Uint8Array) => Uint8Array;
}

/** Octets of the private half, for both algorithms. */
const PRIVATE_KEY_BYTES = 32;

/** Octets of each of the two numbers of an ECDSA signature. */
const SCALAR_BYTES = 32;

/** What stands before the seed in the PKCS #8 form of an Ed25519 key (RFC 8410 section 7). */
const ED25519_PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** Makes a new key from the system's entropy. */
export function generateKeyPair(algorithm: AlgorithmNumber): KeyPair {
  const { privateKey } =
    algorithm === ALGORITHM.ed25519
      ? generateKeyPairSync("ed25519")
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { d = "" } = privateKey.export({ format: "jwk" });
  return pairOf(algorithm, Buffer.from(d, "base64url"), privateKey);
}

/** The key that a private half makes. Fails with a sentence if it makes none. */
export function loadKeyPair(
  algorithm: AlgorithmNumber,
  privateKey: Uint8Array,
): Result<KeyPair, string> {
  if (privateKey.length !== PRIVATE_KEY_BYTES) {
    return fail(`the private key has ${privateKey.length} octets, not ${PRIVATE_KEY_BYTES}`);
  }
  try {
    const object = algorithm === ALGORITHM.ed25519 ? ed25519(privateKey) : p256(privateKey);
    return ok(pairOf(algorithm, privateKey, object));
  } catch {
    return fail("the private key is not one of this algorithm");
  }
}

/** SHA-256 of octets. */
export function sha256(octets: Uint8Array): Uint8Array {
  return createHash("sha256").update(octets).digest();
}

function pairOf(algorithm: AlgorithmNumber, privateKey: Uint8Array, object: KeyObject): KeyPair {
  const { x = "", y = "" } = createPublicKey(object).export({ format: "jwk" });
  const publicKey = Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return {
    algorithm,
    publicKey,
    privateKey,
    sign:
      algorithm === ALGORITHM.ed25519
        ? (octets) => sign(null, octets, object)
        : // Making the DER form and taking it apart is faster than asking for this one: Node 24
          // needs more than twice the time for `ieee-p1363`.
          (octets) => fromDer(sign("sha256", octets, object)),
  };
}

function ed25519(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([ED25519_PKCS8_HEAD, seed]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

function p256(scalar: Uint8Array): KeyObject {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(scalar);
  const point = curve.getPublicKey();
  const text = (octets: Uint8Array) => Buffer.from(octets).toString("base64url");
  const x = text(point.subarray(1, 33));
  const y = text(point.subarray(33));
  const key = { kty: "EC", crv: "P-256", d: text(scalar), x, y };
  return createPrivateKey({ key, format: "jwk" });
}

/** The two numbers of a DER sequence, each in 32 octets. */
function fromDer(der: Uint8Array): Uint8Array {
  const signature = new Uint8Array(2 * SCALAR_BYTES);
  let at = 2;
  for (const end of [SCALAR_BYTES, 2 * SCALAR_BYTES]) {
    const length = octetAt(der, at + 1);
    // DER puts a zero before a number whose first bit is set, and leaves zeros out.
    const kept = Math.min(length, SCALAR_BYTES);
    const start = at + 2 + length - kept;
    for (let i = 0; i < kept; i += 1) signature[end - kept + i] = octetAt(der, start + i);
    at += 2 + length;
  }
  return signature;
}
