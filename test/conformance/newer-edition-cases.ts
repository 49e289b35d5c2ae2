/** What the origin does when it is asked. Numbers in date fields are seconds from that moment. */
export interface OriginAnswer {
  readonly status?: number;
  readonly fields?: readonly (readonly [name: string, value: string | number])[];
  /** Interim responses in front of the final one. */
  readonly interim?: readonly (102 | 103)[];
  /** The connection ends instead of an answer. */
  readonly broken?: boolean;
}

/** One request of a client, and what it should find. */
export interface Step {
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** What the origin would answer; left out: as in the step before. */
  readonly origin?: OriginAnswer;
  /** Seconds that pass before the request. */
  readonly after?: number;
  /**
   * `stored`: the origin is not asked; `stale`: neither, but a refresh follows; `fetched`: the
   * origin's answer; `validated`: the origin is asked about what is stored, and confirms it;
   * `error`: an answer of the edge's own instead of anything stored.
   */
  readonly from: "stored" | "stale" | "fetched" | "validated" | "error";
  /** Fields of the answer: undefined for one that must be missing. */
  readonly fields?: Readonly<Record<string, string | undefined>>;
  /** Interim responses that the client sees. */
  readonly interim?: readonly number[];
}

/** One behaviour, under the name that the suite has for it. */
export interface Case {
  readonly id: string;
  /** What settles it. */
  readonly section: string;
  readonly steps: readonly Step[];
}

type Fields = NonNullable<OriginAnswer["fields"]>;

/** Fetched with these fields; then, a while later, `from`. */
function once(
  id: string,
  section: string,
  fields: Fields,
  from: Step["from"],
  others: Partial<Step> = {},
): Case {
  const first: Step = { origin: { fields }, from: "fetched" };
  return { id, section, steps: [first, { after: 3, from, ...others }] };
}

const CDN = "RFC 9213 s.2.2";
const cc = (value: string) => ["Cache-Control", value] as const;
const cdn = (value: string) => ["CDN-Cache-Control", value] as const;

const TARGETED: readonly Case[] = [
  once("cdn-max-age", CDN, [cdn("max-age=3600")], "stored"),
  once("cdn-max-age-max", CDN, [cdn("max-age=2147483648")], "stored"),
  once("cdn-max-age-max-plus", CDN, [cdn("max-age=99999999999")], "stored"),
  once("cdn-max-age-age", CDN, [cdn("max-age=3600"), ["Age", "7200"]], "fetched"),
  once("cdn-max-age-0", CDN, [cdn("max-age=0")], "fetched"),
  once("cdn-max-age-extension", CDN, [cdn("foobar, max-age=3600")], "stored"),
  once("cdn-max-age-expires", CDN, [cdn("max-age=3600"), ["Expires", -9_999]], "stored"),
  once(
    "cdn-max-age-cc-max-age-invalid-expires",
    CDN,
    [cdn("max-age=3600"), ["Expires", "0"]],
    "stored",
  ),
  once("cdn-max-age-0-expires", CDN, [cdn("max-age=0"), ["Expires", 9_999]], "fetched"),
  once("cdn-max-age-short-cc-max-age", CDN, [cc("max-age=1"), cdn("max-age=3600")], "stored"),
  once("cdn-max-age-long-cc-max-age", CDN, [cc("max-age=3600"), cdn("max-age=1")], "fetched"),
  once("cdn-private", CDN, [cdn("private"), cc("max-age=9999"), ["Expires", 9_999]], "fetched"),
  once("cdn-no-cache", CDN, [cdn("no-cache"), cc("max-age=9999"), ["Expires", 9_999]], "fetched"),
  once(
    "cdn-no-store-cc-fresh",
    CDN,
    [cdn("no-store"), cc("max-age=9999"), ["Expires", 9_999]],
    "fetched",
  ),
  once("cdn-fresh-cc-nostore", CDN, [cc("no-store"), cdn("max-age=9999")], "stored"),
  once(
    "cdn-cc-invalid-sh-type-unknown",
    CDN,
    [cdn("max-age=10000, &&&&&"), cc("no-store")],
    "fetched",
  ),
  once("cdn-cc-invalid-sh-type-wrong", CDN, [cdn('max-age="9999"'), cc("no-store")], "fetched"),
  once("cdn-max-age-space-before-equals", CDN, [cc("max-age=1"), cdn("max-age =99")], "fetched"),
  once("cdn-max-age-space-after-equals", CDN, [cc("max-age=1"), cdn("max-age= 99")], "fetched"),
  once("cdn-remove-header", CDN, [cc("max-age=60"), cdn("max-age=60, foo")], "stored", {
    fields: { "cdn-cache-control": "max-age=60, foo" },
  }),
  once("cdn-remove-age-exceed", CDN, [cc("max-age=1"), cdn("max-age=9999")], "stored", {
    fields: { age: "3" },
  }),
];

