import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { FileProblem } from "../../common/file-problem.ts";
import { type IpPrefix, parsePrefix } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";

/** One thing that an operator says: clients of this network go to this PoP first. */
export interface CoverageEntry {
  readonly network: IpPrefix | number;
  readonly pop: string;
}

/** The largest file worth accepting: a whole routing table has about a million prefixes. */
const ENTRIES_MAX = 1_000_000;

type Report = (node: unknown, message: string) => void;

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
  known: { readonly pops: ReadonlySet<string>; readonly networks: boolean },
): Result<readonly CoverageEntry[], readonly FileProblem[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const problems: FileProblem[] = [];
  const reportAt = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    problems.push({ file, line: Math.max(1, line), column: Math.max(1, col), message });
  };
  const report: Report = (node, message) =>
    reportAt((node as Node | undefined)?.range?.[0] ?? 0, message);
  for (const error of document.errors) {
    reportAt(error.pos[0], error.message.split(" at line ", 1)[0] ?? "");
  }
  if (problems.length > 0) return fail(problems);

  const entries: CoverageEntry[] = [];
  const seen = new Set<string>();
  for (const [network, pop] of pairsOf(document.contents, report)) {
    const entry = readEntry([network, pop], known.pops, report);
    if (entry === undefined) continue;
    if (typeof entry.network === "number" && !known.networks) {
      report(network, `AS${entry.network} needs an ASN database: set geoip.asn`);
    }
    const key = keyOf(entry.network);
    if (seen.has(key)) report(network, `${key} is there already`);
    seen.add(key);
    entries.push(entry);
  }
  if (entries.length > ENTRIES_MAX) reportAt(0, `more than ${ENTRIES_MAX} entries`);
  return problems.length > 0 ? fail(problems) : ok(entries);
}

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

function readEntry(
  [networkNode, popNode]: readonly [unknown, unknown],
  pops: ReadonlySet<string>,
  report: Report,
): CoverageEntry | undefined {
  const network = readNetwork(isScalar(networkNode) ? String(networkNode.value) : "");
  if (!network.ok) report(networkNode, network.error);
  const pop = isScalar(popNode) ? String(popNode.value) : "";
  const known = pops.has(pop);
  if (!known) {
    report(popNode ?? networkNode, `no PoP is called "${pop}"; there are ${[...pops].join(", ")}`);
  }
  return network.ok && known ? { network: network.value, pop } : undefined;
}

function readNetwork(text: string): Result<IpPrefix | number, string> {
  const asn = /^AS(\d{1,10})$/i.exec(text)?.[1];
  if (asn === undefined) {
    const prefix = parsePrefix(text);
    return text.includes("/") || prefix.ok
      ? prefix
      : fail(`"${text}" is neither an address prefix (192.0.2.0/24) nor an AS (AS7575)`);
  }
  const number = Number(asn);
  return number >= 1 && number < 2 ** 32 ? ok(number) : fail(`${text} is not an AS number`);
}

function keyOf(network: IpPrefix | number): string {
  return typeof network === "number"
    ? `AS${network}`
    : `${network.bytes.join(".")}/${network.length}`;
}
