import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import type { Random } from "./random.ts";
import { fail, ok, type Result } from "./result.ts";

/**
 * A private key as it is kept where others could read it: `v1.<id>.<nonce>.<ciphertext>`, the id of
 * the sealing key in hexadecimal digits, the rest in base64url.
 */
export type SealedKey = string;

/** What private keys are sealed with: whoever has it and the state store has all of them. */
export interface SealingKey {
  /** Tells sealing keys apart: the first digits of the key's SHA-256, which tell nothing of it. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** What a sealed key looks like. */
export const SEALED_SHAPE: RegExp = /^v1\.[0-9a-f]{16}\.[\w-]{16}\.[\w-]{22,44000}$/;

const SECRET_BYTES = 32;
const ID_DIGITS = 16;
/** Of AES-GCM (NIST SP 800-38D): as the nonce is random, up to 2^32 keys may be sealed. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Makes a sealing key of 32 bytes (P). */
export function sealingKeyOf(secret: Uint8Array): SealingKey {
  const id = createHash("sha256").update(secret).digest("hex").slice(0, ID_DIGITS);
  return { id, secret };
}

/** Makes a sealing key by chance, and the line that a file keeps it as (P, given the chance). */
export function makeSealingKey(random: Random): {
  readonly text: string;
  readonly key: SealingKey;
} {
  const secret = random.bytes(SECRET_BYTES);
  return { text: Buffer.from(secret).toString("hex"), key: sealingKeyOf(secret) };
}

/** Reads a sealing key: 64 hexadecimal digits (P). The reason does not show what was given. */
export function parseSealingKey(text: string): Result<SealingKey, string> {
  const digits = text.trim();
  if (!/^[0-9a-f]{64}$/i.test(digits)) return fail("must be 64 hexadecimal digits");
  return ok(sealingKeyOf(Buffer.from(digits, "hex")));
}

/**
 * Seals the PEM text of a private key with AES-256-GCM (P, given the chance). `name` is bound to
 * it: nobody can put it under another one.
 */
export function seal(
  key: SealingKey,
  name: string,
  { pem, random }: { readonly pem: string; readonly random: Random },
): SealedKey {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key.secret, nonce).setAAD(Buffer.from(name));
  const bytes = Buffer.concat([cipher.update(pem, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1.${key.id}.${Buffer.from(nonce).toString("base64url")}.${bytes.toString("base64url")}`;
}

/** Gives the PEM text back (P), or says in words why this key and name do not open it. */
export function unseal(key: SealingKey, name: string, sealed: SealedKey): Result<string, string> {
  if (!SEALED_SHAPE.test(sealed)) return fail("is no sealed key");
  const [, id = "", nonce = "", text = ""] = sealed.split(".");
  if (id !== key.id) {
    return fail(`was sealed with the key ${id}, and tls.keyFile has the key ${key.id}`);
  }
  const bytes = Buffer.from(text, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", key.secret, Buffer.from(nonce, "base64url"));
  decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const start = decipher.update(bytes.subarray(0, -TAG_BYTES));
    return ok(Buffer.concat([start, decipher.final()]).toString("utf8"));
  } catch {
    return fail("has been changed, or is the key of another name");
  }
}
