import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";
import { background } from "../../common/background.ts";
import type { Clock, MonotonicMs } from "../../common/clock.ts";
import { stateOf } from "../../common/file-watch.ts";
import type { Logger } from "../../common/log.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { ProbeConfig, TrustingProbe } from "../health/targets.ts";
import { RouterFilesError } from "./files.ts";

/** How often it is looked whether the file has changed, while there are probes. */
const LOOK_EVERY_MS = 2_000;

/** What following a file needs. */
interface TrustOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Reads what an HTTPS check trusts, for all of its probes. Throws a RouterFilesError if the file
 * cannot be used, also if there is no certificate in it: every edge would be down. When it changes
 * later, `context` of what is returned is of the new one, or stays as it was if that is broken.
 */
export function withTrust(probe: ProbeConfig, options: TrustOptions): TrustingProbe {
  if (probe.kind !== "https") return probe;
  const { caFile, ...rest } = probe;
  if (caFile === undefined) return { ...rest, context: createSecureContext() };
  const trust = new FollowedTrust(caFile, options);
  return {
    ...rest,
    get context() {
      return trust.now();
    },
  };
}

/** The authorities of a file, read again when it has changed. It is looked at when it is used. */
class FollowedTrust {
  readonly #file: string;
  readonly #options: TrustOptions;
  #context: SecureContext;
  #lookAt: MonotonicMs;
  /** State of the file when it was read, and at the last look. */
  #told: string | undefined;
  #seen = "";

  constructor(file: string, options: TrustOptions) {
    this.#file = file;
    this.#options = options;
    const context = readTrust(file);
    if (!context.ok) throw new RouterFilesError([context.error]);
    this.#context = context.value;
    this.#lookAt = options.clock.monotonic();
  }

  /** What to trust now. Never waits: what a look finds counts from the next probe on. */
  now(): SecureContext {
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    if (now >= this.#lookAt) {
      this.#lookAt = now + LOOK_EVERY_MS;
      background(log, "health.check.ca", this.#look());
    }
    return this.#context;
  }

  /** As with other files, one that is being written is left alone until it rests. */
  async #look(): Promise<void> {
    const state = await stateOf(this.#file);
    const isSettled = state === this.#seen;
    this.#seen = state;
    this.#told ??= state;
    if (!isSettled || state === this.#told) return;
    this.#told = state;
    const { log } = this.#options;
    const context = readTrust(this.#file);
    if (context.ok) {
      this.#context = context.value;
      log.info({ event: "check-trust-read", file: this.#file });
    } else log.error({ event: "check-trust-kept", reason: context.error });
  }
}

function readTrust(file: string): Result<SecureContext, string> {
  try {
    const ca = readFileSync(file, "utf8");
    const context = createSecureContext({ ca });
    if (ca.includes("-----BEGIN CERTIFICATE-----")) return ok(context);
    return fail(`${file}: has no certificate (PEM) for health.check.ca`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return fail(`${file}: cannot be used for health.check.ca: ${message}`);
  }
}
