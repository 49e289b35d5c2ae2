import { invariant } from "../../common/assert.ts";
import type { FileProblem } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { runToEnd, type Steps } from "../../common/steps.ts";
import { TYPE } from "../wire/codes.ts";
import {
  countLabels,
  formatName,
  isAtOrBelow,
  type Name,
  type NameKey,
  nameKey,
  parentKey,
  parentName,
  ROOT,
} from "../wire/name.ts";
import type { Rdata } from "../wire/rdata.ts";
import type { HttpsService } from "../wire/svcb.ts";

/** One record as a source of a zone gives it; its class is IN. */
export interface ZoneRecord {
  readonly owner: Name;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly rdata: Rdata;
  /** Where it is written in a zone file. */
  readonly line?: number;
}

/** Records by the key of their owner. */
export type RecordsByOwner<R extends ZoneRecord = ZoneRecord> = ReadonlyMap<NameKey, readonly R[]>;

/** A name whose A and AAAA records are decided for each client. */
export interface SteeredName {
  readonly owner: Name;
  readonly site: string;
  /** What its HTTPS records say; left out: it has none. */
  readonly service?: HttpsService;
}

/** Whose addresses a name has instead of its own. */
export interface Alias {
  readonly target: Name;
  readonly targetKey: NameKey;
  readonly ttlSeconds: number;
  /** Where it is written in the file of the zone. */
  readonly place: { readonly line: number; readonly column: number };
}

/** A name with the A, AAAA and HTTPS records of another one that is served here. */
export interface AliasName {
  readonly owner: Name;
  readonly alias: Alias;
}

/** All records of one type at one name (RFC 2181 section 5). */
export interface Rrset {
  readonly type: number;
  readonly ttlSeconds: number;
  readonly rdatas: readonly Rdata[];
  /** Of a CNAME: the key of the name that it points at. */
  readonly target?: NameKey;
  /** Where the first of its records is written in a zone file; left out: in none. */
  readonly line?: number;
}

/** The address records of a name server, for the additional section. */
export interface Glue {
  readonly owner: Name;
  readonly rrset: Rrset;
  /**
   * True if the server's name lies in the zone that it serves, so that nobody else can be asked for
   * it.
   */
  readonly isInDomain: boolean;
}

/** The place where a zone hands a subtree to other servers (RFC 1034 section 4.2.1). */
export interface Delegation {
  readonly owner: Name;
  readonly key: NameKey;
  readonly ns: Rrset;
  /** In-domain glue first. */
  readonly glue: readonly Glue[];
}

/** One name of a zone. One without data is an empty non-terminal (RFC 4592 section 2.2.2). */
export interface ZoneNode {
  readonly owner: Name;
  /** One per type. */
  readonly rrsets: readonly Rrset[];
  /** The site whose edges are the answer to A and AAAA. */
  readonly steered: string | undefined;
  /** What the HTTPS records of a steered name say besides addresses; undefined: it has none. */
  readonly service: HttpsService | undefined;
  /** Set if A, AAAA and HTTPS are those of another name. */
  readonly alias: Alias | undefined;
  /** The delegation that this name is at or below; its data is then at most glue. */
  readonly cut: Delegation | undefined;
  /** The child called `*` (RFC 4592 section 2.1). */
  readonly wildcard: ZoneNode | undefined;
}

/** An immutable zone: every name on the way from the apex to a record is there. */
export interface Zone {
  readonly origin: Name;
  readonly key: NameKey;
  readonly soa: Rrset;
  /** The SOA as negative answers carry it: TTL at most its MINIMUM (RFC 2308 section 3). */
  readonly negativeSoa: Rrset;
  /** What the zone has of the addresses of its own name servers. */
  readonly glue: readonly Glue[];
  readonly nodes: ReadonlyMap<NameKey, ZoneNode>;
  readonly aliases: readonly AliasName[];
  /** The zone file; empty if the zone is made of something else. */
  readonly file: string;
  /** What the author of the zone file should look at although the zone can be served. */
  readonly warnings: readonly FileProblem[];
}

/** What a zone is made of. Records are in the zone, and one of them is the SOA of the apex. */
export interface ZoneSource {
  readonly origin: Name;
  readonly records: RecordsByOwner;
  readonly steered?: readonly SteeredName[];
  readonly aliases?: readonly AliasName[];
  readonly file?: string;
  readonly warnings?: readonly FileProblem[];
}

