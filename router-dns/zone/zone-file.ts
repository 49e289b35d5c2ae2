import type { FileProblem } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { TYPE } from "../wire/codes.ts";
import { type Name, type NameKey, nameKey, parseName, ROOT } from "../wire/name.ts";
import { checkZone, type PlacedRecord } from "./check.ts";
import { FieldReader, parseTtlSeconds } from "./field-reader.ts";
import { findTypeSyntax, TYPE_WORDS, type TypeSyntax } from "./rdata-text.ts";
import { type AliasName, buildZone, type Zone } from "./zone.ts";
import { type Entry, lexZone, type TextProblem, type Token } from "./zone-lexer.ts";

/** What a zone file may leave open. */
export interface ZoneFileOptions {
  /** Name of the zone as text; left out: `$ORIGIN` and the owner of the SOA say it. */
  readonly origin?: string;
}

/** Problems shown for one file; the first are the ones that cause the rest. */
export const PROBLEMS_MAX = 100;

/** What one line of a zone file leaves to the next (RFC 1035 section 5.1). */
interface ParseState {
  readonly records: Map<NameKey, PlacedRecord[]>;
  readonly problems: TextProblem[];
  origin: Name | undefined;
  owner: Name | undefined;
  /** The key of `owner`. */
  ownerKey: NameKey;
  /** Owner of the first SOA record, also of a broken one. */
  soaOwner: Name | undefined;
  /** Set by `$TTL` (RFC 2308 section 4). */
  defaultTtlSeconds: number | undefined;
  /** The last TTL that a record said, for files without `$TTL`. */
  lastTtlSeconds: number | undefined;
}

/**
 * Reads a master file of one zone (P). RFC 1035 section 5, RFC 2308 section 4, RFC 2181 section 8.
 *
 * `file` is only used in the problems. Fails with all of them, each with its place; what can be
 * served and is still odd is in the warnings of the zone.
 */
export function parseZoneFile(
  text: string,
  file: string,
  options: ZoneFileOptions = {},
): Result<Zone, readonly FileProblem[]> {
  const place = (problem: TextProblem): FileProblem => ({ file, ...problem });
  const given = options.origin === undefined ? undefined : parseName(options.origin);
  if (given?.ok === false) return fail([place({ line: 1, column: 1, message: given.error })]);
  const problems: TextProblem[] = [];
  const state: ParseState = {
    records: new Map(),
    problems,
    origin: given?.value,
    owner: undefined,
    ownerKey: "",
    soaOwner: undefined,
    defaultTtlSeconds: undefined,
    lastTtlSeconds: undefined,
  };
  for (const entry of lexZone(text, problems)) readEntry(state, entry);
  const apex = given?.value ?? state.soaOwner;
  const findings = apex && checkZone(nameKey(apex), state.records);
  const errors = [...state.problems, ...(findings?.errors ?? [])];
  if (state.soaOwner === undefined) {
    errors.push({ line: 1, column: 1, message: "the zone has no SOA record" });
  }
  if (apex === undefined || errors.length > 0) return fail(inOrder(errors).map(place));
  const warnings = inOrder(findings?.warnings ?? []).map(place);
  const aliases = takeAliases(state.records);
  return ok(buildZone({ origin: apex, records: state.records, aliases, file, warnings }));
}

/** Takes the aliases out of the records: they are none. */
function takeAliases(records: Map<NameKey, PlacedRecord[]>): readonly AliasName[] {
  const aliases: AliasName[] = [];
  for (const [key, members] of records) {
    const record = members.find(isAlias);
    const [target] = record?.rdata.names ?? [];
    if (record === undefined || target === undefined) continue;
    const { owner, line, column } = record;
    // RFC 2181 section 5.2, for the same alias written twice.
    const ttls = members.filter(isAlias).map(({ ttlSeconds }) => ttlSeconds);
    const alias = { target, targetKey: nameKey(target), ttlSeconds: Math.min(...ttls) };
    aliases.push({ owner, alias: { ...alias, place: { line, column } } });
    const others = members.filter((member) => !isAlias(member));
    if (others.length > 0) records.set(key, others);
    else records.delete(key);
  }
  return aliases;
}

