import type { FileProblem } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { CookieSecrets } from "./cookie.ts";
import { SIPHASH_BYTES, SIPHASH_KEY_BYTES, sipHash24 } from "./siphash.ts";

/** Secrets in one file; each that is accepted costs a hash for a cookie that none has made. */
export const SECRETS_MAX = 8;

/** RFC 7873 section 7.1: a secret should not be in use for long. */
const PERIOD_SECONDS = 86_400;

/**
 * The secrets of a day (P), made of one that never changes: all routers that have it make the same
 * ones and accept one another's cookies, and nobody has to tell anybody when the day ends. Cookies
 * of the day before and, as clocks differ, of the next one are accepted.
 *
 * `master` has 16 octets; SipHash is a pseudorandom function, which is all that this takes.
 */
export function dailySecrets(master: Uint8Array, nowSeconds: number): CookieSecrets {
  const day = Math.floor(nowSeconds / PERIOD_SECONDS);
  return {
    current: secretOf(master, day),
    others: [secretOf(master, day - 1), secretOf(master, day + 1)],
  };
}

/** Secrets that also accept the cookies of others that were in use before (P). */
export function withFormer(secrets: CookieSecrets, former: CookieSecrets): CookieSecrets {
  return { ...secrets, others: [...secrets.others, former.current, ...former.others] };
}

function secretOf(master: Uint8Array, day: number): Uint8Array {
  const secret = new Uint8Array(SIPHASH_KEY_BYTES);
  for (const part of [0, 1]) {
    const message = Buffer.from(`meridian dns cookie ${day} ${part}`, "latin1");
    sipHash24(master, message, message.length, secret, part * SIPHASH_BYTES);
  }
  return secret;
}

/**
 * Reads a file of secrets (P): 32 hexadecimal digits a line; empty lines and what follows a `#` do
 * not count. The first is the one that new cookies are made with (RFC 9018 section 5: a new secret
 * is added behind, moved to the front when all servers have it, and the old one is taken away an
 * hour later). Problems never show a secret.
 */
export function parseSecretFile(
  text: string,
  file: string,
): Result<CookieSecrets, readonly FileProblem[]> {
  const secrets: Uint8Array[] = [];
  const problems: FileProblem[] = [];
  const report = (line: number, message: string) =>
    problems.push({ file, line, column: 1, message });
  for (const [index, whole] of text.split("\n").entries()) {
    const written = whole.replace(/#.*/, "").trim();
    if (written === "") continue;
    if (/^[0-9a-fA-F]{32}$/.test(written))
      secrets.push(Uint8Array.from(Buffer.from(written, "hex")));
    else
      report(index + 1, `not a secret of 32 hexadecimal digits, but ${written.length} characters`);
  }
  if (secrets.length > SECRETS_MAX) report(1, `more than ${SECRETS_MAX} secrets`);
  const [current, ...others] = secrets;
  if (current === undefined && problems.length === 0) report(1, "there is no secret in this file");
  return current === undefined || problems.length > 0 ? fail(problems) : ok({ current, others });
}
