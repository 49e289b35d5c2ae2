/** What is known of a connection on which the lane waits for a request. Times in ms. */
export interface SilentConnection {
  /** It has had an answer. */
  readonly hasServed: boolean;
  /** Part of a head has come. */
  readonly hasBegun: boolean;
  /** When waiting began: when it was accepted, after an answer, or with a head's first byte. */
  readonly since: number;
  /** When the last byte came. */
  readonly lastByteAt: number;
}

/** How patient the listener is. */
export interface Patience {
  readonly headMs: number;
  readonly idleMs: number;
  readonly keepAliveMs: number;
}

/**
 * What becomes of a connection that waits (P): a head that does not come in time is told so (408),
 * and silence ends a connection, sooner before the first request than between two.
 */
export function judgeSilence(
  connection: SilentConnection,
  now: number,
  { headMs, idleMs, keepAliveMs }: Patience,
): "keep" | "close" | "time-out" {
  const { hasServed, hasBegun, since, lastByteAt } = connection;
  if (hasServed && !hasBegun) return now - since >= keepAliveMs ? "close" : "keep";
  if (!hasServed && now - lastByteAt >= idleMs) return "close";
  return now - since >= headMs ? "time-out" : "keep";
}
