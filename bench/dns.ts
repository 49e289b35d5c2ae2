import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { searchPath } from "../test/support/peers.ts";
import { type Round, RunningContender } from "./dns/contest.ts";
import { writeDatabase, writeQuestions } from "./dns/world.ts";
import { median } from "./median.ts";
import { type Contender, gdnsd, knot, nsd, powerdns } from "./peers/dns.ts";

/*
 * Answers per second of the router and of the servers that people would pick instead: steered
 * answers for random client subnets, from one database, each server on one core and the sender on
 * another. Rounds alternate; what counts are medians, and ratios to a server of the same run.
 * Run: npm run -s bench:dns -- [--rounds 7] [--seconds 2] [--json FILE]
 * Peers from Debian: nsd, knot, knot-module-geoip, gdnsd, pdns-server, pdns-backend-geoip.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "2" },
    json: { type: "string" },
  },
});

/** Above this share of CPU for others, or spread of a server's rounds, figures mean little. */
const OTHERS_MAX = 0.05;
const SPREAD_MAX = 1.5;

const FIRST_PORT = 15_300;

const ROUTER = join(import.meta.dirname, "dns", "router.ts");

/** Each question comes several times in so long: all servers remember something of them. */
const WARM_SECONDS = 10;

/** Summary of one server; rates are medians over the rounds. */
interface Row extends Round {
  readonly name: string;
  readonly note: string;
  /** The best round over the worst, of answers per second of CPU. */
  readonly spread: number;
}

const dir = mkdtempSync(join(tmpdir(), "meridian-bench-dns-"));
try {
  await main();
} finally {
  rmSync(dir, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const sender = join(dir, "sender");
  execFileSync("cc", ["-O2", "-o", sender, join(import.meta.dirname, "peers", "dns-sender.c")]);
  const database = writeDatabase(dir);
  const plain = writeQuestions(dir, false);
  const signed = writeQuestions(dir, true);
  const ask = (server: RunningContender, seconds: number) =>
    server.round(sender, server.contender.isSigned === true ? signed : plain, seconds);
  const running: RunningContender[] = [];
  try {
    for (const [index, contender] of contenders(database).entries()) {
      if (!isInstalled(contender)) {
        process.stderr.write(`left out: ${contender.name}, ${contender.binary} is not installed\n`);
        continue;
      }
      running.push(await RunningContender.start(contender, FIRST_PORT + index));
    }
    const rounds = new Map<string, Round[]>(running.map(({ contender }) => [contender.name, []]));
    // Caches and compilers: what a server that has run for a while has behind it does not count.
    for (const server of running) ask(server, WARM_SECONDS);
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const server of running) {
        const result = ask(server, Number(values.seconds));
        rounds.get(server.contender.name)?.push(result);
      }
    }
    report(running.map(({ contender }) => toRow(contender, rounds.get(contender.name) ?? [])));
  } finally {
    for (const server of running) await server.stop();
  }
}

function contenders(database: string): readonly Contender[] {
  const place = (name: string, index: number) => ({
    dir: join(dir, name),
    port: FIRST_PORT + index,
    database,
  });
  const router = (layer: "native" | "dgram", index: number): Contender => ({
    name: `meridian-${layer}`,
    note: `Meridian over ${layer}, closest of 20`,
    binary: process.execPath,
    args: [ROUTER, String(FIRST_PORT + index), database, layer],
  });
  const signed = (index: number): Contender => ({
    name: "meridian-signed",
    note: "Meridian over native, signed (ECDSA P-256)",
    binary: process.execPath,
    args: [ROUTER, String(FIRST_PORT + index), database, "native", join(dir, "keys")],
    isSigned: true,
  });
  return [
    router("native", 0),
    gdnsd(place("gdnsd", 1)),
    knot(place("knot", 2)),
    router("dgram", 3),
    powerdns(place("powerdns", 4)),
    nsd(place("nsd", 5)),
    signed(6),
  ];
}

function isInstalled({ binary }: Contender): boolean {
  if (binary.startsWith("/")) return true;
  const env = { ...process.env, PATH: searchPath() };
  return spawnSync("which", [binary], { env }).status === 0;
}

function toRow({ name, note }: Contender, rounds: readonly Round[]): Row {
  const middle = (pick: (round: Round) => number) => median(rounds.map(pick));
  const rates = rounds.map(({ perCpuSecond }) => perCpuSecond).toSorted((a, b) => a - b);
  return {
    name,
    note,
    perSecond: middle(({ perSecond }) => perSecond),
    perCpuSecond: middle(({ perCpuSecond }) => perCpuSecond),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    lostShare: middle(({ lostShare }) => lostShare),
    othersShare: middle(({ othersShare }) => othersShare),
    spread: (rates.at(-1) ?? 0) / (rates[0] ?? 1),
  };
}

function report(rows: readonly Row[]): void {
  const rate = (name: string) => rows.find((row) => row.name === name)?.perCpuSecond ?? Number.NaN;
  const ratio = (name: string, peer: string) => rate(name) / rate(peer);
  const thousands = (value: number) => (value / 1_000).toFixed(1);
  const head =
    "| server | k answers/s | k answers per CPU second | x gdnsd | p50 us | p99 us | lost |";
  const lines = rows.map(
    (row) =>
      `| ${row.note} | ${thousands(row.perSecond)} | ${thousands(row.perCpuSecond)} | ` +
      `${ratio(row.name, "gdnsd").toFixed(2)} | ${row.p50.toFixed(0)} | ${row.p99.toFixed(0)} | ` +
      `${(100 * row.lostShare).toFixed(1)} % |`,
  );
  const bars = [
    ["meridian-native", "gdnsd", 1.0],
    ["meridian-native", "knot", 1.2],
    ["meridian-dgram", "knot", 0.6],
    ["meridian-dgram", "powerdns", 1.4],
    ["meridian-signed", "meridian-native", 0.8],
  ] as const;
  const judged = bars.map(([name, peer, bar]) => ({ name, peer, bar, ratio: ratio(name, peer) }));
  const noisy = rows.filter((row) => row.othersShare > OTHERS_MAX || row.spread > SPREAD_MAX);
  const text = [
    head,
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    ...judged.map(
      ({ name, peer, bar, ratio }) => `${name}: ${ratio.toFixed(2)} x ${peer} (bar: ${bar})`,
    ),
    noisy.length === 0
      ? "The machine was quiet."
      : `The machine was too noisy for: ${noisy.map(({ name }) => name).join(", ")}.`,
  ];
  process.stdout.write(`${text.join("\n")}\n`);
  if (values.json === undefined) return;
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
  const facts = { commit, machine, node: process.version, rows, judged };
  mkdirSync(join(values.json, ".."), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(facts, null, 2)}\n`);
}
