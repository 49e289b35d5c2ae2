import type { Config } from "../../common/config/schema.ts";
import { type RunningDaemon, runUntilSignal } from "../../common/daemon.ts";
import { formatProblem, readTextFile } from "../../common/file-problem.ts";
import { isLoopback } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import { systemRandom } from "../../common/random.ts";
import type { SealingKey } from "../../common/sealed.ts";
import {
  readOrMakeSealingKey,
  readSealingKey,
  SEALING_KEY_VARIABLE,
} from "../../common/sealing-key.ts";
import type { AccessPolicy } from "../access/access.ts";
import { operatorToken, TokenFileError } from "../access/operator-token.ts";
import type { AcmeSettings } from "../acme/issuer.ts";
import { usageFailure } from "./failure.ts";

/**
 * Lets one daemon be all that this process does: says on the log that it serves, and where, and
 * resolves when a signal has stopped it.
 */
export function serveUntilSignal(daemon: RunningDaemon, log: Logger): Promise<void> {
  // First the signals: whoever reads "ready" may send one at once.
  const ended = runUntilSignal([daemon], log);
  log.info({ event: "ready", name: daemon.name, addresses: daemon.addresses, ...daemon.notes });
  return ended;
}

/** Says that one of several daemons serves; the process is `ready` when all of them do. */
export function announcePart(daemon: RunningDaemon, log: Logger): RunningDaemon {
  log.info({ event: "serving", name: daemon.name, addresses: daemon.addresses, ...daemon.notes });
  return daemon;
}

/**
 * Whom the control API listens to, according to the configuration. Makes the operator's token if
 * there is none yet. A file that cannot be used ends the command with exit code 2.
 */
export function accessPolicy({ control }: Config, log: Logger): AccessPolicy {
  const { listen, tokenFile = "meridian.token" } = control;
  if (control.insecure) {
    log.warn(
      { event: "control-insecure", listen },
      "the API asks nobody for a token: whoever reaches this address owns the CDN",
    );
    return { kind: "open" };
  }
  try {
    const { hash, created } = operatorToken(tokenFile, systemRandom);
    log.info({ event: "operator-token", file: tokenFile, created });
    if (!isLoopback(listen.host)) {
      log.warn(
        { event: "control-plaintext", listen },
        "tokens cross the network as they are: put a TLS proxy in front, or listen on loopback",
      );
    }
    return { kind: "tokens", operatorHash: hash };
  } catch (error) {
    if (error instanceof TokenFileError) throw usageFailure(error.message);
    throw error;
  }
}

/**
 * What the control server seals private keys with. Makes it if there is none yet. One that cannot
 * be used ends the command with exit code 2.
 */
export function sealingKey({ tls }: Config, log: Logger): SealingKey {
  const { keyFile: file = "meridian-tls.key" } = tls;
  const found = readOrMakeSealingKey(
    { file, variable: process.env[SEALING_KEY_VARIABLE] },
    systemRandom,
  );
  if (!found.ok) throw usageFailure(found.error);
  const { key, created } = found.value;
  log.info({ event: "sealing-key", file, id: key.id, created });
  return key;
}

/** How certificates are got; the file of a private authority's certificate is read now. */
export function acmeSettings({ acme }: Config): AcmeSettings | undefined {
  if (acme === undefined) return undefined;
  const { ca, renewBefore: _, ...config } = acme;
  if (ca === undefined) return { config };
  const pem = readTextFile(ca);
  if (!pem.ok) throw usageFailure(`acme.ca: ${pem.error.map(formatProblem).join("; ")}`);
  return { config, ca: pem.value };
}

/** The same for an edge, which makes none: undefined where there is none. */
export function edgeSealingKey({ tls }: Config): SealingKey | undefined {
  const { keyFile: file = "meridian-tls.key" } = tls;
  const found = readSealingKey({ file, variable: process.env[SEALING_KEY_VARIABLE] });
  if (!found.ok) throw usageFailure(found.error);
  return found.value;
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
