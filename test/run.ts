import "./check-node.mjs";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { run } from "node:test";
import { spec, type TestEvent } from "node:test/reporters";
import { installPeers } from "./support/install-peers.ts";
import { missingPeers, PEERS, peersOf, searchPath } from "./support/peers.ts";
import { REPOSITORY } from "./support/process.ts";
import { type LeftOut, Report } from "./support/report.ts";

const USAGE = `npm test                     everything
npm test -- PATTERN ...      the test files whose path contains one of the patterns
npm test -- compose          only the test of docker-compose.yml (npm run test:compose)
`;

const TEST_TIMEOUT_MS = 120_000;

/** A run that takes longer than this hangs; far above what everything takes on two slow cores. */
const RUN_DEADLINE_MS = 40 * 60_000;

const DOCKER_DEADLINE_MS = 15_000;

/**
 * The stages of a run, in order. End-to-end tests measure time and load the machine, so they run
 * one at a time, and the compose test last.
 */
interface Plan {
  readonly stages: readonly { readonly files: readonly string[]; readonly concurrency: number }[];
  readonly leftOut: readonly LeftOut[];
}

process.exitCode = await main(process.argv.slice(2));

async function main(patterns: readonly string[]): Promise<number> {
  if (patterns.some((pattern) => pattern.startsWith("-"))) {
    process.stdout.write(USAGE);
    return patterns.includes("--help") ? 0 : 2;
  }
  const chosen = chooseFiles(patterns);
  if (chosen.length === 0) {
    process.stderr.write(`no test file's path contains ${patterns.join(" or ")}\n\n${USAGE}`);
    return 2;
  }
  process.stdout.write(`Node ${process.version}, ${chosen.length} test files\n`);
  const report = new Report();
  const events = Readable.from(runPlan(makePlan(chosen, patterns.includes("compose")), report));
  for await (const text of events.compose(spec())) process.stdout.write(text as string);
  return report.success ? 0 : 1;
}

function chooseFiles(patterns: readonly string[]): string[] {
  const files = globSync("test/**/*.test.ts", { cwd: REPOSITORY }).toSorted();
  if (patterns.length === 0) return files;
  return files.filter((file) => patterns.some((pattern) => file.includes(pattern)));
}

function makePlan(chosen: readonly string[], composeOnly: boolean): Plan {
  const leftOut: LeftOut[] = [];
  const runnable = withPeers(
    chosen.filter((file) => !isCompose(file)),
    leftOut,
  );
  const composeFiles = chosen.filter(isCompose);
  const noCompose = composeFiles.length === 0 ? undefined : whyNoCompose(composeOnly);
  if (noCompose !== undefined) {
    leftOut.push(...composeFiles.map((file) => ({ file, reason: noCompose })));
  }
  return {
    stages: [
      { files: runnable.filter((file) => !isEndToEnd(file)), concurrency: availableParallelism() },
      { files: runnable.filter(isEndToEnd), concurrency: 1 },
      { files: noCompose === undefined ? composeFiles : [], concurrency: 1 },
    ],
    leftOut,
  };
}

function withPeers(files: readonly string[], leftOut: LeftOut[]): string[] {
  const needs = new Map(files.map((file) => [file, peersOf(join(REPOSITORY, file))]));
  const needed = PEERS.filter((peer) => [...needs.values()].some((list) => list.includes(peer)));
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const absent = installPeers(missingPeers(needed), say);
  return files.filter((file) => {
    const lacking = needs.get(file)?.filter((peer) => absent.includes(peer)) ?? [];
    if (lacking.length === 0) return true;
    leftOut.push({ file, reason: `needs ${lacking.map(({ binary }) => binary).join(", ")}` });
    return false;
  });
}

/** Undefined if the compose test shall run. Asked for by name it runs, even if it must fail. */
function whyNoCompose(askedFor: boolean): string | undefined {
  if (askedFor) return undefined;
  if (process.env["CI"] !== "true") return "runs with CI=true, or by npm run test:compose";
  const { status } = spawnSync("docker", ["version"], {
    stdio: "ignore",
    timeout: DOCKER_DEADLINE_MS,
  });
  return status === 0 ? undefined : "no Docker engine answers (`docker version`)";
}

async function* runPlan(plan: Plan, report: Report): AsyncGenerator<TestEvent> {
  for (const leftOut of plan.leftOut) yield* report.leaveOut(leftOut);
  for (const { files, concurrency } of plan.stages) {
    if (files.length === 0) continue;
    const events = run({
      files: files.map((file) => join(REPOSITORY, file)),
      cwd: REPOSITORY,
      concurrency,
      timeout: TEST_TIMEOUT_MS,
      signal: AbortSignal.timeout(RUN_DEADLINE_MS),
      execArgv: ["--import", join(REPOSITORY, "test", "support", "file-deadline.ts")],
      env: { ...process.env, PATH: searchPath() },
    });
    yield* report.add(events as AsyncIterable<TestEvent>);
  }
  yield* report.summary();
}

function isCompose(file: string): boolean {
  return file.startsWith("test/compose/");
}

function isEndToEnd(file: string): boolean {
  return file.startsWith("test/e2e/");
}
