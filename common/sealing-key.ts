import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Random } from "./random.ts";
import { fail, ok, type Result } from "./result.ts";
import { makeSealingKey, parseSealingKey, type SealingKey } from "./sealed.ts";

/** The variable that holds the key where there is no file, such as in a container. */
export const SEALING_KEY_VARIABLE = "MERIDIAN_TLS_KEY";

/** Where the key that seals private keys is. */
export interface SealingKeyPlace {
  readonly file: string;
  /** What `SEALING_KEY_VARIABLE` says; it goes before the file. */
  readonly variable: string | undefined;
}

/**
 * Reads the key that seals private keys. Undefined: there is neither a variable nor a file. Fails
 * with a message that names the place and never shows what is there.
 */
export function readSealingKey({
  file,
  variable,
}: SealingKeyPlace): Result<SealingKey | undefined, string> {
  const text = variable === undefined ? readIfThere(file) : ok(variable);
  if (!text.ok) return text;
  if (text.value === undefined) return ok(undefined);
  const key = parseSealingKey(text.value);
  if (key.ok) return key;
  return fail(`${variable === undefined ? file : SEALING_KEY_VARIABLE} ${key.error}`);
}

/**
 * The same, and makes the file if there is no key yet; only the owner of the process can read it.
 * `created` says so.
 */
export function readOrMakeSealingKey(
  place: SealingKeyPlace,
  random: Random,
): Result<{ readonly key: SealingKey; readonly created: boolean }, string> {
  const present = readSealingKey(place);
  if (!present.ok) return present;
  if (present.value !== undefined) return ok({ key: present.value, created: false });
  const { text, key } = makeSealingKey(random);
  try {
    mkdirSync(dirname(place.file), { recursive: true });
    writeFileSync(place.file, `${text}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    return fail(
      `${place.file} cannot be made (${codeOf(error)}): it holds what private keys are sealed ` +
        `with. Name another place with tls.keyFile, or set ${SEALING_KEY_VARIABLE}`,
    );
  }
  return ok({ key, created: true });
}

function readIfThere(file: string): Result<string | undefined, string> {
  try {
    return ok(readFileSync(file, "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return ok(undefined);
    return fail(`${file} cannot be read (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
