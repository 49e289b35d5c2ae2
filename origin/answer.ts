import type { EpochMs } from "../common/clock.ts";

/** One request as a route sees it: everything a route may depend on, so that it stays pure. */
export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The value of a request field by its lower-case name; several lines are joined by `, `. */
  readonly field: (name: string) => string | undefined;
  /** All request fields as they came, in order. */
  readonly fieldLines: readonly (readonly [string, string])[];
  readonly now: EpochMs;
  /** How many requests this origin has seen, this one included. */
  readonly serial: number;
  /** How many requests this route has seen, this one included. */
  readonly turn: number;
  /** How many successful POST requests this route has seen, this one included. */
  readonly writes: number;
}

/** What the origin sends back. The shell adds Date, the counter and Content-Length. */
export interface Answer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** How the bytes of an answer come into being. */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Bytes `first` to `last` of the generated file, both included. */
  | { readonly kind: "generated"; readonly first: number; readonly last: number }
  /** Pieces with a pause in front of each; sent chunked unless `declareLength`. */
  | {
      readonly kind: "paced";
      readonly headDelayMs: number;
      readonly gapMs: number;
      readonly pieces: readonly string[];
      readonly declareLength: boolean;
    }
  /** Promises `declaredBytes`, sends `text` and drops the connection. */
  | { readonly kind: "cut"; readonly text: string; readonly declaredBytes: number }
  /** Accepts the request and never answers, until the client or the limit ends it. */
  | { readonly kind: "hang"; readonly limitMs: number };

/** One path of the origin: what it shows, and how it answers. */
export interface Route {
  readonly path: string;
  /** One line for the index page. */
  readonly explains: string;
  /** What to click on the index page: path and query. */
  readonly examples: readonly string[];
  /** Further methods besides GET and HEAD. */
  readonly methods?: readonly string[];
  readonly answer: (ask: Ask) => Answer;
}

/** A plain-text answer that says which request made it (P). */
export function textAnswer(
  ask: Ask,
  text: string,
  fields: Readonly<Record<string, string>>,
): Answer {
  return {
    status: 200,
    fields: { "content-type": "text/plain; charset=utf-8", ...fields },
    body: { kind: "text", text: `${text}\n${signature(ask)}\n` },
  };
}

/** Who made this copy and when, so that a reader sees whether the bytes are old (P). */
export function signature(ask: Ask): string {
  return `made by origin request ${ask.serial} at ${new Date(ask.now).toISOString()}`;
}

/** A failure in words (P). */
export function errorAnswer(status: number, reason: string): Answer {
  return {
    status,
    fields: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
    body: { kind: "text", text: `${status} ${reason}\n` },
  };
}
