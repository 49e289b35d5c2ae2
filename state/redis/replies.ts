import { z } from "zod";
import { fail, ok, type Result } from "../../common/result.ts";
import { RECORD_NAMES, type RecordKind, type RecordKinds } from "../certificates.ts";
import type { Change } from "../change.ts";
import {
  type Decoder,
  decodeChangeBody,
  decodeLoadPlan,
  decodeRoundTrips,
  decodeSite,
  decodeToken,
  RECORD_DECODERS,
} from "../codec.ts";
import type { LoadPlan, RoundTripTable, Snapshot } from "../records.ts";
import type { ChangePage } from "../store.ts";

/** Told of each entry that cannot be read and is left out. */
export type Skip = (what: string, reason: string) => void;

/** How the fields of the snapshot hash begin that are not about its head. */
export const SITE_FIELD = "site:";
export const DRAINED_FIELD = "drained:";
export const TOKEN_FIELD = "token:";

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
const texts = z.array(z.string());

const appended = z.tuple([z.string(), wholeNumber, wholeNumber]);
const head = z.object({ epoch: z.string(), version: wholeNumber, mark: z.string() });
const entry = z.tuple([z.string(), texts]);
const page = z.tuple([z.string(), wholeNumber, z.string(), z.string(), z.array(entry)]);

/** What APPEND answered (P). */
export function readAppended(
  reply: unknown,
): Result<{ readonly epoch: string; readonly version: number; readonly at: number }, string> {
  const parsed = appended.safeParse(reply);
  if (!parsed.success) return fail("unexpected reply to an append");
  const [epoch, version, at] = parsed.data;
  return ok({ epoch, version, at });
}

/** What SNAPSHOT answered (P). Sites that cannot be read are left out. */
export function readSnapshot(reply: unknown, skip: Skip): Result<Snapshot, string> {
  const flat = texts.safeParse(reply);
  if (!flat.success) return fail("unexpected reply to a snapshot");
  const fields = new Map(pairs(flat.data));
  const parsed = head.safeParse(Object.fromEntries(fields));
  if (!parsed.success) return fail("the snapshot lacks its head");
  const drained = [...fields.keys()]
    .filter((field) => field.startsWith(DRAINED_FIELD))
    .map((field) => field.slice(DRAINED_FIELD.length));
  return ok({
    ...parsed.data,
    sites: readNamed(fields, {
      prefix: SITE_FIELD,
      decode: decodeSite,
      nameOf: ({ name }) => name,
      skip,
    }),
    drained: drained.sort(),
    tokens: readNamed(fields, {
      prefix: TOKEN_FIELD,
      decode: decodeToken,
      nameOf: ({ id }) => id,
      skip,
    }),
    certificates: readRecords("certificate", fields, skip),
    challenges: readRecords("challenge", fields, skip),
    orders: readRecords("order", fields, skip),
    accounts: readRecords("account", fields, skip),
  });
}

function readRecords<K extends RecordKind>(
  kind: K,
  fields: ReadonlyMap<string, string>,
  skip: Skip,
): RecordKinds[K][] {
  const [decode, nameOf] = [RECORD_DECODERS[kind], RECORD_NAMES[kind]];
  return readNamed<RecordKinds[K]>(fields, { prefix: `${kind}:`, decode, nameOf, skip });
}

/** The values below `prefix`; those that cannot be read or say another name are left out. */
function readNamed<T>(
  fields: ReadonlyMap<string, string>,
  how: {
    readonly prefix: string;
    readonly decode: Decoder<T>;
    readonly nameOf: (value: T) => string;
    readonly skip: Skip;
  },
): T[] {
  const found: T[] = [];
  for (const [field, text] of fields) {
    if (!field.startsWith(how.prefix)) continue;
    const value = how.decode(text);
    if (!value.ok) how.skip(field, value.error);
    else if (how.nameOf(value.value) !== field.slice(how.prefix.length)) {
      how.skip(field, "has another name");
    } else found.push(value.value);
  }
  return found.sort((a, b) => (how.nameOf(a) < how.nameOf(b) ? -1 : 1));
}

/** What was asked of CHANGES. */
export interface PageQuestion {
  readonly version: number;
  readonly mark: string | undefined;
}

/**
 * What CHANGES answered (P). Changes that cannot be read are left out, which the reader sees as a
 * gap.
 */
