import type { AnswerRecorder, RecordSource } from "../answer/recorder.ts";
import { readName, readRdata } from "../transfer/message.ts";
import { HEADER_BYTES, TYPE, typeName } from "../wire/codes.ts";
import { formatName, type NameKey, nameKey } from "../wire/name.ts";
import { wordAt } from "../wire/octets.ts";
import { formatRdata } from "../wire/rdata-format.ts";
import { type RdataField, rdataFields } from "../wire/rdata-layout.ts";
import { SECTION, type Section } from "../wire/writer.ts";
import type { AliasEnd } from "../zone/alias.ts";
import { nodeOf, typesAt } from "../zone/lookup.ts";
import type { Alias, Rrset, Zone } from "../zone/zone.ts";

/** Why a record is in an answer: a word for programs, a sentence for people. */
export interface RecordReason {
  readonly source: RecordSource;
  readonly text: string;
  /** Where the record is written, if that is a zone file. */
  readonly file?: string;
  readonly line?: number;
}

/** One record of an answer, as a zone file would write it, and why it is there. */
export interface ExplainedRecord {
  readonly name: string;
  readonly ttl: number;
  readonly type: string;
  readonly data: string;
  readonly why: RecordReason;
}

/** The sections of an answer without its OPT record. */
export interface ExplainedSections {
  readonly answer: readonly ExplainedRecord[];
  readonly authority: readonly ExplainedRecord[];
  readonly additional: readonly ExplainedRecord[];
}

/** What steering has chosen, if it was asked. */
export type Chosen =
  | { readonly site: string; readonly pop: string | undefined; readonly reason: string }
  | undefined;

interface Note {
  readonly source: RecordSource;
  readonly zone: Zone | undefined;
  /** The name that was looked up in the zone. */
  readonly name: NameKey;
  readonly rrset: Rrset | undefined;
  readonly alias: { readonly alias: Alias; readonly end: AliasEnd } | undefined;
}

/** Remembers of each record of an answer where it came from. */
export class AnswerNotes implements AnswerRecorder {
  readonly #notes: readonly [Note[], Note[], Note[]] = [[], [], []];
  #zone: Zone | undefined;
  #name: NameKey = "";
  #alias: Note["alias"];

  /** The zone that was entered last. */
  get zone(): Zone | undefined {
    return this.#zone;
  }

  entered(zone: Zone, name: NameKey): void {
    this.#zone = zone;
    this.#name = name;
    this.#alias = undefined;
  }

  aliased(alias: Alias, end: AliasEnd): void {
    this.#alias = { alias, end };
  }

