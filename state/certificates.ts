import type { EpochMs } from "../common/clock.ts";
import type { SealedKey } from "../common/sealed.ts";

/*
 * What the change log says about certificates. All of it is by name, replaced whole, and reaches
 * every node in order; private keys in it are sealed (`common/sealed.ts`).
 */

/** Where a certificate came from. */
export const CERTIFICATE_SOURCES = ["acme", "file", "api"] as const;

/** A certificate that edges serve, and its sealed key. */
export interface CertificateRecord {
  /** Of the certificate: letters, digits, dots and hyphens. */
  readonly name: string;
  /** Lower case; `*.example` stands for one label. */
  readonly hosts: readonly string[];
  /** PEM, the certificate itself first, at most `CHAIN_BYTES_MAX`. */
  readonly chain: string;
  /** PEM, sealed under the name of the certificate. */
  readonly key: SealedKey;
  readonly notBefore: EpochMs;
  readonly notAfter: EpochMs;
  readonly source: (typeof CERTIFICATE_SOURCES)[number];
  /** The site that it was ordered for. */
  readonly site?: string;
}

/** What a certificate authority wants to see before it believes that a host is ours. */
export interface ChallengeRecord {
  /** The authority's token (RFC 8555 section 8.1): base64url, names the record. */
  readonly token: string;
  readonly kind: "http-01" | "dns-01";
  /** Lower case, without `*.`. */
  readonly host: string;
  /** The whole body of an HTTP answer (section 8.3), or the text of a TXT record (section 8.4). */
  readonly value: string;
  /** From when on nobody answers it. */
  readonly expiresAt: EpochMs;
}

/** How far getting one certificate from an authority has come, or why it has not. */
export interface OrderRecord {
  /** The name of the certificate. */
  readonly certificate: string;
  /** The site that it is for; left out: the CDN itself. */
  readonly site?: string;
  readonly hosts: readonly string[];
  /** The authority: URL of its ACME directory. */
  readonly directory: string;
  /** The order that is under way there. */
  readonly url?: string;
  /** The key that its certificate will be of, sealed under the name of the certificate. */
  readonly key?: SealedKey;
  /** Failures in a row. */
  readonly failures: number;
  /** Why the last try failed, for people; left out: it has not. */
  readonly error?: string;
  /** Not tried again before. */
  readonly nextAt: EpochMs;
}

/** Our account with one authority. */
export interface AccountRecord {
  /** URL of its ACME directory. */
  readonly directory: string;
  readonly url: string;
  /** PEM, sealed under the URL of the directory. */
  readonly key: SealedKey;
}

/** What is kept by name in tables of its own, and what one entry of each is. */
export interface RecordKinds {
  readonly certificate: CertificateRecord;
  readonly challenge: ChallengeRecord;
  readonly order: OrderRecord;
  readonly account: AccountRecord;
}

/** One of those tables. */
export type RecordKind = keyof RecordKinds;

/** What the entries of a table are called where there are several. */
export const RECORD_PLURALS = {
  certificate: "certificates",
  challenge: "challenges",
  order: "orders",
  account: "accounts",
} as const satisfies Record<RecordKind, string>;

/** The entries of all tables, as a snapshot has them. */
export type RecordLists = {
  readonly [K in RecordKind as (typeof RECORD_PLURALS)[K]]: readonly RecordKinds[K][];
};

/** The entries of all tables, by name. */
export type RecordMaps = {
  readonly [K in RecordKind as (typeof RECORD_PLURALS)[K]]: ReadonlyMap<string, RecordKinds[K]>;
};

/** What puts an entry in force, or takes it away. */
export type RecordChange =
  | { readonly kind: "certificate-put"; readonly certificate: CertificateRecord }
  | { readonly kind: "certificate-remove"; readonly certificate: string }
  | { readonly kind: "challenge-put"; readonly challenge: ChallengeRecord }
  | { readonly kind: "challenge-remove"; readonly challenge: string }
  | { readonly kind: "order-put"; readonly order: OrderRecord }
  | { readonly kind: "order-remove"; readonly order: string }
  | { readonly kind: "account-put"; readonly account: AccountRecord };

/** What such a change does to its table. */
export type RecordEdit =
  | {
      readonly kind: "put-record";
      readonly table: RecordKind;
      readonly name: string;
      readonly record: RecordKinds[RecordKind];
    }
  | { readonly kind: "delete-record"; readonly table: RecordKind; readonly name: string };

/** The edit of one change (P). */
export function recordEdit(body: RecordChange): RecordEdit {
  switch (body.kind) {
    case "certificate-put":
      return put("certificate", body.certificate);
    case "certificate-remove":
      return { kind: "delete-record", table: "certificate", name: body.certificate };
    case "challenge-put":
      return put("challenge", body.challenge);
    case "challenge-remove":
      return { kind: "delete-record", table: "challenge", name: body.challenge };
    case "order-put":
      return put("order", body.order);
    case "order-remove":
      return { kind: "delete-record", table: "order", name: body.order };
    case "account-put":
      return put("account", body.account);
  }
}

/** By what an entry of a table is found (P). */
export const RECORD_NAMES: { readonly [K in RecordKind]: (record: RecordKinds[K]) => string } = {
  certificate: ({ name }) => name,
  challenge: ({ token }) => token,
  order: ({ certificate }) => certificate,
  account: ({ directory }) => directory,
};

/** Tables without an entry. */
export function noRecords(): RecordLists {
  return { certificates: [], challenges: [], orders: [], accounts: [] };
}

/** The entries of all tables, by name (P). Of two with one name the later one counts. */
export function recordMaps(lists: RecordLists): RecordMaps {
  return {
    certificates: byName(lists.certificates, RECORD_NAMES.certificate),
    challenges: byName(lists.challenges, RECORD_NAMES.challenge),
    orders: byName(lists.orders, RECORD_NAMES.order),
    accounts: byName(lists.accounts, RECORD_NAMES.account),
  };
}

/** The table that an edit makes of the one before it (P). */
export function editTable(maps: RecordMaps, edit: RecordEdit): Partial<RecordMaps> {
  const plural = RECORD_PLURALS[edit.table];
  const table = new Map<string, unknown>(maps[plural]);
  if (edit.kind === "put-record") table.set(edit.name, edit.record);
  else table.delete(edit.name);
  return { [plural]: table };
}

function put<K extends RecordKind>(table: K, record: RecordKinds[K]): RecordEdit {
  return { kind: "put-record", table, name: RECORD_NAMES[table](record), record };
}

function byName<T>(list: readonly T[], nameOf: (entry: T) => string): ReadonlyMap<string, T> {
  return new Map(list.map((entry) => [nameOf(entry), entry]));
}
