import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";

/** The steps of the path, in the order in which a request meets them. */
export type StepName =
  | "policy"
  | "key"
  | "lookup"
  | "decide"
  | "fetch"
  | "settle"
  | "respond"
  | "sliced"
  | "refuse";

/** What a step leads to: another step, the end, or a wait for somebody who will call `resume`. */
export type StepResult = StepName | "done" | "parked";

/** Goes on with a parked exchange. */
export type Resume = (step: StepName) => void;

/** One step: finds out or does one thing, and names the next. It never waits itself. */
export type Step = (exchange: ClientExchange, edge: EdgeContext, resume: Resume) => StepResult;
