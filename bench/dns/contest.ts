import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { queryBytes } from "../../test/router-dns/dns-world.ts";
import { askUdp } from "../../test/router-dns/wire-client.ts";
import { searchPath } from "../../test/support/peers.ts";
import type { Contender } from "../peers/dns.ts";
import { NAME } from "./world.ts";

/** What one server did in one round. */
export interface Round {
  /** Answers per second of wall time, and per second of CPU that the server used. */
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Questions given up, of all. */
  readonly lostShare: number;
  /** CPU that neither server nor sender used, of all there was. */
  readonly othersShare: number;
}

const SERVER_CORE = "0";
const SENDER_CORE = "1";

/** Questions under way: as many as keep a fast server busy. */
const UNDER_WAY = 256;

const START_DEADLINE_MS = 30_000;

/** A server that runs on a core of its own. */
export class RunningContender {
  readonly contender: Contender;
  readonly port: number;
  readonly #child: ChildProcess;
  #output = "";

  private constructor(contender: Contender, port: number) {
    this.contender = contender;
    this.port = port;
    const { binary, args, env } = contender;
    this.#child = spawn("taskset", ["-c", SERVER_CORE, binary, ...args], {
      // A group of its own: some servers are several processes, and all their CPU counts.
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env, PATH: searchPath() },
    });
    this.#child.stderr?.on("data", (text: Buffer) => {
      this.#output = (this.#output + text.toString()).slice(-4_000);
    });
  }

  /** Starts a server and waits until it answers. */
  static async start(contender: Contender, port: number): Promise<RunningContender> {
    const running = new RunningContender(contender, port);
    const started = performance.now();
    const packet = queryBytes({ name: NAME });
    while (performance.now() - started < START_DEADLINE_MS) {
      const patience = { tries: 1, patienceMs: 250 };
      const [answer] = await askUdp({ host: "127.0.0.1", port }, [packet], patience);
      if (answer !== undefined && answer.readUInt16BE(6) > 0) return running;
      if (running.#child.exitCode !== null) break;
      await delay(50);
    }
    await running.stop();
    throw new Error(`${contender.name} does not answer\n${running.#output}`);
  }

  /** Lets the sender ask for some seconds. */
  round(sender: string, questions: string, seconds: number): Round {
    const before = { server: this.#cpuTicks(), all: machineTicks() };
    const args = [String(this.port), questions, String(seconds), String(UNDER_WAY)];
    const text = execFileSync("taskset", ["-c", SENDER_CORE, sender, ...args], {
      encoding: "utf8",
    });
    const server = this.#cpuTicks() - before.server;
    const all = machineTicks();
    const result = JSON.parse(text) as Record<"answered" | "good" | "lost" | "seconds", number> &
      Pick<Round, "p50" | "p99">;
    const { answered, good, lost, p50, p99 } = result;
    if (good < 0.99 * answered) throw new Error(`${this.contender.name}: answers without records`);
    const busy = all.busy - before.all.busy;
    const total = all.total - before.all.total;
    // The sender never sleeps while there is something to do: it takes its core.
    const others = Math.max(0, busy - server - total / all.cores);
    return {
      perSecond: answered / result.seconds,
      perCpuSecond: (answered * TICKS_PER_SECOND) / server,
      p50,
      p99,
      lostShare: lost / (answered + lost),
      othersShare: others / total,
    };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return;
    const ended = once(this.#child, "exit");
    process.kill(-this.#child.pid, "SIGTERM");
    const timer = setTimeout(() => process.kill(-(this.#child.pid ?? 0), "SIGKILL"), 5_000);
    await ended;
    clearTimeout(timer);
  }

  #cpuTicks(): number {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .reduce((sum, pid) => sum + ticksInGroup(pid, this.#child.pid ?? 0), 0);
  }
}

/** USER_HZ, which is the same on all Linux machines of interest. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process, if it is in that group (proc(5), fields 5, 14 and 15). */
function ticksInGroup(pid: string, group: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[2]) === group ? Number(fields[11]) + Number(fields[12]) : 0;
  } catch {
    return 0;
  }
}

function machineTicks(): { readonly busy: number; readonly total: number; readonly cores: number } {
  const lines = readFileSync("/proc/stat", "utf8").split("\n");
  const numbers = (lines[0] ?? "").split(/\s+/).slice(1, 9).map(Number);
  const total = numbers.reduce((sum, ticks) => sum + ticks, 0);
  const cores = lines.filter((line) => /^cpu\d/.test(line)).length;
  return { busy: total - (numbers[3] ?? 0) - (numbers[4] ?? 0), total, cores };
}