/** The zones of a server. */
export interface ZoneTable {
  readonly byApex: ReadonlyMap<NameKey, Zone>;
  /** Labels of the longest apex: no longer suffix of a name needs to be tried. */
  readonly apexLabelsMax: number;
  /** Zones that we ought to serve and have not got, or no longer: those of silent primaries. */
  readonly missing: ReadonlySet<NameKey>;
}

const NONE_MISSING: ReadonlySet<NameKey> = new Set();

type MutableNode = { -readonly [K in keyof ZoneNode]: ZoneNode[K] };

/** The records of one type at a node (P). Names have few types: a map would only take memory. */
export function findRrset(node: ZoneNode | undefined, type: number): Rrset | undefined {
  return node?.rrsets.find((rrset) => rrset.type === type);
}

/** Puts zones together for one server (P). Fails if two of them are for the same name. */
export function buildZoneTable(zones: readonly Zone[]): Result<ZoneTable, string> {
  const byApex = new Map<NameKey, Zone>();
  let apexLabelsMax = 0;
  for (const zone of zones) {
    if (byApex.has(zone.key)) return fail(`there are two zones for ${formatName(zone.origin)}`);
    byApex.set(zone.key, zone);
    apexLabelsMax = Math.max(apexLabelsMax, countLabels(zone.key));
  }
  return ok({ byApex, apexLabelsMax, missing: NONE_MISSING });
}

/** The records of one name, put together. */
export interface NamedRrsets {
  readonly owner: Name;
  readonly rrsets: readonly Rrset[];
}

/** What a tree is made of. Names are in the zone, each comes once, and the apex has the SOA. */
export interface TreeSource {
  readonly origin: Name;
  readonly names: Iterable<NamedRrsets>;
  readonly steered?: readonly SteeredName[];
  readonly aliases?: readonly AliasName[];
  readonly file?: string;
  readonly warnings?: readonly FileProblem[];
}

/** Names of a zone that are seen to in one step: some hundred microseconds. */
export const NAMES_PER_STEP = 128;

/**
 * Builds the tree of a zone (P). Equal records count once, and an RRset has the smallest TTL of its
 * records (RFC 2181 section 5.2). Throws if the source breaks what ZoneSource promises.
 */
export function buildZone(source: ZoneSource): Zone {
  return runToEnd(zoneSteps(source));
}

/** The same in steps, for a zone that is built while others wait for answers (P). */
export function zoneSteps({ records, ...source }: ZoneSource): Steps<Zone> {
  return treeSteps({ ...source, names: namesOf(source.origin, records) });
}

/** Builds the tree of a zone of which the records are put together already, in steps (P). */
export function* treeSteps(source: TreeSource): Steps<Zone> {
  const key = nameKey(source.origin);
  const nodes = new Map<NameKey, MutableNode>();
  let count = 0;
  for (const { owner, rrsets } of source.names) {
    growTo(nodes, owner, key).rrsets = rrsets;
    count += 1;
    if (count % NAMES_PER_STEP === 0) yield;
  }
  for (const { owner, site, service } of source.steered ?? []) {
    invariant(isAtOrBelow(nameKey(owner), key), "steered names are in the zone");
    const node = growTo(nodes, owner, key);
    node.steered = site;
    node.service = service;
  }
  for (const { owner, alias } of source.aliases ?? []) growTo(nodes, owner, key).alias = alias;
  yield* connect(nodes, key);
  const apex = nodes.get(key);
  const soa = findRrset(apex, TYPE.SOA);
  invariant(soa?.rdatas.length === 1, "a zone has one SOA, at its apex");
  return {
    origin: source.origin,
    key,
    soa,
    negativeSoa: { ...soa, ttlSeconds: Math.min(soa.ttlSeconds, minimumSeconds(soa)) },
    glue: glueOf(findRrset(apex, TYPE.NS), key, nodes),
    nodes,
    aliases: source.aliases ?? [],
    file: source.file ?? "",
    warnings: source.warnings ?? [],
  };
}

function* namesOf(origin: Name, records: RecordsByOwner): Generator<NamedRrsets, void> {
  const apex = nameKey(origin);
  for (const [owner, members] of records) {
    invariant(isAtOrBelow(owner, apex), "records of a zone are in the zone");
    yield { owner: members[0]?.owner ?? origin, rrsets: rrsetsOf(members) };
  }
}

/**
 * The node of a name; made if it is not there, behind all names between it and the apex: the nodes
 * are in an order in which parents come first.
 */
