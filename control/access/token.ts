import { createHash, timingSafeEqual } from "node:crypto";
import type { EpochMs } from "../../common/clock.ts";
import type { Random } from "../../common/random.ts";
import { TOKEN_SCOPES, type TokenRecord, type TokenScope } from "../../state/records.ts";

/** What all tokens begin with, so that scanners find one that was committed somewhere. */
const PREFIX = "mrd";
const ID_BYTES = 6;
/** 256 bits: a plain hash of that much chance needs neither salt nor stretching. */
const SECRET_BYTES = 32;

const SHAPE = /^mrd_([0-9a-f]{12})_[0-9A-Za-z_-]{43}$/;

/** A new token: what its user keeps, and what we keep. */
export interface MintedToken {
  readonly text: string;
  readonly id: string;
  readonly hash: string;
}

/** Makes a token, such as `mrd_5f3a..._kJ8...` (P, given the randomness). */
export function mintToken(random: Random): MintedToken {
  const id = Buffer.from(random.bytes(ID_BYTES)).toString("hex");
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
  const text = `${PREFIX}_${id}_${secret}`;
  return { text, id, hash: hashToken(text) };
}

/** What is kept of a token: SHA-256 in hexadecimal digits (P). */
export function hashToken(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** True if a token has this hash (P), in a time that does not tell where they differ. */
export function hasHash(text: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(text), "hex"), Buffer.from(hash, "hex"));
}

/** The public part of a token; undefined: it does not look like one of ours (P). */
export function tokenId(text: string): string | undefined {
  return SHAPE.exec(text)?.[1];
}

/** The token of an Authorization field of the scheme Bearer (P; RFC 6750 section 2.1). */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +([\x21-\x7e]{1,512}) *$/i.exec(authorization ?? "")?.[1];
}

/** Whoever makes a call, and what they may do. */
export interface Caller {
  /** As the log of changes names them. */
  readonly name: string;
  readonly scope: TokenScope;
  /** The only sites that they may see or change; undefined: everything. */
  readonly sites?: ReadonlySet<string>;
}

/** The caller whom a record stands for (P); undefined once it has expired. */
export function callerOf(record: TokenRecord, now: EpochMs): Caller | undefined {
  if (record.expiresAt !== undefined && now >= record.expiresAt) return undefined;
  const { name, scope, sites } = record;
  return sites === undefined ? { name, scope } : { name, scope, sites: new Set(sites) };
}

/** Says why the scope of a caller does not do, or undefined (P). */
export function lacksScope(caller: Caller, scope: TokenScope): string | undefined {
  if (TOKEN_SCOPES.indexOf(caller.scope) >= TOKEN_SCOPES.indexOf(scope)) return undefined;
  return `this needs the scope "${scope}", and the token "${caller.name}" has "${caller.scope}"`;
}

/** Says why a caller has no business with a site, or with the whole CDN, or undefined (P). */
export function lacksSite(caller: Caller, site: string | undefined): string | undefined {
  if (caller.sites === undefined) return undefined;
  if (site !== undefined && caller.sites.has(site)) return undefined;
  const own = [...caller.sites].join(", ");
  return site === undefined
    ? `this is about the whole CDN, and the token "${caller.name}" is for ${own} only`
    : `the token "${caller.name}" is not for the site "${site}", only for ${own}`;
}
