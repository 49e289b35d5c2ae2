import { createHash } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunningProcess } from "../../support/process.ts";
import type { Scope } from "../../support/scope.ts";
import { startOrigin } from "../harness.ts";

const CHILD = join(import.meta.dirname, "edge-child.ts");
const MIB = 2 ** 20;

/** Most of a short life is its start: what was compiled for one edge serves the next. */
const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), "meridian-kill-compiled") };

/** Requests that one round has under way at a time. */
const CLIENTS = 8;

/**
 * What has been stored for a second must survive a kill, so some lives have to last longer than
 * that: every so many rounds one, and how long its load goes on.
 */
const LONG_EVERY = 8;
const LONG_MS = 1_300;

/** How the rounds go. */
export interface KillOptions {
  readonly folder: string;
  readonly rounds: number;
  /** No further round begins after so many milliseconds. */
  readonly withinMs: number;
  /** Requests of one round. */
  readonly requests: number;
  readonly urls: number;
  readonly memoryBytes?: number;
  readonly diskBytes?: number;
  /** A number from 0 to 1: the same ones make the same requests. */
  readonly random: () => number;
}

/** What came of it. */
export interface KillResult {
  readonly rounds: number;
  readonly requests: number;
  readonly purges: number;
  /** Bodies that were not what the origin had said at some time since the URL's last purge. */
  readonly wrong: readonly string[];
  /** Objects that had been stored a second before the process was killed, and those found again. */
  readonly old: number;
  readonly survived: number;
  readonly startMs: readonly number[];
}

interface Answer {
  readonly status: number;
  readonly hit: boolean;
  readonly body: Buffer;
}

/** What is known of one URL. */
interface Known {
  /** Versions from this one on may be served: the last purge came before it was made. */
  least: number;
  /** When it was last seen to be stored. */
  storedAt: number | undefined;
}

/**
 * Kills an edge with a disk again and again under load, and looks at every byte that it serves
 * before and after. The origin makes a new version at each request, whose body says which; every
 * tenth request or so is a PURGE.
 */
export async function killRounds(scope: Scope, options: KillOptions): Promise<KillResult> {
  const versions = new Map<string, number>();
  const origin = await startOrigin(scope, (request, response) => {
    const path = request.url ?? "";
    const version = (versions.get(path) ?? 0) + 1;
    versions.set(path, version);
    response.setHeader("cache-control", "max-age=100000");
    response.setHeader("etag", `"${version}"`);
    response.end(bodyOf(path, version));
  });
  const run = new Run(options, versions, origin.url);
  const began = performance.now();
  while (run.rounds < options.rounds && performance.now() - began < options.withinMs) {
    await run.round();
  }
  return run.result();
}

class Run {
  readonly #options: KillOptions;
  readonly #versions: ReadonlyMap<string, number>;
  readonly #origin: string;
  readonly #known = new Map<string, Known>();
  readonly #wrong: string[] = [];
  readonly #startMs: number[] = [];
  #requests = 0;
  #purges = 0;
  #old = 0;
  #survived = 0;
  rounds = 0;

  constructor(options: KillOptions, versions: ReadonlyMap<string, number>, origin: string) {
    this.#options = options;
    this.#versions = versions;
    this.#origin = origin;
  }

  result(): KillResult {
    return {
      rounds: this.rounds,
      requests: this.#requests,
      purges: this.#purges,
      wrong: this.#wrong,
      old: this.#old,
      survived: this.#survived,
      startMs: this.#startMs,
    };
  }

