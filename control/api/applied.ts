import type { ApiContext } from "./context.ts";
import type { WaitedFor } from "./shapes.ts";

/** A change that a call has made, and how long the call wants to wait for edges. */
export interface WaitingCall {
  readonly call: { readonly query: { readonly wait: number } };
  /** When the call began. */
  readonly startedAt: number;
  readonly version: number;
}

/** Which edges have applied a change, after the time that the call wants to wait for them. */
export async function appliedBy(context: ApiContext, asked: WaitingCall): Promise<WaitedFor> {
  const { wait } = asked.call.query;
  if (wait === 0) return {};
  const tracked = context.purges.track(asked.version, asked.startedAt);
  await tracked.settled(wait);
  return tracked.progress();
}
