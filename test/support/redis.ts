import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

/** Debian: apt-get install redis-server. */
const SERVER = "redis-server";

/** How long a redis-server may take to accept connections. */
const START_MS_MAX = 10_000;

/** How a test wants its redis-server. */
export interface RedisServerOptions {
  /** Left out: a free one. */
  readonly port?: number;
  /** True: every write is in the append-only file before it is answered. */
  readonly persist?: boolean;
  /** The password that `settings` sets, for this helper's own connections. */
  readonly password?: string;
  /** True: it watches others, and keeps nothing itself. */
  readonly sentinel?: boolean;
  /** More settings of redis.conf, name and value. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A real redis-server on loopback, with a directory of its own. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now; another one after `restart`. */
  readonly pid: number;
  /** SIGKILL: nothing is said to clients, nothing is saved. The port stays ours for `restart`. */
  kill(): Promise<void>;
  /** Starts again on the same port, with whatever the last one persisted. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Runs one command over a connection of its own; the reply as raw RESP. */
  command(...words: string[]): Promise<string>;
  /** Ends the process and removes the directory. */
  stop(): Promise<void>;
}

/** Starts a redis-server; resolves when it answers. Rejects if it cannot be started. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (await freePort());
  const directory = await mkdtemp(join(tmpdir(), "meridian-redis-"));
  let child = await launch(port, directory, options);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    kill: () => end(child, "SIGKILL"),
    restart: async () => {
      child = await launch(port, directory, options);
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    command: (...words) => command(port, words, options.password),
    stop: async () => {
      await end(child, "SIGKILL");
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(
  port: number,
  directory: string,
  options: RedisServerOptions,
): Promise<ChildProcess> {
  const settings = {
    bind: "127.0.0.1",
    port: String(port),
    dir: directory,
    save: "",
    appendonly: options.persist === true ? "yes" : "no",
    appendfsync: "no",
    ...options.settings,
  };
  const file = join(directory, "sentinel.conf");
  const watching = { bind: "127.0.0.1", port: String(port), dir: directory };
  // A sentinel writes into its file what it finds out, and does not start without one.
  if (options.sentinel === true) await writeFile(file, "");
  const args = Object.entries(options.sentinel === true ? watching : settings).flatMap(
    ([name, value]) => [`--${name}`, ...value.split(" ")],
  );
  if (options.sentinel === true) args.unshift(file, "--sentinel");
  const child = spawn(SERVER, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000);
    });
  }
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (error) =>
      reject(
        new Error("redis-server cannot be started: apt-get install redis-server", { cause: error }),
      ),
    );
    child.once("exit", (code) => reject(new Error(`redis-server ended (${code}): ${output}`)));
    setTimeout(
      () => reject(new Error(`redis-server is not ready: ${output}`)),
      START_MS_MAX,
    ).unref();
  });
  failed.catch(() => {});
  await Promise.race([answering(port, options.password), failed]);
  return child;
}

/** Resolves when PING is answered with PONG, which it is not while data is being loaded. */
async function answering(port: number, password?: string): Promise<void> {
  for (;;) {
    const reply = await command(port, ["PING"], password).catch(() => "");
    if (reply.startsWith("+PONG")) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

async function command(port: number, words: readonly string[], password?: string): Promise<string> {
  const socket: Socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    if (password !== undefined) await exchange(socket, ["AUTH", password]);
    return await exchange(socket, words);
  } finally {
    socket.destroy();
  }
}

async function exchange(socket: Socket, words: readonly string[]): Promise<string> {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  socket.write(`*${words.length}\r\n${parts.join("")}`);
  const [reply] = (await once(socket, "data")) as [Buffer];
  return reply.toString();
}