const HINTS: Step = {
  origin: { fields: [cc("max-age=100")], interim: [102, 103] },
  from: "fetched",
  interim: [102, 103],
  fields: { link: undefined, "x-hint": undefined },
};

const INTERIM: readonly Case[] = [
  {
    id: "interim-102, interim-103, interim-not-cached, interim-no-header-reuse",
    section: "RFC 9110 s.15.2",
    steps: [HINTS, { after: 3, from: "stored", interim: [], fields: HINTS.fields ?? {} }],
  },
];

const STALE = "RFC 9111 s.4.2.4";

/** Stored with these directives for two seconds; then the origin breaks the connection. */
function broken(id: string, directives: string, from: Step["from"]): Case {
  return once(id, STALE, [cc(`max-age=2${directives}`)], from, { origin: { broken: true } });
}

const ETAG = ["ETag", '"abc"'] as const;

const STALENESS: readonly Case[] = [
  broken("stale-close", "", "stored"),
  broken("stale-close-must-revalidate", ", must-revalidate", "error"),
  broken("stale-close-proxy-revalidate", ", proxy-revalidate", "error"),
  broken("stale-close-no-cache", ", no-cache", "error"),
  broken("stale-close-s-maxage=2", ", s-maxage=2", "error"),
  broken("stale-sie-close", ", stale-if-error=60", "stored"),
  once("stale-sie-503", "RFC 5861 s.4", [cc("max-age=2, stale-if-error=60")], "stored", {
    origin: { status: 503 },
  }),
  once("freshness-max-age-stale", "RFC 9111 s.4.2", [cc("max-age=2")], "fetched"),
  once(
    "stale-while-revalidate",
    "RFC 5861 s.3",
    [cc("max-age=1, stale-while-revalidate=3600"), ETAG],
    "stale",
  ),
  {
    id: "stale-while-revalidate-window",
    section: "RFC 5861 s.3",
    steps: [
      { origin: { fields: [cc("max-age=1, stale-while-revalidate=4"), ETAG] }, from: "fetched" },
      { after: 3, origin: { fields: [cc("no-cache"), ["ETag", '"def"']] }, from: "stale" },
      { after: 3, from: "validated" },
    ],
  },
];

const DATES = "RFC 9110 s.5.6.7";

const EXPIRES: readonly Case[] = [
  ["32bit", "Tue, 19 Jan 2038 14:14:08 GMT"],
  ["far-future", "Sun, 21 Nov 2286 04:46:39 GMT"],
  ["rfc850", "Thursday, 18-Aug-50 02:01:18 GMT"],
  ["ansi-c", "Thu Aug  8 02:01:18 2050"],
  ["wrong-case-weekday", "THU, 18 Aug 2050 02:01:18 GMT"],
  ["wrong-case-month", "Thu, 18 AUG 2050 02:01:18 GMT"],
  ["wrong-case-tz", "Thu, 18 Aug 2050 02:01:18 gMT"],
].map(([id = "", value = ""]) =>
  once(`freshness-expires-${id}`, DATES, [["Expires", value]], "stored"),
);

