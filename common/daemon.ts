import type { SocketAddress } from "./address.ts";
import type { Logger } from "./log.ts";

/** One running part of the product: what `start...()` of each daemon returns. */
export interface RunningDaemon {
  /** Its own name for logs: `edge syd-1`, `router`, `control`, `origin`. */
  readonly name: string;
  /** Where it serves, by purpose: `http`, `dns`, `admin`, `api`. Ports asked for as 0 are real here. */
  readonly addresses: Readonly<Record<string, SocketAddress>>;
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

/**
 * Runs daemons as the whole job of this process: SIGTERM and SIGINT stop them in the given order and
 * end with exit code 0, SIGHUP reloads them. Resolves when everything has stopped.
 */
export async function runUntilSignal(
  daemons: readonly RunningDaemon[],
  log: Logger,
  options: { readonly stopAfterMs?: number } = {},
): Promise<void> {
  const reload = () => {
    for (const daemon of daemons) {
      daemon.reload?.().catch((error: unknown) => {
        log.error({ event: "reload-failed", daemon: daemon.name, err: error });
      });
    }
  };
  process.on("SIGHUP", reload);
  const reason = await firstOf(["SIGTERM", "SIGINT"], options.stopAfterMs);
  process.removeListener("SIGHUP", reload);
  log.info({ event: "stopping", reason });
  for (const daemon of daemons) await daemon.stop(DRAIN_DEADLINE_MS);
  log.info({ event: "stopped" });
}

function firstOf(signals: readonly NodeJS.Signals[], afterMs?: number): Promise<string> {
  return new Promise((resolve) => {
    const timer = afterMs === undefined ? undefined : setTimeout(finish, afterMs, "time is up");
    function finish(reason: string): void {
      clearTimeout(timer);
      for (const signal of signals) process.removeListener(signal, finish);
      resolve(reason);
    }
    for (const signal of signals) process.on(signal, finish);
  });
}
