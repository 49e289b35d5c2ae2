/**
 * A second opinion on what a shared cache may do, written from the text of RFC 9111, RFC 5861 and
 * RFC 9213 with nothing taken from `edge/`. It is slow and only answers two questions: may a
 * response be kept for others, and may it be given out unasked. It reads the vocabulary that the
 * property test writes (no quoted commas, dates in one format), not the whole of HTTP.
 */

/** A message as this file sees it: names in any case. */
export type Headers = readonly (readonly [name: string, value: string])[];

/** One stored answer and the question that brought it, times in seconds. */
export interface Past {
  readonly request: Headers;
  readonly status: number;
  readonly response: Headers;
  readonly asked: number;
  readonly answered: number;
}

type Words = Map<string, string | true>;

function all(headers: Headers, name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

/**
 * Of a directive that is repeated, the first counts in Cache-Control (RFC 9111 section 4.2.1), the
 * last in a dictionary (RFC 9651 section 4.2.2).
 */
function words(text: string, counts: "first" | "last"): Words {
  const found: Words = new Map();
  const pieces = text.split(",");
  if (counts === "first") pieces.reverse();
  for (const piece of pieces) {
    const [, name = "", value] = /^\s*([^=]*?)(?:=(.*?))?\s*$/.exec(piece) ?? [];
    if (name !== "") found.set(name.toLowerCase(), value ?? true);
  }
  return found;
}

/** RFC 9213 section 2.2, for a field whose dictionary holds only integers and tokens. */
function governing(response: Headers): { words: Words; targeted: boolean } {
  for (const name of ["meridian-cache-control", "cdn-cache-control"]) {
    const text = all(response, name).join(",");
    const pieces = text.split(",").map((piece) => piece.trim());
    const valid = pieces.every((piece) => /^[a-z*][a-z0-9_.*-]*(=(\d{1,15}|[a-z]+))?$/.test(piece));
    if (text.trim() !== "" && valid) return { words: words(text, "last"), targeted: true };
  }
  return { words: words(all(response, "cache-control").join(","), "first"), targeted: false };
}

/** A lifetime that a directive gives; what cannot be read is stale (section 4.2.1). */
function seconds(value: string | true | undefined): number | undefined {
  if (value === undefined) return undefined;
  return value !== true && /^\d+$/.test(value) ? Number(value) : 0;
}

function clock(headers: Headers, name: string): number | undefined {
  const values = all(headers, name);
  const [value = ""] = values;
  const form = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
  return values.length === 1 && form.test(value) ? Date.parse(value) / 1000 : undefined;
}

/** RFC 9111 sections 3 and 3.5: a reason against keeping this answer for others, or none. */
export function reasonNotToKeep(past: Past): string | undefined {
  const { words: said } = governing(past.response);
  if (said.has("private")) return "private";
  if (said.has("no-store") && !said.has("must-understand")) return "no-store";
  const carriesCredentials = all(past.request, "authorization").length > 0;
  const shares = said.has("public") || said.has("must-revalidate") || said.has("s-maxage");
  if (carriesCredentials && !shares) return "authorization";
  if (all(past.response, "vary").some((value) => value.includes("*"))) return "vary *";
  if (past.status === 206 || past.status === 304 || past.status < 200) return "not complete";
  return undefined;
}

/** RFC 9111 section 4.2.1, with no guessing beyond a tenth of the time since Last-Modified. */
function lifetime(past: Past): number {
  const { words: said, targeted } = governing(past.response);
  const stated = seconds(said.get("s-maxage")) ?? seconds(said.get("max-age"));
  if (stated !== undefined) return stated;
  const made = clock(past.response, "date") ?? past.answered;
  if (!targeted && all(past.response, "expires").length > 0) {
    return Math.max(0, (clock(past.response, "expires") ?? made) - made);
  }
  const modified = clock(past.response, "last-modified");
  return modified === undefined ? 0 : Math.max(0, (made - modified) / 10);
}

/** RFC 9111 section 4.2.3, in its words. */
function age(past: Past, now: number): number {
  const made = clock(past.response, "date") ?? past.answered;
  const apparentAge = Math.max(0, past.answered - made);
  const first = (all(past.response, "age")[0] ?? "").split(",")[0]?.trim() ?? "";
  const ageValue = /^\d+$/.test(first) ? Number(first) : 0;
  const correctedAgeValue = ageValue + (past.answered - past.asked);
  return Math.max(apparentAge, correctedAgeValue) + (now - past.answered);
}

/** RFC 9111 section 4.1: the fields that Vary names are the same in both requests. */
function sameVariant(past: Past, request: Headers): boolean {
  const names = all(past.response, "vary").flatMap((value) => value.split(","));
  return names
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "")
    .every((name) => {
      const before = all(past.request, name);
      const after = all(request, name);
      return before.length === after.length && before.join(",") === after.join(",");
    });
}

/** RFC 9111 section 4 and 4.2.4: a reason against giving this out without asking, or none. */
export function reasonNotToServe(past: Past, request: Headers, now: number): string | undefined {
  if (!sameVariant(past, request)) return "another variant";
  const { words: said } = governing(past.response);
  if (said.has("no-cache")) return "no-cache";
  const staleness = age(past, now) - lifetime(past);
  if (staleness < 0) return undefined;
  return (
    reasonNotToServeStale(past) ??
    windowReason(staleness, seconds(said.get("stale-while-revalidate")))
  );
}

/** RFC 9111 section 4.2.4: a reason against ever serving this stale, or none. */
export function reasonNotToServeStale(past: Past): string | undefined {
  const { words: said } = governing(past.response);
  const strict = ["no-cache", "must-revalidate", "proxy-revalidate", "s-maxage"];
  return strict.find((name) => said.has(name));
}

function windowReason(staleness: number, window = 0): string | undefined {
  return staleness < window ? undefined : `stale for ${staleness} s, window ${window} s`;
}
