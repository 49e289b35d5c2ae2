import type { EpochMs } from "../../common/clock.ts";
import type { CertificateRecord } from "../../state/certificates.ts";

/** The part of its life after which a certificate is renewed. */
const RENEW_AT = 2 / 3;
/** Renewals of certificates that were made together are spread over this part of their life. */
const JITTER = 1 / 30;

/**
 * When a certificate is renewed (P): after two thirds of its life, or `renewBeforeMs` before its
 * end, but not in the first third of its life; a little sooner by its name, so that many do not
 * come due in one minute. The same for everybody who asks.
 */
export function renewalTime(
  { name, notBefore, notAfter }: Pick<CertificateRecord, "name" | "notBefore" | "notAfter">,
  renewBeforeMs?: number,
): EpochMs {
  const life = notAfter - notBefore;
  const before = renewBeforeMs ?? life * (1 - RENEW_AT);
  // A certificate that lives shorter than `renewBefore` would be renewed for ever.
  const due = notAfter - Math.min(before, life * RENEW_AT);
  return Math.trunc(due - life * JITTER * fractionOf(name));
}

/** A number from 0 to 1 that belongs to a name (P): FNV-1a. */
function fractionOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash / 2 ** 32;
}