  /** One life of the edge: first what it remembers is looked at, then it is killed under load. */
  async round(): Promise<void> {
    const { folder, memoryBytes = 16 * MIB, diskBytes = 256 * MIB, requests } = this.#options;
    const began = performance.now();
    const args = [CHILD, folder, this.#origin, String(memoryBytes), String(diskBytes)];
    const child = new RunningProcess({ command: process.execPath, args, env: COMPILED });
    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
    try {
      const port = await child.waitForLine("stdout", (line) => Number(line) || undefined);
      this.#startMs.push(performance.now() - began);
      await this.#lookAtOld(port, agent);
      const isLong = this.rounds % LONG_EVERY === 0;
      const load = this.#load(port, agent, isLong ? { forMs: LONG_MS } : { requests });
      await load.untilKill;
      const killedAt = performance.now();
      await child.kill();
      await load.ended;
      for (const known of this.#known.values()) {
        // Nothing is promised about what was stored in the last second.
        if ((known.storedAt ?? 0) > killedAt - 1_000) known.storedAt = undefined;
      }
    } finally {
      await child.kill();
      agent.destroy();
    }
    this.rounds += 1;
  }

  /** Up to some dozen of the objects that must have survived, each asked for once. */
  async #lookAtOld(port: number, agent: Agent): Promise<void> {
    const old = [...this.#known].filter(([, { storedAt }]) => storedAt !== undefined);
    const some = old.filter(() => this.#options.random() < 40 / old.length);
    for (const [path] of some) {
      const answer = await this.#ask(port, agent, path);
      if (answer === undefined) continue;
      this.#old += 1;
      if (answer.hit) this.#survived += 1;
    }
  }

  /** Goes on until the edge is killed, which is due after half the requests, or the time. */
  #load(
    port: number,
    agent: Agent,
    { requests = Infinity, forMs = 0 }: { readonly requests?: number; readonly forMs?: number },
  ) {
    const { promise: untilKill, resolve } = Promise.withResolvers<void>();
    const began = performance.now();
    let left = requests;
    const client = async () => {
      while (left > 0) {
        left -= 1;
        if (left <= requests / 2 && performance.now() - began >= forMs) resolve();
        const path = `/${Math.floor(this.#options.random() * this.#options.urls)}`;
        const purge = this.#options.random() < 0.1;
        const answer = await (purge
          ? this.#purge(port, agent, path)
          : this.#ask(port, agent, path));
        if (answer === undefined) left = 0;
      }
      resolve();
    };
    const ended = Promise.all(Array.from({ length: CLIENTS }, client));
    return { untilKill, ended };
  }

  async #ask(port: number, agent: Agent, path: string): Promise<Answer | undefined> {
    const least = this.#known.get(path)?.least ?? 1;
    const answer = await exchange({ port, agent, path, method: "GET" });
    if (answer === undefined) return undefined;
    this.#requests += 1;
    const version = versionIn(answer.body);
    const right = version >= least && version <= (this.#versions.get(path) ?? 0);
    if (answer.status !== 200 || !right || !answer.body.equals(bodyOf(path, version))) {
      this.#wrong.push(`${path}: ${answer.status}, version ${version}, at least ${least}`);
    }
    const known = this.#known.get(path) ?? { least: 1, storedAt: undefined };
    if (known.least === least) known.storedAt ??= performance.now();
    if (!answer.hit && known.least === least) known.storedAt = performance.now();
    this.#known.set(path, known);
    return answer;
  }

  /** From the answer on, what the origin had said until the question must not be served. */
  async #purge(port: number, agent: Agent, path: string): Promise<Answer | undefined> {
    const next = (this.#versions.get(path) ?? 0) + 1;
    const known = this.#known.get(path);
    // It may be carried out even if the answer does not come.
    if (known !== undefined) known.storedAt = undefined;
    const answer = await exchange({ port, agent, path, method: "PURGE" });
    if (answer?.status !== 200) return answer;
    this.#purges += 1;
    // Whoever was asking meanwhile may have been answered with something older, but nobody later.
    this.#known.set(path, { least: Math.max(next, known?.least ?? 1), storedAt: undefined });
    return answer;
  }
}

/** Undefined when the connection broke, as it does when the edge is killed. */
function exchange(options: {
  readonly port: number;
  readonly agent: Agent;
  readonly path: string;
  readonly method: string;
}): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const headers = { host: "kill.example" };
    const request = httpRequest({ ...options, host: "127.0.0.1", headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", () => resolve(undefined));
      response.on("end", () => {
        const hit = String(response.headers["cache-status"]).includes("; hit");
        const status = response.statusCode ?? 0;
        resolve(response.complete ? { status, hit, body: Buffer.concat(chunks) } : undefined);
      });
    });
    request.on("error", () => resolve(undefined));
    request.end();
  });
}

/** Bytes that no other URL and version has, from 100 to 200,000 of them. */
function bodyOf(path: string, version: number): Buffer {
  const seed = createHash("sha256").update(`${path} ${version}`).digest();
  const bytes = 100 + Math.floor(200_000 * (seed.readUInt16LE(0) / 65_536) ** 4);
  const body = Buffer.alloc(bytes, seed);
  body.writeUInt32LE(version, 0);
  return body;
}

function versionIn(body: Buffer): number {
  return body.length < 4 ? 0 : body.readUInt32LE(0);
}
