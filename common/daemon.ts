import type { SocketAddress } from "./address.ts";
import type { Logger } from "./log.ts";

/** One running part of the product: what `start...()` of each daemon returns. */
export interface RunningDaemon {
  /** Its own name for logs: `edge syd-1`, `router`, `control`, `origin`. */
  readonly name: string;
  /**
   * Where it serves, by purpose: `http`, `dns`, `admin`, `api`. Ports asked for as 0 are real here.
   */
  readonly addresses: Readonly<Record<string, SocketAddress>>;
  /** What else is worth saying when it is ready, such as which of two ways it goes. */
  readonly notes?: Readonly<Record<string, string>>;
  /**
   * Stops in order: says "not ready", takes no new work, finishes what is under way, closes.
   * Resolves at the latest after `deadlineMs`. Calling it twice gives the same promise.
   */
  stop(deadlineMs: number): Promise<void>;
  /** Reads its files again (SIGHUP). What is broken is logged, and the last good one stays. */
  reload?(): Promise<void>;
}

/** How long a daemon may take to finish what it is doing when told to stop. */
const DRAIN_DEADLINE_MS = 10_000;

/** What ends a process in an orderly way. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs daemons as the whole job of this process: SIGTERM and SIGINT stop them in the given order
 * and end with exit code 0, SIGHUP reloads them. Resolves when everything has stopped.
 *
 * Further signals while stopping change nothing: Ctrl-C reaches a whole process group, and whoever
 * started this process may pass it on a second time. The deadline bounds the wait.
 */
export async function runUntilSignal(
  daemons: readonly RunningDaemon[],
  log: Logger,
  options: { readonly stopAfterMs?: number; readonly deadlineMs?: number } = {},
): Promise<void> {
  const reload = () => {
    for (const daemon of daemons) {
      daemon.reload?.().catch((error: unknown) => {
        log.error({ event: "reload-failed", daemon: daemon.name, err: error });
      });
    }
  };
  process.on("SIGHUP", reload);
  const wait = stopRequest(options.stopAfterMs);
  const reason = await wait.requested;
  log.info({ event: "stopping", reason });
  for (const daemon of daemons) {
    await daemon.stop(options.deadlineMs ?? DRAIN_DEADLINE_MS).catch((error: unknown) => {
      log.error({ event: "stop-failed", daemon: daemon.name, err: error });
    });
  }
  process.removeListener("SIGHUP", reload);
  wait.release();
  log.info({ event: "stopped" });
}

function stopRequest(afterMs?: number): { requested: Promise<string>; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = afterMs === undefined ? undefined : setTimeout(resolve, afterMs, "time is up");
  for (const signal of STOP_SIGNALS) process.on(signal, resolve);
  const release = () => {
    clearTimeout(timer);
    for (const signal of STOP_SIGNALS) process.removeListener(signal, resolve);
  };
  return { requested: promise, release };
}
