import type { StoredResponse } from "../decide/stored.ts";
import { clientResponseFields } from "./response-fields.ts";

/** What of a hit's head does not change from one hit to the next. */
interface HeadTemplate {
  readonly edge: string;
  readonly lines: readonly string[];
  readonly agePlace: number;
  readonly statusPlace: number;
  /** The Cache-Status line in front of and behind the number of seconds. */
  readonly before: string;
  readonly after: string;
}

/** Any number that no lifetime reaches: it marks the place of the real one. */
const PLACEHOLDER_SECONDS = 9_876_543_210;

const templates = new WeakMap<StoredResponse, HeadTemplate>();

/**
 * The head of a full response out of the store: what `clientResponseFields` gives for a hit, of
 * which only Age and the remaining lifetime are written anew each time.
 */
export function hitHead(
  stored: StoredResponse,
  edge: string,
  times: { readonly ageSeconds: number; readonly ttlSeconds: number },
): string[] {
  let template = templates.get(stored);
  if (template === undefined || template.edge !== edge) {
    template = makeTemplate(stored, edge);
    templates.set(stored, template);
  }
  const lines = template.lines.slice();
  lines[template.agePlace] = String(times.ageSeconds);
  lines[template.statusPlace] = template.before + String(times.ttlSeconds) + template.after;
  return lines;
}

function makeTemplate(stored: StoredResponse, edge: string): HeadTemplate {
  const fields = clientResponseFields({
    fields: stored.fields,
    edge,
    status: stored.status,
    cacheStatus: { kind: "hit", ttlSeconds: PLACEHOLDER_SECONDS },
    ageSeconds: 0,
  });
  const statusLine = fields.findLastIndex(([name]) => name === "cache-status");
  const [before = "", after = ""] =
    fields[statusLine]?.[1].split(String(PLACEHOLDER_SECONDS)) ?? [];
  return {
    edge,
    lines: fields.flat(),
    agePlace: fields.findIndex(([name]) => name === "age") * 2 + 1,
    statusPlace: statusLine * 2 + 1,
    before,
    after,
  };
}
