import { type Answer, type Ask, errorAnswer, type Route, signature, textAnswer } from "./answer.ts";
import { milliseconds, seconds, withNumbers } from "./parameters.ts";

/** How long `/hang` holds a connection before the origin gives up on it. */
const HANG_LIMIT_MS = 120_000;
const CUT_DECLARED_BYTES = 100_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Routes about answers that are slow, broken, elsewhere or unusual. */
export const TROUBLE_ROUTES: readonly Route[] = [
  {
    path: "/slow",
    explains:
      "The first byte after ms milliseconds, then n pieces over the next over milliseconds: " +
      "those who wait share one fetch and see bytes as they come.",
    examples: ["/slow?ms=1000", "/slow?ms=500&over=3000&n=10&bytes=65536"],
    answer: slow,
  },
  {
    path: "/chunked",
    explains: "No Content-Length: the end is known when it is there.",
    examples: ["/chunked"],
    answer: (ask) => ({
      status: 200,
      fields: { "content-type": "text/plain; charset=utf-8", "cache-control": "max-age=60" },
      body: {
        kind: "paced",
        headDelayMs: 0,
        gapMs: 20,
        pieces: ["one\n", "two\n", "three\n", `${signature(ask)}\n`],
        declareLength: false,
      },
    }),
  },
  {
    path: "/redirect",
    explains: "A redirect to /fresh, itself fresh for a minute; status 301, 302, 303, 307 or 308.",
    examples: ["/redirect", "/redirect?status=301"],
    answer: (ask) =>
      withNumbers(ask.query, { status: { fallback: 302, min: 301, max: 308 } }, ({ status }) =>
        REDIRECTS.has(status)
          ? {
              ...textAnswer(ask, "over there", {
                "cache-control": "max-age=60",
                location: "/fresh?s=60",
              }),
              status,
            }
          : errorAnswer(400, `${status} is not a redirect: 301, 302, 303, 307 or 308`),
      ),
  },
  {
    path: "/fail",
    explains: "Always the error that you ask for.",
    examples: ["/fail?status=503", "/fail?status=404"],
    answer: (ask) =>
      withNumbers(ask.query, { status: { fallback: 503, min: 400, max: 599 } }, ({ status }) =>
        errorAnswer(status, "as you asked"),
      ),
  },
  {
    path: "/flaky",
    explains: "Works every other time, and gives no leave to serve old copies.",
    examples: ["/flaky"],
    answer: (ask) =>
      ask.turn % 2 === 1
        ? textAnswer(ask, "worked this time", { "cache-control": "max-age=1, must-revalidate" })
        : errorAnswer(503, "not this time"),
  },
  {
    path: "/sie",
    explains:
      "stale-if-error: works once, fails four times, and so on; fresh for s seconds, and for " +
      "stale seconds more an old copy is better than an error.",
    examples: ["/sie?s=1&stale=60"],
    answer: (ask) =>
      withNumbers(ask.query, { s: seconds(1), stale: seconds(60) }, ({ s, stale }) =>
        ask.turn % 5 === 1
          ? textAnswer(ask, `good for ${s} s, and ${stale} s more if the origin fails`, {
              "cache-control": `max-age=${s}, stale-if-error=${stale}`,
            })
          : errorAnswer(503, "failing four times in five"),
      ),
  },
  {
    path: "/cut",
    explains: "Promises 100,000 bytes, sends half and drops the connection: must not be stored.",
    examples: ["/cut"],
    answer: () => ({
      status: 200,
      fields: { "content-type": "text/plain; charset=utf-8", "cache-control": "max-age=60" },
      body: {
        kind: "cut",
        text: "half of a promise\n".repeat(Math.floor(CUT_DECLARED_BYTES / 2 / 18)),
        declaredBytes: CUT_DECLARED_BYTES,
      },
    }),
  },
  {
    path: "/hang",
    explains: "Takes the request and never answers: the edge says 504 when its patience ends.",
    examples: ["/hang"],
    answer: () => ({
      status: 200,
      fields: {},
      body: { kind: "hang", limitMs: HANG_LIMIT_MS },
    }),
  },
  {
    path: "/echo",
    explains: "The request as the origin sees it: what the edge adds and removes.",
    examples: ["/echo"],
    methods: ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    answer: (ask) => {
      const lines = ask.fieldLines.map(([name, value]) => `${name}: ${value}`);
      const target = ask.query.size > 0 ? `${ask.path}?${ask.query.toString()}` : ask.path;
      return textAnswer(ask, [`${ask.method} ${target}`, ...lines, ""].join("\n"), {
        "cache-control": "no-store",
      });
    },
  },
];

function slow(ask: Ask): Answer {
  const parameters = {
    ms: milliseconds(1000),
    over: milliseconds(0),
    n: { fallback: 4, min: 1, max: 200 },
    bytes: { fallback: 256, min: 1, max: 16 * 2 ** 20 },
    s: seconds(60),
  };
  return withNumbers(ask.query, parameters, ({ ms, over, n, bytes, s }) => ({
    status: 200,
    fields: { "content-type": "text/plain; charset=utf-8", "cache-control": `max-age=${s}` },
    body: {
      kind: "paced",
      headDelayMs: ms,
      gapMs: n > 1 ? over / (n - 1) : 0,
      pieces: slowPieces(n, bytes, `${signature(ask)}\n`),
      declareLength: true,
    },
  }));
}

/** `count` numbered pieces of together `totalBytes` bytes, with `text` behind the last (P). */
function slowPieces(count: number, totalBytes: number, text: string): string[] {
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((totalBytes * i) / count);
    const end = Math.floor((totalBytes * (i + 1)) / count);
    const line = `piece ${i + 1} of ${count} `.padEnd(end - start, ".").slice(0, end - start);
    return `${line.replace(/.$/, "\n")}${i === count - 1 ? text : ""}`;
  });
}
