import { TYPE, typeName } from "../wire/codes.ts";
import { formatName, isAtOrBelow, type NameKey, nameKey, parentKey } from "../wire/name.ts";
import { rdataBytesMax } from "../wire/rdata.ts";
import { type RecordsByOwner, rdataIdentity, type ZoneRecord } from "./zone.ts";
import type { TextProblem } from "./zone-lexer.ts";

/** A record and where its entry starts in the file. */
export interface PlacedRecord extends ZoneRecord {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with the records of a zone, taken together. */
export interface ZoneFindings {
  /** The zone cannot be served. */
  readonly errors: readonly TextProblem[];
  /** It can, but hardly as the author meant it. */
  readonly warnings: readonly TextProblem[];
}

interface Findings {
  readonly errors: TextProblem[];
  readonly warnings: TextProblem[];
}

/** The records of a zone in the order and by the keys that checks need. */
interface Records {
  readonly apex: NameKey;
  readonly byOwner: RecordsByOwner<PlacedRecord>;
  /** Names of delegations: NS records below the apex. */
  readonly cuts: ReadonlySet<NameKey>;
}

/** Octets that an RRset may have, so that it fits a message over TCP with header and question. */
const RRSET_BYTES_MAX = 65_000;

/** Octets of a record beside its data, when its owner is a compression pointer. */
const RECORD_HEAD_BYTES = 12;

/** Finds what is wrong with the records of a zone whose apex is `apex` (P). */
export function checkZone(apex: NameKey, records: RecordsByOwner<PlacedRecord>): ZoneFindings {
  const findings: Findings = { errors: [], warnings: [] };
  const byOwner = new Map<NameKey, readonly PlacedRecord[]>();
  const cuts = new Set<NameKey>();
  for (const [key, members] of records) {
    if (isAtOrBelow(key, apex)) {
      byOwner.set(key, members);
      if (key !== apex && members.some(({ type }) => type === TYPE.NS)) cuts.add(key);
    } else {
      for (const record of members) {
        findings.errors.push(at(record, `${formatName(record.owner)} is not in the zone`));
      }
    }
  }
  const zone: Records = { apex, byOwner, cuts };
  checkApex(zone, findings);
  for (const [key, members] of byOwner) {
    checkCname(zone, key, members, findings);
    checkAlias(members, findings);
    checkRrsets(members, findings);
    checkDelegation(zone, key, members, findings);
    checkDname(zone, key, members, findings);
    for (const record of members) checkTarget(zone, record, findings);
  }
  return findings;
}

function at({ line, column }: PlacedRecord, message: string): TextProblem {
  return { line, column, message };
}

/** RFC 1035 section 5.2: exactly one SOA, at the top; RFC 1034 section 4.2.1: NS records there. */
function checkApex({ apex, byOwner }: Records, { errors }: Findings): void {
  const members = byOwner.get(apex) ?? [];
  const soas = [...byOwner.values()].flatMap((all) => all.filter(({ type }) => type === TYPE.SOA));
  for (const [index, soa] of soas.entries()) {
    if (nameKey(soa.owner) !== apex) errors.push(at(soa, "the SOA belongs to the top of the zone"));
    else if (index > 0) errors.push(at(soa, "a zone has one SOA record, and there is one before"));
  }
  const soa = members.find(({ type }) => type === TYPE.SOA);
  if (soa !== undefined && !members.some(({ type }) => type === TYPE.NS)) {
    errors.push(at(soa, `${formatName(soa.owner)} has no NS record`));
  }
}

/** RFC 1034 section 3.6.2: a name with a CNAME has no other data. */
function checkCname(
  { apex }: Records,
  key: NameKey,
  members: readonly PlacedRecord[],
  { errors }: Findings,
): void {
  const [first, ...more] = members.filter(({ type }) => type === TYPE.CNAME);
  if (first === undefined) return;
  if (key === apex) {
    errors.push(at(first, "the top of a zone has SOA and NS records, so it cannot be a CNAME"));
    return;
  }
  const name = () => formatName(first.owner);
  const other = members.find(({ type }) => type !== TYPE.CNAME);
  if (other !== undefined) {
    const what = typeName(other.type);
    errors.push(at(first, `${name()} is a CNAME, so it cannot have ${what} (line ${other.line})`));
  }
  for (const cname of more) {
    if (rdataIdentity(cname.rdata) !== rdataIdentity(first.rdata)) {
      errors.push(at(cname, `${name()} is a CNAME already (line ${first.line})`));
    }
  }
}

/** A name has the addresses of one other name, or its own. */
function checkAlias(members: readonly PlacedRecord[], { errors }: Findings): void {
  const [first, ...more] = members.filter(({ type }) => type === TYPE.ALIAS);
  if (first === undefined) return;
  const name = formatName(first.owner);
  for (const alias of more) {
    if (rdataIdentity(alias.rdata) !== rdataIdentity(first.rdata)) {
      errors.push(at(alias, `${name} is an ALIAS already (line ${first.line})`));
    }
  }
  for (const record of members) {
    if (record.type !== TYPE.A && record.type !== TYPE.AAAA) continue;
    const what = `${typeName(record.type)} record`;
    errors.push(at(record, `${name} is an ALIAS (line ${first.line}), so it has no ${what} here`));
  }
}

/** RFC 2181 section 5: records of an RRset differ in their data and in nothing else. */
function checkRrsets(members: readonly PlacedRecord[], findings: Findings): void {
  const [only] = members;
  // Most names have one record; in a large zone it pays not to group it.
  if (only !== undefined && members.length === 1) return checkSize(only, members, findings);
  for (const records of Map.groupBy(members, ({ type }) => type).values()) {
    const [first] = records;
    if (first !== undefined) checkRrset(first, records, findings);
  }
}

function checkRrset(
  first: PlacedRecord,
  records: readonly PlacedRecord[],
  findings: Findings,
): void {
  const { warnings } = findings;
  const distinct = new Map<string, PlacedRecord>();
  for (const record of records) {
    const identity = rdataIdentity(record.rdata);
    const twin = distinct.get(identity);
    if (twin === undefined) distinct.set(identity, record);
    else warnings.push(at(record, `the same record is on line ${twin.line}`));
    if (record.ttlSeconds !== first.ttlSeconds) {
      const what = `${typeName(first.type)} records of ${formatName(record.owner)}`;
      warnings.push(at(record, `the ${what} have different TTLs; the smallest is used for all`));
    }
  }
  checkSize(first, [...distinct.values()], findings);
}

function checkSize(
  first: PlacedRecord,
  distinct: readonly PlacedRecord[],
  { errors }: Findings,
): void {
  const bytes = distinct.reduce(
    (sum, { rdata }) => sum + RECORD_HEAD_BYTES + rdataBytesMax(rdata),
    0,
  );
  if (bytes > RRSET_BYTES_MAX) {
    errors.push(at(first, `the ${typeName(first.type)} records here do not fit one message`));
  }
}

/** What lies below a delegation belongs to other servers; here it can only be glue. */
function checkDelegation(
  zone: Records,
  key: NameKey,
  members: readonly PlacedRecord[],
  { errors, warnings }: Findings,
): void {
  const isCut = zone.cuts.has(key);
  if (isCut && key.startsWith("\u0001*")) {
    // RFC 4592 section 4.2: undefined what it would mean.
    for (const ns of members.filter(({ type }) => type === TYPE.NS)) {
      errors.push(at(ns, "a wildcard cannot be delegated"));
    }
    return;
  }
  const above = cutAbove(zone, parentKey(key));
  if (!isCut && above === undefined) return;
  const glue: readonly number[] = [TYPE.A, TYPE.AAAA];
  const allowed = isCut && above === undefined ? [TYPE.NS, TYPE.DS, ...glue] : glue;
  for (const record of members.filter(({ type }) => !allowed.includes(type))) {
    const what = `${typeName(record.type)} record of ${formatName(record.owner)}`;
    warnings.push(at(record, `the ${what} is never answered: the name is delegated`));
  }
}

/** RFC 6672 section 2.4: one DNAME at a name, no delegation beside it, and nothing below it. */
function checkDname(
  zone: Records,
  key: NameKey,
  members: readonly PlacedRecord[],
  { errors }: Findings,
): void {
  const [first] = members;
  for (let name = key === zone.apex ? undefined : parentKey(key); name !== undefined; ) {
    const dname = zone.byOwner.get(name)?.find(({ type }) => type === TYPE.DNAME);
    if (dname !== undefined && first !== undefined) {
      const where = `the DNAME of ${formatName(dname.owner)} (line ${dname.line})`;
      errors.push(at(first, `nothing can be below ${where}`));
    }
    name = name === zone.apex ? undefined : parentKey(name);
  }
  const [dname, ...more] = members.filter(({ type }) => type === TYPE.DNAME);
  if (dname === undefined) return;
  for (const other of more) {
    if (rdataIdentity(other.rdata) !== rdataIdentity(dname.rdata)) {
      errors.push(at(other, `a name has one DNAME, and there is one on line ${dname.line}`));
    }
  }
  if (zone.cuts.has(key)) errors.push(at(dname, "a name that is delegated has no DNAME"));
  if (key.startsWith("\u0001*")) errors.push(at(dname, "a wildcard cannot have a DNAME"));
}

/** RFC 2181 section 10.3 and RFC 1034 section 4.2.1: what NS and MX records point at. */
function checkTarget(zone: Records, record: PlacedRecord, { errors, warnings }: Findings): void {
  if (record.type !== TYPE.NS && record.type !== TYPE.MX) return;
  const [target] = record.rdata.names;
  const key = target === undefined ? "" : nameKey(target);
  if (target === undefined || !isAtOrBelow(key, zone.apex)) return;
  const members = zone.byOwner.get(key) ?? [];
  const what = () => `${typeName(record.type)} record points at ${formatName(target)}`;
  if (members.some(({ type }) => type === TYPE.CNAME)) {
    const findings = record.type === TYPE.NS ? errors : warnings;
    findings.push(at(record, `the ${what()}, which is a CNAME`));
    return;
  }
  if (members.some(({ type }) => type === TYPE.A || type === TYPE.AAAA)) return;
  // Below another delegation its own servers know the address.
  const cut = cutAbove(zone, key);
  const isOwnGlue = cut !== undefined && cut === nameKey(record.owner);
  if (record.type === TYPE.NS && (cut === undefined || isOwnGlue)) {
    errors.push(at(record, `the ${what()}, which has no address in this zone`));
  }
}

/** The name of a delegation at or above `key`. */
function cutAbove(zone: Records, key: NameKey | undefined): NameKey | undefined {
  let name = key;
  while (name !== undefined && name.length > zone.apex.length) {
    if (zone.cuts.has(name)) return name;
    name = parentKey(name);
  }
  return undefined;
}
