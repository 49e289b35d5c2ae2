import type { Answer, Ask, Route } from "./answer.ts";
import { BIG_FILE_BYTES, BIG_FILE_ETAG, BIG_FILE_MODIFIED } from "./big-file.ts";
import { conditionalAnswer } from "./conditional.ts";
import { seconds, withNumbers } from "./parameters.ts";

const VERSION = { fallback: 1, min: 0, max: 1_000_000 };

/** Routes about validators, 304 and ranges. */
export const VALIDATION_ROUTES: readonly Route[] = [
  {
    path: "/etag",
    explains:
      "ETag, stale at once: each request is checked with If-None-Match, the origin answers 304 " +
      "without a body. Another v is another version.",
    examples: ["/etag", "/etag?s=5&v=2"],
    answer: (ask) =>
      withNumbers(ask.query, { s: seconds(0), v: VERSION }, ({ s, v }) =>
        textRepresentation(ask, `version ${v}, told by its entity tag`, s, { etag: `"v${v}"` }),
      ),
  },
  {
    path: "/last-modified",
    explains: "The same with Last-Modified and If-Modified-Since.",
    examples: ["/last-modified"],
    answer: (ask) =>
      withNumbers(ask.query, { s: seconds(0), v: VERSION }, ({ s, v }) =>
        textRepresentation(ask, `version ${v}, told by its date`, s, {
          modified: BIG_FILE_MODIFIED + v * 1000,
        }),
      ),
  },
  {
    path: "/ranges",
    explains: "100 numbered lines of 10 bytes each: try curl -r 500-509.",
    examples: ["/ranges"],
    answer: (ask) => {
      const text = Array.from({ length: 100 }, (_, i) => `line ${`${i}`.padStart(4, "0")}\n`).join(
        "",
      );
      return conditionalAnswer(ask, {
        fields: { "content-type": "text/plain; charset=utf-8", "cache-control": "max-age=60" },
        etag: '"lines-1"',
        length: text.length,
        piece: (first, last) => ({ kind: "text", text: text.slice(first, last + 1) }),
      });
    },
  },
  {
    path: "/big.bin",
    explains: "20 MiB made by a formula, with ranges, an entity tag and a day of freshness.",
    examples: ["/big.bin"],
    answer: (ask) =>
      conditionalAnswer(ask, {
        fields: { "content-type": "application/octet-stream", "cache-control": "max-age=86400" },
        etag: BIG_FILE_ETAG,
        modified: BIG_FILE_MODIFIED,
        length: BIG_FILE_BYTES,
        piece: (first, last) => ({ kind: "generated", first, last }),
      }),
  },
];

function textRepresentation(
  ask: Ask,
  text: string,
  freshSeconds: number,
  validators: { readonly etag?: string; readonly modified?: number },
): Answer {
  const line = `${text}\n`;
  return conditionalAnswer(ask, {
    ...validators,
    fields: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": `max-age=${freshSeconds}`,
    },
    length: line.length,
    piece: (first, last) => ({ kind: "text", text: line.slice(first, last + 1) }),
  });
}
