import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { formatIp } from "../common/ip.ts";
import { buildMapAside } from "../router-dns/data/map.ts";
import type { MapPop, SteeringMap } from "../router-dns/geo/compile.ts";
import { parseCoverage } from "../router-dns/geo/coverage.ts";
import { openLocations } from "../router-dns/geo/database.ts";
import { chordSquared, toUnitVector } from "../router-dns/geo/place.ts";
import { tableOf } from "../router-dns/geo/prefix-columns.ts";
import { findPrefix } from "../router-dns/geo/prefix-table.ts";
import { compareWithBruteForce } from "./map/brute-force.ts";
import { cityFile, fetchCityDatabase } from "./map/city.ts";
import { askGdnsd } from "./map/gdnsd.ts";
import { copyAsGeoip2 } from "./map/geoip2.ts";
import { cityPops, popsAmong, seeded } from "./map/pops.ts";
import { median } from "./median.ts";

/*
 * The steering map over the full city database: how long it takes to compile, what a lookup costs,
 * how long a million coverage prefixes take, whether its answers are those of a search of
 * everything, and whether gdnsd gives the same. Run: npx node bench/map.ts [compile] [coverage]
 * [brute] [gdnsd]; without a word all of them. The database is fetched through npm once.
 */

const ROUNDS = 5;
const LOOKUPS = 4_000_000;
const SUBNETS = 20_000;