const BAD_EXPIRES: readonly Case[] = [
  ["utc", "Thu, 18 Aug 2050 02:01:18 UTC"],
  ["aest", "Thu, 18 Aug 2050 02:01:18 AEST"],
  ["2-digit-year", "Thu, 18 Aug 50 02:01:18 GMT"],
  ["no-comma", "Thu 18 Aug 2050 02:01:18 GMT"],
  ["multiple-spaces", "Thu, 18  Aug  2050 02:01:18 GMT"],
  ["date-dashes", "Thu, 18-Aug-2050 02:01:18 GMT"],
  ["time-periods", "Thu, 18 Aug 2050 02.01.18 GMT"],
  ["1-digit-hour", "Thu, 18 Aug 2050 2:01:18 GMT"],
].map(([id = "", value = ""]) =>
  once(`freshness-expires-invalid-${id}`, DATES, [["Expires", value]], "fetched"),
);

const AGE = "RFC 9111 s.5.1";

/** Stored for an hour with these Age lines. */
function aged(id: string, ages: readonly string[], from: Step["from"]): Case {
  const lines = ages.map((age) => ["Age", age] as const);
  return once(`age-parse-${id}`, AGE, [cc("max-age=3600"), ...lines], from);
}

const AGES: readonly Case[] = [
  aged("nonnumeric", ["abc"], "stored"),
  aged("negative", ["-7200"], "stored"),
  aged("float", ["7200.0"], "stored"),
  aged("large", ["2147483648"], "fetched"),
  aged("suffix", ["7200, 0"], "fetched"),
  aged("prefix", ["0, 7200"], "stored"),
  aged("suffix-twoline", ["7200", "0"], "fetched"),
  aged("prefix-twoline", ["0", "7200"], "stored"),
  aged("dup-0-twoline", ["0", "0"], "stored"),
];

/** With a Last-Modified of a day ago and nothing about freshness. */
function guessed(status: number, from: Step["from"], more: Fields = []): Case {
  const origin = { status, fields: [["Last-Modified", -86_400], ...more] as const };
  const id = `heuristic-${status}-${from === "stored" ? "cached" : "not_cached"}`;
  return { id, section: "RFC 9111 s.4.2.2", steps: [{ origin, from: "fetched" }, { from }] };
}

const HEURISTICS: readonly Case[] = [
  ...[200, 203, 204, 404, 405, 410, 414, 501].map((status) => guessed(status, "stored")),
  ...[201, 202, 403, 502, 503, 504, 599].map((status) => guessed(status, "fetched")),
  guessed(599, "stored", [cc("public")]),
];

const OTHERS: readonly Case[] = [
  once(
    "status-200-must-understand",
    "RFC 9111 s.5.2.2.3",
    [cc("max-age=3600, no-store, must-understand")],
    "stored",
  ),
  {
    id: "status-599-must-understand",
    section: "RFC 9111 s.5.2.2.3",
    steps: [
      {
        origin: { status: 599, fields: [cc("max-age=3600, no-store, must-understand")] },
        from: "fetched",
      },
      { from: "fetched" },
    ],
  },
  once("other-date-update-expires-update", "RFC 9110 s.6.6.1", [["Expires", 9_999]], "stored"),
  {
    id: "cc-resp-no-store-old-new",
    section: "RFC 9111 s.5.2.2.5",
    steps: [
      { origin: { fields: [cc("max-age=9999"), ["A", "1"]] }, from: "fetched" },
      { origin: { fields: [cc("no-store"), ["A", "2"]] }, from: "stored", fields: { a: "1" } },
    ],
  },
  {
    id: "conditional-etag-precedence",
    section: "RFC 9110 s.13.1.3",
    steps: [
      { origin: { fields: [cc("max-age=99"), ["ETag", '"a"']] }, from: "fetched" },
      {
        headers: { "if-none-match": '"b"', "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT" },
        from: "stored",
        fields: { etag: '"a"' },
      },
    ],
  },
];

/** What the newer editions of the suite ask beyond the npm one, or with another answer. */
export const NEWER_CASES: readonly Case[] = [
  ...TARGETED,
  ...INTERIM,
  ...STALENESS,
  ...EXPIRES,
  ...BAD_EXPIRES,
  ...AGES,
  ...HEURISTICS,
  ...OTHERS,
];
