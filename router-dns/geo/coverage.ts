import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { FileProblem } from "../../common/file-problem.ts";
import { formatIp, parsePrefix } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { PrefixColumns } from "./prefix-columns.ts";
import { PrefixScanner, wordsOfPrefix } from "./prefix-text.ts";

/** What an operator says: clients of these networks go to this PoP first. */
export interface Coverage {
  /** Values are 1 more than the position of the PoP. */
  readonly v4: PrefixColumns;
  readonly v6: PrefixColumns;
  /** AS number to the position of the PoP. */
  readonly asn: ReadonlyMap<number, number>;
}

/** What coverage may speak of. */
export interface CoverageKnown {
  /** Names, in the order of the configuration. */
  readonly pops: readonly string[];
  /** Whether a database says which networks an AS has. */
  readonly networks: boolean;
}

/** The largest file worth accepting: a whole routing table has about a million prefixes. */
const ENTRIES_MAX = 2_000_000;

/** Who has made one mistake a million times is told of so many. */
const PROBLEMS_MAX = 100;

/** Larger files are only read in the two layouts that are read line by line or as JSON. */
const YAML_CHARACTERS_MAX = 8 * 2 ** 20;

/** Where in the text something is; negative: where its text is found. */
type Offset = number;

/** Takes one entry; offsets are those of its two texts. */
type Add = (network: string, networkAt: Offset, pop: string, popAt: Offset) => void;

/**
 * Reads a coverage file (P): YAML of `192.0.2.0/24: syd`, `2001:db8::/32: fra` and `AS7575: syd`
 * lines, as one map or as a list of such, or Traffic Control's `czmap.json`, where each cache group
 * is the PoP of that name.
 *
 * Every problem is reported with its place. Networks must not be named twice, PoPs must exist, and
 * an AS needs a database that says which networks it has.
 */
export function parseCoverage(
  text: string,
  file: string,
  known: CoverageKnown,
): Result<Coverage, readonly FileProblem[]> {
  for (const scan of [scanLines, scanJson]) {
    const collector = new Collector(text, file, known);
    if (scan(text, collector)) return collector.finish();
  }
  const collector = new Collector(text, file, known);
  if (text.length > YAML_CHARACTERS_MAX) {
    collector.report(
      unusualLine(text),
      "so large a file must have one `NETWORK: POP` on each line, or be a czmap.json",
    );
  } else {
    scanYaml(text, collector);
  }
  return collector.finish();
}

/** Coverage that says nothing (P). */
export function noCoverage(): Coverage {
  return { v4: new PrefixColumns(4, 1), v6: new PrefixColumns(6, 1), asn: new Map() };
}

