import { z } from "zod";
import { SEALED_SHAPE } from "../common/sealed.ts";
import {
  type AccountRecord,
  CERTIFICATE_SOURCES,
  type CertificateRecord,
  type ChallengeRecord,
  type OrderRecord,
} from "./certificates.ts";
import { CHAIN_BYTES_MAX } from "./limits.ts";

/* What `certificates.ts` has as types, as it is stored: the schemas through which it is read. */

/** A schema per field of T: a field that is added to T and forgotten here does not compile. */
type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType<T[K]> };

const count = z.number().int().nonnegative();
const time = z.number().nonnegative();
const text = z.string().min(1);
const sealed = z.string().regex(SEALED_SHAPE);
const hosts = z.array(text);

/** A certificate with its sealed key. */
export const certificateSchema = z.object({
  name: z.string().regex(/^[a-z0-9.-]{1,253}$/),
  hosts,
  chain: z.string().max(CHAIN_BYTES_MAX),
  key: sealed,
  notBefore: time,
  notAfter: time,
  source: z.enum(CERTIFICATE_SOURCES),
  site: text.optional(),
} satisfies Fields<CertificateRecord>);

/** A challenge of an authority. */
export const challengeSchema = z.object({
  token: z.string().regex(/^[\w-]{1,512}$/),
  kind: z.enum(["http-01", "dns-01"]),
  host: text,
  value: z.string().regex(/^[\w.-]{1,1024}$/),
  expiresAt: time,
} satisfies Fields<ChallengeRecord>);

/** An order, with its sealed key if there is one. */
export const orderSchema = z.object({
  certificate: text,
  site: text.optional(),
  hosts,
  directory: text,
  url: text.optional(),
  key: sealed.optional(),
  failures: count,
  error: z.string().optional(),
  nextAt: time,
} satisfies Fields<OrderRecord>);

/** An account, with its sealed key. */
export const accountSchema = z.object({
  directory: text,
  url: text,
  key: sealed,
} satisfies Fields<AccountRecord>);

/** The kinds of change that are about them. */
export const RECORD_CHANGE_SCHEMAS = [
  z.object({ kind: z.literal("certificate-put"), certificate: certificateSchema }),
  z.object({ kind: z.literal("certificate-remove"), certificate: text }),
  z.object({ kind: z.literal("challenge-put"), challenge: challengeSchema }),
  z.object({ kind: z.literal("challenge-remove"), challenge: text }),
  z.object({ kind: z.literal("order-put"), order: orderSchema }),
  z.object({ kind: z.literal("order-remove"), order: text }),
  z.object({ kind: z.literal("account-put"), account: accountSchema }),
] as const;
