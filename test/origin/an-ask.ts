import type { Ask } from "../../origin/answer.ts";

interface AskFacts extends Partial<Omit<Ask, "query" | "field" | "fieldLines">> {
  readonly query?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

/** A request as a route sees it; everything that a test does not care about has a value. */
export function anAsk(facts: AskFacts = {}): Ask {
  const { query = "", fields = {}, ...rest } = facts;
  return {
    method: "GET",
    path: "/",
    now: Date.UTC(2026, 5, 1),
    serial: 1,
    turn: 1,
    writes: 0,
    ...rest,
    query: new URLSearchParams(query),
    field: (name) => fields[name],
    fieldLines: Object.entries(fields),
  };
}
