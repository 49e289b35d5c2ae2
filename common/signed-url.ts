import { createHmac, timingSafeEqual } from "node:crypto";
import { type IpBytes, parsePrefix, prefixContains } from "./ip.ts";
import { fail, ok, type Result } from "./result.ts";

/** The query parameter and the cookie that carry a token. */
export const TOKEN_NAME = "meridian-token";

/** A longer token is not looked at. */
const TOKEN_LENGTH_MAX = 2_048;

/** Fewer characters could be guessed. */
const SECRET_LENGTH_MIN = 32;

/** Keys of one file. */
const KEYS_MAX = 1_024;

const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Keys that may sign, by their ids. */
export type SigningKeys = ReadonlyMap<string, Buffer>;

/** What a token allows. */
export interface Grant {
  readonly keyId: string;
  /** Unix time in seconds from which on it is worth nothing. */
  readonly expires: number;
  /** All paths that begin so, such as `/video/7/`; left out: exactly one path and query. */
  readonly prefix?: string | undefined;
  /** Only for clients in this network, such as `192.0.2.0/24`. */
  readonly client?: string | undefined;
}

/** For what a token is. */
export interface TokenTarget {
  /** In lower case, without port and final dot. */
  readonly host: string;
  /** Path and query, without the token. */
  readonly target: string;
}

/**
 * Reads a file of signing keys (P): a line for each with its id, a space and its secret of at least
 * 32 characters; empty lines and lines that begin with `#` say nothing. The reason never shows a
 * secret.
 */
export function parseSigningKeys(text: string): Result<SigningKeys, string> {
  const keys = new Map<string, Buffer>();
  for (const [index, line] of text.split("\n").entries()) {
    const entry = line.trim();
    if (entry === "" || entry.startsWith("#")) continue;
    const [id = "", secret = "", more] = entry.split(/\s+/);
    const where = `line ${index + 1}`;
    if (!KEY_ID.test(id)) return fail(`${where}: needs an id of letters, digits, _ and - first`);
    if (more !== undefined) return fail(`${where}: has more than an id and a secret`);
    if (secret.length < SECRET_LENGTH_MIN) {
      return fail(`${where}: the secret of ${id} needs at least ${SECRET_LENGTH_MIN} characters`);
    }
    if (keys.has(id)) return fail(`${where}: ${id} stands above already`);
    if (keys.size === KEYS_MAX) return fail(`${where}: more than ${KEYS_MAX} keys`);
    keys.set(id, Buffer.from(secret));
  }
  return ok(keys);
}

/**
 * Makes a token (P): `key=ID~exp=SECONDS~path=/prefix/*~client=NETWORK~sig=...`, of which `path`
 * and `client` may be missing. The signature is HMAC-SHA-256 over a label, the host, path and query
 * where no prefix is given, and the claims as they stand, so that there is one way to read them.
 */
export function makeToken(grant: Grant, asked: TokenTarget, secret: Uint8Array): string {
  const { keyId, expires, prefix, client } = grant;
  const claims = [
    `key=${keyId}`,
    `exp=${expires}`,
    ...(prefix === undefined ? [] : [`path=${prefix}*`]),
    ...(client === undefined ? [] : [`client=${client}`]),
  ].join("~");
  return `${claims}~sig=${signature(claims, prefix === undefined, asked, secret).toString("base64url")}`;
}

const TOKEN =
  /^(key=([\w-]{1,64})~exp=(\d{1,12})(?:~path=(\/[!-}]*)\*)?(?:~client=([0-9a-f.:]+\/\d{1,3}))?)~sig=([\w-]{43})$/;

/** What a token is judged by. */
export interface TokenQuestion extends TokenTarget {
  /** The client's; undefined where nobody knows it. */
  readonly address: IpBytes | undefined;
  readonly nowSeconds: number;
  /** True if a path lies below a prefix. */
  isBelow(prefix: string): boolean;
}

/** What a token is worth. */
export type TokenVerdict = "good" | "expired" | "bad";

/**
 * Judges a token (P). The signature is compared in constant time, and before anything that it
 * vouches for is looked at.
 */
export function judgeToken(token: string, keys: SigningKeys, asked: TokenQuestion): TokenVerdict {
  if (token.length > TOKEN_LENGTH_MAX) return "bad";
  const [, claims = "", keyId = "", expires, prefix, client, sent = ""] =
    TOKEN.exec(token) ?? TOKEN.exec(unescaped(token)) ?? [];
  const secret = keys.get(keyId);
  if (secret === undefined) return "bad";
  const wanted = signature(claims, prefix === undefined, asked, secret);
  const given = Buffer.from(sent, "base64url");
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return "bad";
  if (prefix !== undefined && !asked.isBelow(prefix)) return "bad";
  if (client !== undefined && !isInside(client, asked.address)) return "bad";
  return Number(expires) > asked.nowSeconds ? "good" : "expired";
}

/** Takes tokens out of a path and query (P); the first of them is what counts. */
export function withoutToken(target: string): {
  readonly target: string;
  readonly token: string | undefined;
} {
  const mark = target.indexOf("?");
  if (mark === -1 || !target.includes(`${TOKEN_NAME}=`, mark)) return { target, token: undefined };
  const start = `${TOKEN_NAME}=`;
  const all = target.slice(mark + 1).split("&");
  const kept = all.filter((parameter) => !parameter.startsWith(start));
  const token = all.find((parameter) => parameter.startsWith(start))?.slice(start.length);
  const path = target.slice(0, mark);
  if (token === undefined) return { target, token };
  return { target: kept.length === 0 ? path : `${path}?${kept.join("&")}`, token };
}

function signature(
  claims: string,
  isExact: boolean,
  { host, target }: TokenTarget,
  secret: Uint8Array,
): Buffer {
  const text = `meridian-token\n${host}\n${isExact ? target : ""}\n${claims}`;
  return createHmac("sha256", secret).update(text).digest();
}

/** Libraries that build URLs escape more than has to be. */
function unescaped(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return "";
  }
}

function isInside(network: string, address: IpBytes | undefined): boolean {
  const prefix = parsePrefix(network);
  return address !== undefined && prefix.ok && prefixContains(prefix.value, address);
}
