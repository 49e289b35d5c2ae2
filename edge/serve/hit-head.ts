import type { StoredResponse } from "../decide/stored.ts";
import { type ClientEdits, type ClientLifetime, clientLifetime } from "./client-edits.ts";
import { clientResponseFields } from "./response-fields.ts";

/** What of a hit's head does not change from one hit to the next. */
interface HeadTemplate {
  readonly edge: string;
  readonly edits: ClientEdits | undefined;
  readonly lines: readonly string[];
  readonly agePlace: number;
  readonly statusPlace: number;
  /** The Cache-Status line in front of and behind the number of seconds. */
  readonly before: string;
  readonly after: string;
  /** Where clients are told a lifetime of their own: its line, and how that is made. */
  readonly lifetimePlace: number;
  readonly lifetime: ClientLifetime | undefined;
}

/** Any number that no lifetime reaches: it marks the place of the real one. */
const PLACEHOLDER_SECONDS = 9_876_543_210;

const templates = new WeakMap<StoredResponse, HeadTemplate>();

/**
 * The head of a full response out of the store: what `clientResponseFields` gives for a hit, of
 * which only Age, the remaining lifetime and a lifetime for clients are written anew each time.
 */
export function hitHead(
  stored: StoredResponse,
  edge: string,
  times: { readonly ageSeconds: number; readonly ttlSeconds: number },
  edits?: ClientEdits,
): string[] {
  let template = templates.get(stored);
  if (template === undefined || template.edge !== edge || template.edits !== edits) {
    template = makeTemplate(stored, edge, edits);
    templates.set(stored, template);
  }
  const lines = template.lines.slice();
  lines[template.agePlace] = String(times.ageSeconds);
  lines[template.statusPlace] = template.before + String(times.ttlSeconds) + template.after;
  const { lifetime } = template;
  if (lifetime !== undefined) {
    lines[template.lifetimePlace] = lifetime.before + String(lifetime.seconds + times.ageSeconds);
  }
  return lines;
}

function makeTemplate(
  stored: StoredResponse,
  edge: string,
  edits: ClientEdits | undefined,
): HeadTemplate {
  const fields = clientResponseFields({
    fields: stored.fields,
    edge,
    status: stored.status,
    cacheStatus: { kind: "hit", ttlSeconds: PLACEHOLDER_SECONDS },
    ageSeconds: 0,
    edits,
  });
  const statusLine = fields.findLastIndex(([name]) => name === "cache-status");
  const [before = "", after = ""] =
    fields[statusLine]?.[1].split(String(PLACEHOLDER_SECONDS)) ?? [];
  return {
    edge,
    edits,
    lines: fields.flat(),
    agePlace: fields.findIndex(([name]) => name === "age") * 2 + 1,
    statusPlace: statusLine * 2 + 1,
    before,
    after,
    lifetimePlace: fields.findIndex(([name]) => name === "cache-control") * 2 + 1,
    lifetime: clientLifetime(stored.fields, stored.status, edits),
  };
}
