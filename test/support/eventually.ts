import { setTimeout as delay } from "node:timers/promises";

/** How `eventually` looks, and for how long. */
export interface EventuallyOptions {
  readonly withinMs?: number;
  readonly everyMs?: number;
}

/**
 * Repeats `attempt` until it neither throws nor rejects, and gives its value; after `withinMs`
 * (default 10 s) fails with what it threw last. For states of other processes that announce
 * nothing; where an event can be awaited, await it instead.
 */
export async function eventually<T>(
  what: string,
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<T> {
  const { withinMs = 10_000, everyMs = 25 } = options;
  const start = performance.now();
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (performance.now() - start > withinMs) {
        const last = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${what}: not within ${withinMs} ms; last: ${last}`, { cause });
      }
    }
    await delay(everyMs);
  }
}
