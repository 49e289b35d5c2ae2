import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { atEnd, type Scope } from "./scope.ts";

/** The folder of the repository. */
export const REPOSITORY = join(import.meta.dirname, "..", "..");

/** A child that does not announce itself or does not end in time fails its test. */
const READY_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 12_000;

/** How much of a child's output a failure shows. */
const SHOWN_OUTPUT_CHARS = 6_000;

/** What to start. */
export interface ProcessOptions {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** How a child ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started child process. Its scope kills it at the latest. */
export class RunningProcess {
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #lines = new EventEmitter();
  readonly #output: { stdout: string[]; stderr: string[] } = { stdout: [], stderr: [] };
  #spawnError: Error | undefined;
  /** Settles when the child has ended and all its output has been read; never rejects. */
  readonly exited: Promise<Exit>;

  constructor(options: ProcessOptions) {
    this.#title = [options.command, ...(options.args ?? [])].join(" ");
    const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
    // A child of `node --test` would otherwise believe to be one of its test files.
    delete env["NODE_TEST_CONTEXT"];
    this.#child = spawn(options.command, options.args ?? [], {
      cwd: options.cwd ?? REPOSITORY,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => resolve({ code, signal }));
      this.#child.once("error", (error) => {
        this.#spawnError = error;
        if (this.#child.pid === undefined) resolve({ code: null, signal: null });
      });
    });
    this.#collect("stdout");
    this.#collect("stderr");
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw this.failure("could not be started");
    return pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** All lines of stdout so far. */
  get stdout(): readonly string[] {
    return this.#output.stdout;
  }

  /** All lines of stderr so far. */
  get stderr(): readonly string[] {
    return this.#output.stderr;
  }

  /** An error that shows what the child has printed. */
  failure(what: string): Error {
    const tail = (lines: readonly string[]) => lines.join("\n").slice(-SHOWN_OUTPUT_CHARS);
    const cause = this.#spawnError === undefined ? "" : ` (${this.#spawnError.message})`;
    return new Error(
      `${this.#title}: ${what}${cause}\n--- stdout\n${tail(this.stdout)}\n--- stderr\n${tail(this.stderr)}`,
    );
  }

  /**
   * Gives the first result of `pick` that is not undefined, over lines already printed and those to
   * come. Rejects with the output when the child ends first or `withinMs` have passed.
   */
  async waitForLine<T>(
    stream: "stdout" | "stderr",
    pick: (line: string) => T | undefined,
    withinMs = READY_DEADLINE_MS,
  ): Promise<T> {
    for (const line of this.#output[stream]) {
      const picked = pick(line);
      if (picked !== undefined) return picked;
    }
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        this.#lines.removeListener(stream, onLine);
      };
      const onLine = (line: string) => {
        const picked = pick(line);
        if (picked === undefined) return;
        finish();
        resolve(picked);
      };
      const timer = setTimeout(() => {
        finish();
        reject(this.failure(`the awaited line did not come within ${withinMs} ms`));
      }, withinMs);
      this.#lines.on(stream, onLine);
      void this.exited.then((exit) => {
        finish();
        reject(this.failure(`ended before the awaited line: ${JSON.stringify(exit)}`));
        return undefined;
      });
    });
  }

  /** The next log event of that name that is printed on stderr, or the first one so far. */
  waitForEvent(name: string, withinMs?: number): Promise<LogEvent> {
    return this.waitForLine("stderr", (line) => eventNamed(line, name), withinMs);
  }

  /** Sends a signal without waiting for its effect. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM, then SIGKILL if that does not help in time, which is a failure. */
  async stop(): Promise<Exit> {
    if (this.isRunning) this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_DEADLINE_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    if (exit.signal === "SIGKILL" && !this.#killed) throw this.failure("did not end on SIGTERM");
    return exit;
  }

  /** SIGKILL: no goodbye, as a crash or a power cut. Resolves when the process is gone. */
  async kill(): Promise<Exit> {
    this.#killed = true;
    if (this.isRunning) this.#child.kill("SIGKILL");
    return this.exited;
  }

  #killed = false;

  #collect(stream: "stdout" | "stderr"): void {
    let rest = "";
    this.#child[stream]?.setEncoding("utf8");
    const add = (line: string) => {
      this.#output[stream].push(line);
      this.#lines.emit(stream, line);
    };
    this.#child[stream]?.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) add(line);
    });
    this.#child[stream]?.on("end", () => {
      if (rest !== "") add(rest);
    });
  }
}

/** One JSON line that a daemon logs. */
export type LogEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** Starts a process that ends, at the latest, with its scope. */
export function startProcess(scope: Scope, options: ProcessOptions): RunningProcess {
  const child = new RunningProcess(options);
  atEnd(scope, async () => {
    await child.stop();
  });
  return child;
}

/** Runs a process to its end. It is killed, and fails, after `withinMs`. */
export async function runProcess(
  options: ProcessOptions,
  withinMs = 60_000,
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const child = new RunningProcess(options);
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), withinMs);
  const timeUp = once(aborter.signal, "abort").then(async () => {
    await child.kill();
    throw child.failure(`still running after ${withinMs} ms`);
  });
  try {
    const exit = await Promise.race([child.exited, timeUp]);
    if (exit.code === null && exit.signal === null) throw child.failure("could not be started");
    return { ...exit, stdout: child.stdout.join("\n"), stderr: child.stderr.join("\n") };
  } finally {
    clearTimeout(timer);
  }
}

/** Starts `meridian <args>` as users do, and waits for its `ready` event. */
export async function startMeridian(
  scope: Scope,
  args: readonly string[],
  options: Omit<ProcessOptions, "command" | "args"> = {},
): Promise<{ readonly child: RunningProcess; readonly ready: LogEvent }> {
  const command = process.execPath;
  const program = join(REPOSITORY, "bin", "meridian.mjs");
  const child = startProcess(scope, { ...options, command, args: [program, ...args] });
  const ready = await child.waitForEvent("ready");
  return { child, ready };
}

/** Runs a `meridian` command that ends by itself. */
export function runMeridian(
  args: readonly string[],
  options: Omit<ProcessOptions, "command" | "args"> = {},
): ReturnType<typeof runProcess> {
  const program = join(REPOSITORY, "bin", "meridian.mjs");
  return runProcess({ ...options, command: process.execPath, args: [program, ...args] });
}

function eventNamed(line: string, name: string): LogEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const event = JSON.parse(line) as LogEvent;
    return event.event === name ? event : undefined;
  } catch {
    return undefined;
  }
}