function show(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(58)} ${value}\n`);
}

function open() {
  const opened = openLocations([cityFile(4), cityFile(6)]);
  if (!opened.ok) throw new Error(opened.error);
  const located = opened.value.v4?.((place) => place);
  if (located === undefined) throw new Error("the city database has no IPv4");
  return { located, places: opened.value.places };
}

async function build(pops: readonly MapPop[]): Promise<SteeringMap> {
  const order = { pops, city: cityFile(4), asn: undefined, coverageFile: undefined };
  const built = await buildMapAside({ ...order, replaceBroken: false });
  if (!built.ok) throw new Error(built.error.broken.join());
  return built.value.map;
}

async function benchCompile(pops: readonly MapPop[]): Promise<void> {
  const samples: number[] = [];
  const cpu: number[] = [];
  const stalls: number[] = [];
  let map: SteeringMap | undefined;
  for (let round = 0; round < ROUNDS; round += 1) {
    let [stall, last] = [0, performance.now()];
    const ticks = setInterval(() => {
      const now = performance.now();
      stall = Math.max(stall, now - last - 1);
      last = now;
    }, 1);
    const before = process.cpuUsage();
    const started = performance.now();
    map = await build(pops);
    samples.push(performance.now() - started);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1_000);
    clearInterval(ticks);
    stalls.push(stall);
  }
  const { v4, v6, leaves } = map ?? (await build(pops));
  show(
    `compile of both families, ${pops.length} PoPs, in a thread`,
    `${median(samples).toFixed(0)} ms`,
  );
  show("  processor time of it", `${median(cpu).toFixed(0)} ms`);
  show(
    "  longest time in which the main thread did nothing else",
    `${median(stalls).toFixed(1)} ms`,
  );
  show("  prefixes of IPv4, of IPv6, rankings", `${v4.count}, ${v6.count}, ${leaves.count}`);
  const random = seeded(3);
  const addresses = Array.from({ length: 65_536 }, () =>
    Uint8Array.from({ length: 4 }, () => Math.floor(random() * 256)),
  );
  const started = performance.now();
  let sum = 0;
  for (let i = 0; i < LOOKUPS; i += 1) {
    const address = addresses[i & 65_535];
    if (address !== undefined) sum += v4.values[findPrefix(v4, address)] ?? 0;
  }
  const nanoseconds = ((performance.now() - started) * 1e6) / LOOKUPS;
  show("lookup of a random IPv4 address", `${nanoseconds.toFixed(0)} ns (${sum % 10})`);
}

function benchCoverage(): void {
  const count = 1_000_000;
  const random = seeded(11);
  const seen = new Set<number>();
  while (seen.size < count) seen.add(0x010000 + Math.floor(random() * 0xde0000));
  const lines = [...seen].map((block, i) => {
    const network = `${block >>> 16}.${(block >>> 8) & 255}.${block & 255}.0/24`;
    return `${network}: p${i % 100}\n`;
  });
  const text = lines.join("");
  const pops = Array.from({ length: 100 }, (_, i) => `p${i}`);
  const samples = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    const parsed = parseCoverage(text, "coverage.yaml", { pops, networks: false });
    if (!parsed.ok) throw new Error("the coverage of the benchmark has mistakes");
    tableOf(parsed.value.v4);
    return performance.now() - started;
  });
  show(`coverage of ${count} prefixes, read and made a table`, `${median(samples).toFixed(0)} ms`);
}

async function benchBruteForce(pops: readonly MapPop[]): Promise<void> {
  const { located, places } = open();
  const map = await build(pops);
  const random = seeded(5);
  const down = new Set(Array.from({ length: 10 }, () => Math.floor(random() * pops.length)));
  const cases: readonly (readonly [string, (pop: number) => boolean])[] = [
    ["all PoPs up", () => true],
    [`${down.size} of ${pops.length} PoPs down`, (pop) => !down.has(pop)],
  ];
  for (const [what, isUp] of cases) {
    const counts = compareWithBruteForce(map, { located, places }, { pops, isUp }, 24);
    const { blocks, wrong, ranges, outsideScope } = counts;
    show(`${what}: /24s with the closest PoP`, `${blocks - wrong} of ${blocks}`);
    show("  ranges whose scopes have no other answer", `${ranges - outsideScope} of ${ranges}`);
  }
}

async function benchGdnsd(): Promise<void> {
  const pops = cityPops();
  const { located, places } = open();
  const map = await build(pops);
  const random = seeded(9);
  const subnets: Uint8Array[] = [];
  while (subnets.length < SUBNETS) {
    const bytes = Uint8Array.from({ length: 4 }, (_, i) => (i === 3 ? 0 : random() * 256));
    if ((located.values[findPrefix(located, bytes)] ?? 0) > 0) subnets.push(bytes);
  }
  const folder = mkdtempSync(join(tmpdir(), "meridian-gdnsd-"));
  try {
    const database = join(folder, "city.mmdb");
    copyAsGeoip2(cityFile(4), database);
    const theirs = await askGdnsd(folder, { database, pops }, subnets.map(formatIp));
    let same = 0;
    for (const [i, bytes] of subnets.entries()) {
      const leaf = map.leaves.at(map.v4.values[findPrefix(map.v4, bytes)] ?? 0);
      const ours = leaf?.ranking.map((pop) => pops[pop]?.name ?? "") ?? [];
      const [first = "none"] = theirs[i]?.pops ?? [];
      if (ours[0] === first) {
        same += 1;
        continue;
      }
      const place = places.at(located.values[findPrefix(located, bytes)] ?? 0);
      const away = (name: string | undefined) => {
        const pop = pops.find((each) => each.name === name);
        if (pop === undefined || place === undefined) return Number.NaN;
        return chordSquared(toUnitVector(place), toUnitVector(pop.place));
      };
      const [mine] = ours;
      show(`  ${formatIp(bytes)}: ${mine}, gdnsd ${first}`, `${away(mine)} < ${away(first)}`);
    }
    show("random client subnets with gdnsd's answer", `${same} of ${theirs.length}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const words = process.argv.slice(2);
const wants = (word: string): boolean => words.length === 0 || words.includes(word);
fetchCityDatabase();
const hundred = popsAmong(open().places, 100);
show("on", `${cpus()[0]?.model ?? "?"}, Node ${process.version}`);
if (wants("compile")) await benchCompile(hundred);
if (wants("coverage")) benchCoverage();
if (wants("brute")) await benchBruteForce(hundred);
if (wants("gdnsd")) await benchGdnsd();
