/**
 * States a rule that only our own mistake can break (P).
 *
 * Throws an Error that names the rule. What the world sends (packets, requests, files) is never
 * checked with this: bad input is a value, not an exception.
 */
export function invariant(condition: unknown, rule: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${rule}`);
}

/** Marks a branch that the types say cannot be reached (P). Throws if it is reached. */
export function unreachable(value: never): never {
  throw new Error(`unreachable value: ${JSON.stringify(value)}`);
}