function isAlias({ type }: PlacedRecord): boolean {
  return type === TYPE.ALIAS;
}

function inOrder(problems: readonly TextProblem[]): readonly TextProblem[] {
  return problems
    .toSorted((left, right) => left.line - right.line || left.column - right.column)
    .slice(0, PROBLEMS_MAX);
}

function readEntry(state: ParseState, entry: Entry): void {
  const [first] = entry.tokens;
  const fields = new FieldReader(entry.tokens, state.origin);
  if (!entry.startsBlank && !first.isQuoted && first.text.startsWith("$")) {
    readDirective(state, fields);
  } else {
    readRecord(state, entry, fields);
  }
  state.problems.push(...fields.problems);
}

function readDirective(state: ParseState, fields: FieldReader): void {
  const directive = fields.take("a directive");
  if (directive === undefined) return;
  switch (directive.text.toUpperCase()) {
    case "$ORIGIN":
      state.origin = fields.name("the origin");
      break;
    case "$TTL":
      state.defaultTtlSeconds = fields.seconds("the default TTL");
      break;
    case "$INCLUDE":
      fields.complain(directive, "$INCLUDE is not supported: put the records into this file");
      return;
    default:
      fields.complain(directive, `${directive.text} is not known; there are $ORIGIN and $TTL`);
      return;
  }
  fields.end();
}

function readRecord(state: ParseState, entry: Entry, fields: FieldReader): void {
  const [first] = entry.tokens;
  const owner = entry.startsBlank ? state.owner : readOwner(fields);
  if (owner === undefined) {
    fields.complain(first, "there is no record before this whose owner could go on");
    return;
  }
  if (owner !== state.owner) state.ownerKey = nameKey(owner);
  state.owner = owner;
  const head = readHead(fields);
  if (head === undefined) return;
  if (head.syntax.type === TYPE.SOA) state.soaOwner ??= owner;
  const rdata = head.syntax.read(fields);
  fields.end();
  const ttlSeconds = head.ttlSeconds ?? state.defaultTtlSeconds ?? state.lastTtlSeconds;
  state.lastTtlSeconds = ttlSeconds;
  if (ttlSeconds === undefined) {
    fields.complain(first, "there is no TTL: write one here, or a $TTL line at the top");
    state.lastTtlSeconds = 0;
  }
  if (fields.problems.length > 0) return;
  const { line, column } = first;
  const { type } = head.syntax;
  const record = { owner, type, ttlSeconds: ttlSeconds ?? 0, rdata, line, column };
  const siblings = state.records.get(state.ownerKey);
  if (siblings === undefined) state.records.set(state.ownerKey, [record]);
  else siblings.push(record);
}

function readOwner(fields: FieldReader): Name {
  const token = fields.take("the owner");
  return token === undefined ? ROOT : fields.nameOf(token);
}

/** Reads TTL and class, either of which may come first or be left out, and the type. */
function readHead(
  fields: FieldReader,
): { readonly ttlSeconds: number | undefined; readonly syntax: TypeSyntax } | undefined {
  let ttlSeconds: number | undefined;
  let classToken: Token | undefined;
  for (;;) {
    const token = fields.take("the type");
    if (token === undefined) return undefined;
    const word = token.text.toUpperCase();
    if (ttlSeconds === undefined && /^\d/.test(word)) {
      ttlSeconds = parseTtlSeconds(word);
      if (ttlSeconds === undefined) {
        fields.complain(token, `"${token.text}" is not a TTL like 3600, 1h or 1d12h`);
        ttlSeconds = 0;
      }
    } else if (classToken === undefined && /^(?:IN|CH|HS|CS|CLASS\d+)$/.test(word)) {
      classToken = token;
      // RFC 3597 section 5: CLASS1 is another way to write it.
      if (word !== "IN" && word !== "CLASS1")
        fields.complain(token, `only class IN is served, not ${word}`);
    } else {
      const syntax = findTypeSyntax(word);
      if (syntax !== undefined) return { ttlSeconds, syntax };
      const known = `there are ${TYPE_WORDS}`;
      fields.complain(token, `"${token.text}" is not a record type that is served; ${known}`);
      return undefined;
    }
  }
}
