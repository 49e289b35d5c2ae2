import type { Config } from "../../common/config/schema.ts";
import { type RunningDaemon, runUntilSignal } from "../../common/daemon.ts";
import { isLoopback } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";

/**
 * Lets one daemon be all that this process does: says on the log that it serves, and where, and
 * resolves when a signal has stopped it.
 */
export function serveUntilSignal(daemon: RunningDaemon, log: Logger): Promise<void> {
  // First the signals: whoever reads "ready" may send one at once.
  const ended = runUntilSignal([daemon], log);
  log.info({ event: "ready", name: daemon.name, addresses: daemon.addresses });
  return ended;
}

/** Says that one of several daemons serves; the process is `ready` when all of them do. */
export function announcePart(daemon: RunningDaemon, log: Logger): RunningDaemon {
  log.info({ event: "serving", name: daemon.name, addresses: daemon.addresses });
  return daemon;
}

/** Says so if the control API can be reached by more than this machine. */
export function warnIfOpen({ control }: Config, log: Logger): void {
  if (isLoopback(control.listen.host)) return;
  log.warn(
    { event: "control-insecure", listen: control.listen },
    "the API asks nobody for a password: whoever reaches this address owns the CDN",
  );
}

/** How long daemons may take to go when one of them could not start. */
const ABANDON_DEADLINE_MS = 1_000;

/**
 * Starts daemons one after another, and keeps them in the order in which they must stop. If one
 * cannot start, those that did are stopped, and its error goes on.
 */
export class DaemonGroup {
  readonly #running: RunningDaemon[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** All that have been started, oldest first. */
  get running(): readonly RunningDaemon[] {
    return this.#running;
  }

  async start(starting: Promise<RunningDaemon>): Promise<RunningDaemon> {
    try {
      const daemon = announcePart(await starting, this.#log);
      this.#running.push(daemon);
      return daemon;
    } catch (error) {
      await Promise.all(this.#running.map((daemon) => daemon.stop(ABANDON_DEADLINE_MS)));
      throw error;
    }
  }
}
