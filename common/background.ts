import type { Logger } from "./log.ts";

/**
 * The one legal way not to await a promise: whoever starts it is named, and a rejection is logged
 * instead of ending the process.
 */
export function background(log: Logger, owner: string, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => {
    log.error({ event: "background-failure", owner, err: error }, `${owner} failed`);
  });
}