function growTo(nodes: Map<NameKey, MutableNode>, owner: Name, apex: NameKey): MutableNode {
  const key = nameKey(owner);
  const known = nodes.get(key);
  if (known !== undefined) return known;
  const parent = parentKey(key);
  if (key !== apex && parent !== undefined && !nodes.has(parent)) {
    growTo(nodes, parentName(owner) ?? ROOT, apex);
  }
  const node: MutableNode = {
    owner,
    rrsets: [],
    steered: undefined,
    service: undefined,
    alias: undefined,
    cut: undefined,
    wildcard: undefined,
  };
  nodes.set(key, node);
  return node;
}

/** Fills in what a node knows about its neighbours: delegations from the top down, wildcards. */
function* connect(nodes: Map<NameKey, MutableNode>, apex: NameKey): Steps<void> {
  let count = 0;
  for (const [key, node] of nodes) {
    count += 1;
    if (count % NAMES_PER_STEP === 0) yield;
    if (key === apex) continue;
    const parent = nodes.get(parentKey(key) ?? "");
    const ns = findRrset(node, TYPE.NS);
    node.cut = parent?.cut ?? (ns && { owner: node.owner, key, ns, glue: glueOf(ns, key, nodes) });
    if (parent !== undefined && key.startsWith("\u0001*")) parent.wildcard = node;
  }
}

/** Addresses of the servers of the zone called `apex`, as far as `nodes` have them. */
function glueOf(
  ns: Rrset | undefined,
  apex: NameKey,
  nodes: ReadonlyMap<NameKey, ZoneNode>,
): readonly Glue[] {
  const glue = (ns?.rdatas ?? [])
    .flatMap(({ names }) => names)
    .flatMap((owner): Glue[] => {
      const key = nameKey(owner);
      const node = nodes.get(key);
      const isInDomain = isAtOrBelow(key, apex);
      return [findRrset(node, TYPE.A), findRrset(node, TYPE.AAAA)]
        .filter((rrset) => rrset !== undefined)
        .map((rrset) => ({ owner, rrset, isInDomain }));
    });
  return glue.sort((left, right) => Number(right.isInDomain) - Number(left.isInDomain));
}

/** Records as a zone takes them (P). */
export function groupByOwner<R extends ZoneRecord>(records: readonly R[]): RecordsByOwner<R> {
  return Map.groupBy(records, ({ owner }) => nameKey(owner));
}

function rrsetsOf(records: readonly ZoneRecord[]): readonly Rrset[] {
  const [only] = records;
  // Most names have one record; in a large zone it pays not to group it.
  if (only !== undefined && records.length === 1) return [rrsetOf(only.type, records)];
  return [...Map.groupBy(records, ({ type }) => type)].map(([type, members]) =>
    rrsetOf(type, members),
  );
}

function rrsetOf(type: number, members: readonly ZoneRecord[]): Rrset {
  const ttlSeconds = Math.min(...members.map((member) => member.ttlSeconds));
  return makeRrset(type, ttlSeconds, distinctRdatas(members), members[0]?.line);
}

/** Puts an RRset together, whose data are distinct (P). */
export function makeRrset(
  type: number,
  ttlSeconds: number,
  rdatas: readonly Rdata[],
  line?: number,
): Rrset {
  const target = type === TYPE.CNAME ? rdatas[0]?.names[0] : undefined;
  const place = line === undefined ? {} : { line };
  if (target === undefined) return { type, ttlSeconds, rdatas, ...place };
  return { type, ttlSeconds, rdatas, target: nameKey(target), ...place };
}

function distinctRdatas(members: readonly ZoneRecord[]): readonly Rdata[] {
  if (members.length === 1) return members.map(({ rdata }) => rdata);
  return [...new Map(members.map(({ rdata }) => [rdataIdentity(rdata), rdata])).values()];
}

/** A string that is equal for data that is the same record (RFC 2181 section 5; RFC 4343). */
export function rdataIdentity(rdata: Rdata): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
  return JSON.stringify([text(rdata.prefix), rdata.names.map(nameKey), text(rdata.suffix)]);
}

function minimumSeconds(soa: Rrset): number {
  const suffix = soa.rdatas[0]?.suffix;
  invariant(suffix?.length === 20, "a SOA ends with five 32-bit numbers");
  return new DataView(suffix.buffer, suffix.byteOffset).getUint32(16);
}
