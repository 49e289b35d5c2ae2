import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { freePort } from "./free-port.ts";
import { startProcess } from "./process.ts";
import type { Scope } from "./scope.ts";
import { tempDir } from "./temp-dir.ts";

/** One line of what Prometheus answers to an instant query. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A target as Prometheus sees it. */
export interface ScrapeTarget {
  readonly job: string;
  readonly instance: string;
  readonly health: "up" | "down" | "unknown";
  readonly lastError: string;
}

/** A real Prometheus server that scrapes every half second. */
export class RunningPrometheus {
  readonly #base: string;

  constructor(address: SocketAddress) {
    this.#base = `http://${formatSocketAddress(address)}`;
  }

  /** Evaluates an instant query; a vector gives its samples, in no fixed order. */
  async query(expression: string): Promise<readonly Sample[]> {
    const url = `${this.#base}/api/v1/query?query=${encodeURIComponent(expression)}`;
    const answer = (await (await fetch(url)).json()) as {
      data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
      error?: string;
    };
    if (answer.data === undefined) throw new Error(`${expression}: ${answer.error}`);
    return answer.data.result.map(({ metric, value }) => ({
      labels: metric,
      value: Number(value[1]),
    }));
  }

  /** Every active target. */
  async targets(): Promise<readonly ScrapeTarget[]> {
    const response = await fetch(`${this.#base}/api/v1/targets?state=active`);
    const { data } = (await response.json()) as {
      data: {
        activeTargets: {
          labels: { job: string; instance: string };
          health: ScrapeTarget["health"];
          lastError: string;
        }[];
      };
    };
    return data.activeTargets.map(({ labels, health, lastError }) => ({
      ...labels,
      health,
      lastError,
    }));
  }
}

/**
 * Starts a real Prometheus with the given targets by job, and rules (YAML) that it evaluates as
 * often as it scrapes unless they say otherwise. Resolves when it can be queried.
 */
export async function startPrometheus(
  scope: Scope,
  targets: Readonly<Record<string, readonly SocketAddress[]>>,
  rules = "groups: []\n",
): Promise<RunningPrometheus> {
  const dir = tempDir(scope);
  mkdirSync(join(dir, "data"));
  const address = { host: "127.0.0.1", port: await freePort() };
  const file = join(dir, "prometheus.json");
  writeFileSync(join(dir, "rules.yml"), rules);
  // YAML is a superset of JSON.
  writeFileSync(file, JSON.stringify(prometheusConfig(targets)));
  const child = startProcess(scope, {
    command: "prometheus",
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(dir, "data")}`,
      `--web.listen-address=${formatSocketAddress(address)}`,
      "--log.format=logfmt",
    ],
  });
  await child.waitForLine(
    "stderr",
    (line) => line.includes("Server is ready to receive web requests") || undefined,
  );
  return new RunningPrometheus(address);
}

/** What `promtool check metrics` says about an exposition: empty means that all is well. */
export function lintExposition(text: string): string {
  const { status, stdout, stderr, error } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
    timeout: 20_000,
  });
  if (error !== undefined) throw error;
  return status === 0 ? "" : `exit ${status}\n${stdout}${stderr}`;
}

function prometheusConfig(targets: Readonly<Record<string, readonly SocketAddress[]>>): unknown {
  return {
    global: { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "500ms" },
    rule_files: ["rules.yml"],
    scrape_configs: Object.entries(targets).map(([job, addresses]) => ({
      job_name: job,
      static_configs: [{ targets: addresses.map(formatSocketAddress) }],
    })),
  };
}
