import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Random } from "../../common/random.ts";
import { hashToken, mintToken } from "./token.ts";

/** A shorter secret could be guessed. */
const LENGTH_MIN = 32;

/** The file of the operator's token cannot be used. The message names it and says what to do. */
export class TokenFileError extends Error {
  override readonly name = "TokenFileError";
}

/** The operator's own token: what we keep of it, and whether its file was made just now. */
export interface OperatorToken {
  readonly hash: string;
  readonly created: boolean;
}

/**
 * Reads the operator's token from its file, or makes both; only the owner of the process can read
 * it. So the first token needs no other, and works while the state store is away.
 *
 * Throws TokenFileError if the file can neither be read nor made, or holds too short a secret.
 */
export function operatorToken(file: string, random: Random): OperatorToken {
  const present = read(file);
  if (present !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(present) || present.length < LENGTH_MIN) {
      throw new TokenFileError(
        `${file} must hold one word of at least ${LENGTH_MIN} printable characters: ` +
          "put the operator's token there, or remove the file and one is made",
      );
    }
    return { hash: hashToken(present), created: false };
  }
  const { text, hash } = mintToken(random);
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new TokenFileError(
      `${file} cannot be made (${codeOf(error)}): the operator's token is kept there. Name another ` +
        "place with control.tokenFile, or put a token there yourself",
      { cause: error },
    );
  }
  return { hash, created: true };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new TokenFileError(`${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