const LINE =
  /(- )?(?:(["']?)([0-9a-fA-F.:/]+|[aA][sS][0-9]+)\2[ \t]*:[ \t]+(["']?)([A-Za-z][\w.-]*)\4)?[ \t]*(?:#.*)?(?:\r?\n|$)/y;

/** False if the text is not what every line of it can be read alone as. */
function scanLines(text: string, collector: Collector): boolean {
  let dash: string | undefined;
  let isFirst = true;
  LINE.lastIndex = 0;
  while (LINE.lastIndex < text.length) {
    const start = LINE.lastIndex;
    const next = isFirst || dash === undefined ? collector.addLine(start) : -1;
    if (next > 0) {
      isFirst = false;
      LINE.lastIndex = next;
      continue;
    }
    const match = LINE.exec(text);
    if (match === null) return false;
    const [, dashed, quote = "", network, popQuote = "", pop] = match;
    if (network === undefined || pop === undefined) {
      if (dashed !== undefined) return false;
      continue;
    }
    // A list or a map, but not both.
    if (!isFirst && dashed !== dash) return false;
    dash = dashed;
    isFirst = false;
    const networkAt = start + (dashed?.length ?? 0) + quote.length;
    const popAt = text.indexOf(pop, networkAt + network.length + popQuote.length);
    collector.add(network, networkAt, pop, popAt);
  }
  return true;
}

/** Where the first line is that stops `scanLines`. */
function unusualLine(text: string): Offset {
  LINE.lastIndex = 0;
  for (let at = 0; at < text.length; at = LINE.lastIndex) if (!LINE.test(text)) return at;
  return 0;
}

/** False if the text is not a `czmap.json` of the usual form. */
function scanJson(text: string, collector: Collector): boolean {
  if (!/^\s*\{/.test(text)) return false;
  let zones: unknown;
  try {
    zones = (JSON.parse(text) as { coverageZones?: unknown }).coverageZones;
  } catch {
    return false;
  }
  if (typeof zones !== "object" || zones === null) return false;
  let lists = 0;
  const entries: (readonly [string, string])[] = [];
  for (const [pop, groups] of Object.entries(zones as Record<string, unknown>)) {
    const { network = [], network6 = [] } = (groups ?? {}) as Record<string, unknown>;
    for (const list of [network, network6]) {
      if (!Array.isArray(list) || list.some((entry) => typeof entry !== "string")) return false;
      if (list.length > 0) lists += 1;
      for (const entry of list) entries.push([entry as string, pop]);
    }
  }
  // JSON.parse keeps the last of two keys of one name: then the slow way has to say so.
  const named = text.match(/"network6?"\s*:\s*\[\s*[^\]\s]/g)?.length ?? 0;
  if (named !== lists) return false;
  for (const [network, pop] of entries) collector.add(network, -1, pop, -1);
  return true;
}

/** Reads any other layout, and finds out where what is wrong is. */
function scanYaml(text: string, collector: Collector): void {
  const document = parseDocument(text, { lineCounter: new LineCounter() });
  for (const error of document.errors) {
    collector.report(error.pos[0], error.message.split(" at line ", 1)[0] ?? "");
  }
  if (document.errors.length > 0) return;
  const offsetOf = (node: unknown) => (node as Node | undefined)?.range?.[0] ?? 0;
  const report: Report = (node, message) => collector.report(offsetOf(node), message);
  for (const [network, pop] of pairsOf(document.contents, report)) {
    const [networkText, popText] = [network, pop].map((node) =>
      isScalar(node) ? String(node.value) : "",
    );
    collector.add(networkText ?? "", offsetOf(network), popText ?? "", offsetOf(pop ?? network));
  }
}

type Report = (node: unknown, message: string) => void;

/** The nodes of network and PoP of each entry, whichever of the layouts the file has. */
function pairsOf(contents: unknown, report: Report): (readonly [unknown, unknown])[] {
  if (contents === null) return [];
  if (isSeq(contents)) return contents.items.flatMap((item) => mapPairs(item, report));
  const zones = isMap(contents) ? contents.get("coverageZones", true) : undefined;
  return zones === undefined ? mapPairs(contents, report) : zonePairs(zones, report);
}

function mapPairs(node: unknown, report: Report): (readonly [unknown, unknown])[] {
  if (!isMap(node)) {
    report(node, "must be `NETWORK: POP`, such as `192.0.2.0/24: syd` or `AS7575: syd`");
    return [];
  }
  return node.items.filter(isPair).map((pair) => [pair.key, pair.value] as const);
}

function zonePairs(zones: unknown, report: Report): (readonly [unknown, unknown])[] {
  const pairs: (readonly [unknown, unknown])[] = [];
  for (const [pop, groups] of mapPairs(zones, report)) {
    for (const [kind, networks] of mapPairs(groups, report)) {
      const name = isScalar(kind) ? kind.value : undefined;
      // A cache group may also carry the coordinates that Traffic Control ranks by; ours has its
      // own.
      if (name !== "network" && name !== "network6") continue;
      if (!isSeq(networks)) report(networks, "must be a list of networks");
      else for (const network of networks.items) pairs.push([network, pop]);
    }
  }
  return pairs;
}

/** Takes entries, checks them, and remembers where they were. */
class Collector {
  readonly #text: string;
  readonly #file: string;
  readonly #known: CoverageKnown;
  readonly #popNumbers: ReadonlyMap<string, number>;
  readonly #problems: FileProblem[] = [];
  readonly #columns = { 4: new PrefixColumns(4), 6: new PrefixColumns(6) } as const;
  readonly #offsets: { readonly 4: Offset[]; readonly 6: Offset[] } = { 4: [], 6: [] };
  readonly #asn = new Map<number, number>();
  /** Of the line before: the next one often names the same. */
  #lastPop = "\n";
  #lastNumber = 0;
  readonly #scanner = new PrefixScanner();

  constructor(text: string, file: string, known: CoverageKnown) {
    this.#text = text;
    this.#file = file;
    this.#known = known;
    this.#popNumbers = new Map(known.pops.map((name, position) => [name, position]));
  }

  /**
   * Takes the entry that a line is, if it is a plain one: where the next line begins, or negative.
   * Most lines of large files are, and nothing is allocated for them.
   */
  addLine(start: number): number {
    const text = this.#text;
    const scanner = this.#scanner;
    let at = scanner.read(text, start);
    if (at < 0 || !text.startsWith(": ", at)) return -1;
    at += 2;
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    if (!text.startsWith(this.#lastPop, at) || end - at !== this.#lastPop.length) {
      const pop = text.slice(at, end);
      if (!this.#popNumbers.has(pop)) return -1;
      this.#lastPop = pop;
      this.#lastNumber = this.#popNumbers.get(pop) ?? 0;
    }
    this.#put(scanner, this.#lastNumber, start);
    return end + 1;
  }

  #put(
    { family, words, length }: Pick<PrefixScanner, "family" | "words" | "length">,
    position: number,
    offset: Offset,
  ): void {
    this.#columns[family].add(words, length, position + 1);
    this.#offsets[family].push(offset);
  }

  readonly add: Add = (network, networkAt, pop, popAt) => {
    const position = this.#popNumbers.get(pop);
    if (position === undefined) {
      const names = this.#known.pops.join(", ");
      this.report(this.#find(pop, popAt), `no PoP is called "${pop}"; there are ${names}`);
    }
    if (/^AS\d{1,10}$/i.test(network)) return this.#addAs(network, networkAt, position ?? 0);
    if (this.#scanner.read(network, 0) === network.length) {
      return this.#put(this.#scanner, position ?? 0, networkAt);
    }
    const prefix = parsePrefix(network);
    if (!prefix.ok) {
      const isPrefix = network.includes("/");
      const other = `"${network}" is neither an address prefix (192.0.2.0/24) nor an AS (AS7575)`;
      return this.report(this.#find(network, networkAt), isPrefix ? prefix.error : other);
    }
    const { bytes, length } = prefix.value;
    const family = bytes.length === 4 ? 4 : 6;
    this.#put(
      { family, words: new Uint32Array(wordsOfPrefix(prefix.value)), length },
      position ?? 0,
      networkAt,
    );
  };

  /** Notes a problem at an offset of the text. */
  report(offset: Offset, message: string): void {
    if (this.#problems.length > PROBLEMS_MAX) return;
    const before = this.#text.slice(0, offset);
    const line = before.split("\n").length;
    const column = offset - before.lastIndexOf("\n");
    const isLast = this.#problems.length === PROBLEMS_MAX;
    const told = isLast ? `there are more than ${PROBLEMS_MAX} problems` : message;
    this.#problems.push({ file: this.#file, line, column, message: told });
  }

  finish(): Result<Coverage, readonly FileProblem[]> {
    const { 4: v4, 6: v6 } = this.#columns;
    const count = v4.count + v6.count + this.#asn.size;
    if (count > ENTRIES_MAX) this.report(0, `more than ${ENTRIES_MAX} entries`);
    for (const columns of [v4, v6]) this.#findDoubles(columns);
    if (this.#problems.length === 0) return ok({ v4, v6, asn: this.#asn });
    const inOrder = this.#problems.sort((a, b) => a.line - b.line || a.column - b.column);
    return fail(inOrder);
  }

  #addAs(network: string, at: Offset, position: number): void {
    const number = Number(network.slice(2));
    const place = this.#find(network, at);
    if (number < 1 || number >= 2 ** 32)
      return this.report(place, `${network} is not an AS number`);
    if (!this.#known.networks) {
      this.report(place, `AS${number} needs an ASN database: set geoip.asn`);
    }
    if (this.#asn.has(number)) this.report(place, `AS${number} is there already`);
    this.#asn.set(number, position);
  }

  #findDoubles(columns: PrefixColumns): void {
    const order = columns.sorted();
    for (let i = 1; i < order.length; i += 1) {
      const [before = 0, at = 0] = [order[i - 1], order[i]];
      if (!columns.isSame(before, at)) continue;
      const prefix = `${formatWords(columns.wordsAt(at))}/${columns.lengthAt(at)}`;
      const first = this.#find(prefix, -1);
      const known = this.#offsets[columns.family][at] ?? -1;
      const offset =
        known >= 0 ? known : Math.max(first, this.#text.indexOf(`"${prefix}"`, first + 1));
      this.report(offset, `${prefix} is there already`);
    }
  }

  /** Where a text is whose offset is not known: where it stands between quotes. */
  #find(text: string, known: Offset): Offset {
    return known >= 0 ? known : Math.max(0, this.#text.indexOf(`"${text}"`));
  }
}

function formatWords(words: Uint32Array): string {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setUint32(i * 4, word));
  return formatIp(bytes);
}