export function readPage(
  reply: unknown,
  asked: PageQuestion,
  skip: Skip,
): Result<ChangePage, string> {
  const parsed = page.safeParse(reply);
  if (!parsed.success) return fail("unexpected reply to a page of changes");
  const [epoch, headVersion, headMark, entryMark, raw] = parsed.data;
  const behind = raw.map(([id, flat]) => ({
    version: versionOf(id),
    fields: new Map(pairs(flat)),
  }));
  const anchorMark = asked.version === headVersion ? headMark : entryMark || undefined;
  const sameLog = asked.version === 0 || asked.mark === undefined || asked.mark === anchorMark;
  const reaches = asked.version === headVersion || behind[0]?.version === asked.version + 1;
  if (!sameLog || !reaches) {
    return ok({ changes: [], complete: false, epoch, head: headVersion });
  }
  const mark = behind.at(-1)?.fields.get("mark") ?? anchorMark;
  const changes = behind.flatMap((entry) => readChange(entry, skip));
  const base = { changes, complete: true, epoch, head: headVersion };
  return ok(mark === undefined ? base : { ...base, mark });
}

/** What RECENT answered (P). Changes that cannot be read are left out. */
export function readRecent(reply: unknown, skip: Skip): Result<Change[], string> {
  const parsed = z.array(entry).safeParse(reply);
  if (!parsed.success) return fail("unexpected reply to a read of recent changes");
  return ok(
    parsed.data.flatMap(([id, flat]) =>
      readChange({ version: versionOf(id), fields: new Map(pairs(flat)) }, skip),
    ),
  );
}

/** Reads `name, value, name, value` through a decoder (P); what cannot be read is left out. */
export function readEntries<T>(
  reply: unknown,
  kind: string,
  decode: Decoder<T>,
  skip: Skip,
): Result<(readonly [string, T])[], string> {
  const flat = texts.safeParse(reply);
  if (!flat.success) return fail(`unexpected reply to a read of ${kind}`);
  const found: (readonly [string, T])[] = [];
  for (const [name, value] of pairs(flat.data)) {
    const decoded = decode(value);
    if (decoded.ok) found.push([name, decoded.value]);
    else skip(`${kind} ${name}`, decoded.error);
  }
  return ok(found.sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
}

/** What AGREE_ON_LOAD answered (P): nothing if there is no plan, or none that can be read. */
export function readLoadPlan(reply: unknown, skip: Skip): Result<LoadPlan | undefined, string> {
  if (typeof reply !== "string") return fail("unexpected reply to a load plan");
  if (reply === "") return ok(undefined);
  const decoded = decodeLoadPlan(reply.slice(reply.indexOf(":") + 1));
  if (decoded.ok) return decoded;
  skip("load plan", decoded.error);
  return ok(undefined);
}

/** What ROUND_TRIPS answered (P): nothing if there is nothing new, or nothing that can be read. */
export function readRoundTrips(
  reply: unknown,
  skip: Skip,
): Result<RoundTripTable | undefined, string> {
  const parsed = texts.safeParse(reply);
  if (!parsed.success) return fail("unexpected reply about round trips");
  if (parsed.data.length === 0) return ok(undefined);
  const [version = "", at = "", body = ""] = parsed.data;
  // Both are numbers, or what comes out is no JSON and is told of.
  const decoded = decodeRoundTrips(body.replace("{", `{"version":${version},"at":${at},`));
  if (decoded.ok) return decoded;
  skip("round trips", decoded.error);
  return ok(undefined);
}

/** Reads a version that a node acknowledged (P). */
export const decodeVersion: Decoder<number> = (text) => {
  const parsed = wholeNumber.safeParse(text);
  return parsed.success ? ok(parsed.data) : fail("not a version");
};

function readChange(
  entry: { readonly version: number; readonly fields: ReadonlyMap<string, string> },
  skip: Skip,
): Change[] {
  const { version, fields } = entry;
  const at = wholeNumber.safeParse(fields.get("at"));
  const by = fields.get("by");
  const body = decodeChangeBody(fields.get("body") ?? "");
  if (at.success && by !== undefined && body.ok) {
    return [{ version, at: at.data, by, body: body.value }];
  }
  skip(`change ${version}`, body.ok ? "lacks at or by" : body.error);
  return [];
}

/** Entry ids are `<version>-0`; anything else is none of ours and is a gap. */
function versionOf(id: string): number {
  const match = /^(\d{1,15})-0$/.exec(id);
  return match === null ? Number.NaN : Number(match[1]);
}

function pairs(flat: readonly string[]): (readonly [string, string])[] {
  const result: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] ?? "", flat[i + 1] ?? ""]);
  return result;
}