  wrote(section: Section, count: number, source: RecordSource, rrset: Rrset | undefined): void {
    const notes = this.#notes[section];
    const note = { source, zone: this.#zone, name: this.#name, rrset, alias: this.#alias };
    while (notes.length < count) notes.push(note);
  }

  cleared(): void {
    for (const notes of this.#notes) notes.length = 0;
  }

  of(section: Section, index: number): Note | undefined {
    return this.#notes[section][index];
  }
}

/** The records of an answer of ours with what is remembered of them (P). */
export function explainSections(
  message: Uint8Array,
  notes: AnswerNotes,
  chosen: Chosen,
): ExplainedSections {
  const question = readName(message, HEADER_BYTES);
  const cursor = { at: (question?.end ?? HEADER_BYTES) + 4 };
  const read = (section: Section): readonly ExplainedRecord[] => {
    const records: ExplainedRecord[] = [];
    for (let i = wordAt(message, 6 + 2 * section); i > 0; i -= 1) {
      const record = readRecord(message, cursor);
      if (record === undefined || record.type === TYPE.OPT) continue;
      const { owner, ttl, type, data } = record;
      const note = notes.of(section, records.length);
      const why = note === undefined ? UNKNOWN : reasonOf(record, note, section, chosen);
      const text = formatRdata(type, data);
      records.push({ name: formatName(owner), ttl, type: typeName(type), data: text, why });
    }
    return records;
  };
  return {
    answer: read(SECTION.ANSWER),
    authority: read(SECTION.AUTHORITY),
    additional: read(SECTION.ADDITIONAL),
  };
}

const UNKNOWN: RecordReason = { source: "server", text: "nobody has said why" };

interface WireRecord {
  readonly owner: Uint8Array;
  readonly type: number;
  readonly ttl: number;
  readonly data: Uint8Array;
}

function readRecord(message: Uint8Array, cursor: { at: number }): WireRecord | undefined {
  const owner = readName(message, cursor.at);
  if (owner === undefined) return undefined;
  const type = wordAt(message, owner.end);
  const ttl = wordAt(message, owner.end + 4) * 2 ** 16 + wordAt(message, owner.end + 6);
  const start = owner.end + 10;
  cursor.at = start + wordAt(message, owner.end + 8);
  const rdata = readRdata(message, type, start, cursor.at);
  if (rdata === undefined) return undefined;
  const data = Buffer.concat([rdata.prefix, ...rdata.names, rdata.suffix]);
  return { owner: owner.name, type, ttl, data };
}

function reasonOf(record: WireRecord, note: Note, section: Section, chosen: Chosen): RecordReason {
  const { source, rrset, zone } = note;
  switch (source) {
    case "rrset":
      return rrsetReason(record, note, section);
    case "made":
      return { source, ...madeReason(note, chosen) };
    case "denial":
      return { source, text: denialText(record) };
    case "signature":
      return { source, text: signatureText(record) };
    case "delegation":
      return { source, ...placeOf(zone, rrset), text: "the name belongs to these servers" };
    case "glue":
      return { source, text: "address of a name server that is named above (glue)" };
    case "dname-cname":
      return { source, text: "made of the DNAME above, for those who do not know DNAME" };
    default:
      return { source, text: "what the server says about itself" };
  }
}

/** A set of the zone: as its file has it, or because the answer is negative. */
function rrsetReason(record: WireRecord, note: Note, section: Section) {
  const { source, zone, rrset } = note;
  const place = placeOf(zone, rrset);
  const where = place.line === undefined ? whatMade(zone) : `line ${place.line} of ${place.file}`;
  if (section === SECTION.AUTHORITY && record.type === TYPE.SOA) {
    const text = `${absenceText(note)}; the SOA says for how long that may be remembered (${where})`;
    return { source, ...place, text };
  }
  if (section === SECTION.AUTHORITY && record.type === TYPE.DS) {
    return {
      source,
      ...place,
      text: `names the key that the child zone is signed with (${where})`,
    };
  }
  const node = zone && nodeOf(zone, nameKey(record.owner));
  if (zone === undefined || node?.rrsets.every((other) => other !== rrset) !== false) {
    const isKey = KEY_TYPES.includes(record.type);
    return {
      source,
      text: isKey ? "from the keys of the zone" : "stands for all types (RFC 8482)",
    };
  }
  const isWildcard = nameKey(node.owner) !== nameKey(record.owner);
  const text = isWildcard ? `made of ${formatName(node.owner)}, ${where}` : where;
  return { source, ...place, text };
}

/** Why an answer is negative: which name is not there, or what it has instead. */
function absenceText({ zone, name }: Note): string {
  const types = zone && typesAt(zone, name);
  if (types === undefined) return "no such name, and no wildcard that would stand for it";
  if (types.length === 0) return "the name has no records, only names below it";
  return `nothing of this type for this client; the name has ${types.map(typeName).join(", ")}`;
}

const KEY_TYPES: readonly number[] = [TYPE.DNSKEY, TYPE.CDS, TYPE.CDNSKEY];

function placeOf(zone: Zone | undefined, rrset: Rrset | undefined) {
  const line = rrset?.line;
  return zone === undefined || zone.file === "" || line === undefined
    ? {}
    : { file: zone.file, line };
}

function whatMade(zone: Zone | undefined): string {
  return zone?.file === "" ? "from the configuration, or from a primary" : "from a zone file";
}

function madeReason({ alias, zone }: Note, chosen: Chosen) {
  const steered =
    chosen === undefined
      ? ""
      : `site ${chosen.site}: ${chosen.pop ?? "no PoP"}, because: ${chosen.reason}`;
  if (alias === undefined) return { text: steered };
  const { line } = alias.alias.place;
  const file = zone?.file ?? "";
  const target = `ALIAS of ${formatName(alias.alias.target)}, line ${line} of ${file}`;
  return { text: steered === "" ? target : `${target}; ${steered}`, file, line };
}

function denialText({ data }: WireRecord): string {
  const types = rdataFields(TYPE.NSEC, data)?.at(-1);
  const listed = types === undefined ? [] : typesOf(types);
  const held = listed.filter((type) => type !== "RRSIG" && type !== "NSEC");
  if (held.includes("NXNAME")) return "proves that there is no such name (RFC 9824)";
  if (held.length === 0) return "proves that the name has no records, only names below it";
  return `proves that the name has no other types than ${held.join(", ")} (RFC 9824)`;
}

function typesOf({ octets }: RdataField): readonly string[] {
  const root = Uint8Array.of(0);
  return formatRdata(TYPE.NSEC, Buffer.concat([root, octets]))
    .split(" ")
    .slice(1);
}

function signatureText({ data }: WireRecord): string {
  const words = formatRdata(TYPE.RRSIG, data).split(" ");
  const [covered = "", , , , until = "", from = "", tag = "", signer = ""] = words;
  return `signs the ${covered} records: key ${tag} of ${signer}, good from ${from} until ${until}`;
}
