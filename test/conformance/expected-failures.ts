import type { CacheProfile } from "../../edge/decide/storable.ts";
import type { SuiteTest } from "./suite.ts";

/** A required or optimal test that this cache does not pass, on purpose. */
interface ExpectedFailure {
  readonly id: string;
  /** Left out: in both profiles. */
  readonly profile?: CacheProfile;
  /** Left out: in every edition that has it as a required or optimal test. */
  readonly edition?: "npm";
  /** Why, with the section that settles it. */
  readonly reason: string;
}

const AGE =
  "Expects an illegible Age to make a response stale, as a draft had it; RFC 9111 section 5.1 " +
  "says to ignore it. Current versions of the suite agree with the RFC.";

const CLOSE =
  "No cache can pass: the answer would have to carry the request count of an origin that closed " +
  "without answering. Ours is the 502 of RFC 9111 section 4.2.4. Current versions accept it.";

const BODY_FIELD =
  "The stored bytes do not change with a 304, so fields that describe them stay as they are: RFC " +
  "9111 section 3.2 leaves that to the cache.";

const PARTIAL =
  "Stores a 206 whose Content-Range does not match its length. Partial responses are not stored, " +
  "and a mismatched one could never be combined (RFC 9111 section 3.4).";

const REQUEST_ERROR =
  "Profile safe does not store a 400: the odd request of one client would take the page away from " +
  "all (cache-poisoned denial of service). A rule whose ttl names the status stores it.";

const SET_COOKIE = "Profile safe does not store responses with Set-Cookie.";

/** The required and optimal tests of an edition that fail with a profile, by id. */
export function expectedFailures(
  tests: readonly SuiteTest[],
  edition: string,
  profile: CacheProfile,
): string[] {
  const counted = new Set(tests.filter(({ kind }) => kind !== "check").map(({ id }) => id));
  return EXPECTED_FAILURES.filter(
    (each) =>
      counted.has(each.id) &&
      (each.profile ?? profile) === profile &&
      (each.edition ?? edition) === edition,
  ).map(({ id }) => id);
}

/** Every failure that the test allows; one that is missing here or passes after all fails it. */
const EXPECTED_FAILURES: readonly ExpectedFailure[] = [
  ...["status-400-fresh", "status-400-stale"].map((id) => ({
    id,
    profile: "safe" as const,
    reason: REQUEST_ERROR,
  })),
  ...[
    "age-parse-nonnumeric",
    "age-parse-negative",
    "age-parse-float",
    "age-parse-prefix-twoline",
    "age-parse-dup-0",
    "age-parse-dup-0-twoline",
    "age-parse-dup-old",
    "age-parse-parameter",
    "age-parse-numeric-parameter",
  ].map((id) => ({ id, edition: "npm" as const, reason: AGE })),
  ...[
    "stale-close-must-revalidate",
    "stale-close-proxy-revalidate",
    "stale-close-no-cache",
    "stale-close-s-maxage=2",
  ].map((id) => ({ id, edition: "npm" as const, reason: CLOSE })),
  { id: "304-etag-update-response-Content-Type", edition: "npm", reason: BODY_FIELD },
  {
    id: "304-etag-update-response-ETag",
    edition: "npm",
    reason:
      "Expects a 304 not to update ETag; RFC 9111 section 3.2 lists no such exception. Current " +
      "versions of the suite agree with the RFC.",
  },
  {
    id: "vary-normalise-lang-select",
    reason:
      "Reuses a response by its Content-Language for another Accept-Language. RFC 9111 section " +
      "4.1 allows normalising a field only where its meaning stays the same.",
  },
  {
    id: "conditional-lm-fresh-no-lm",
    reason:
      "Wants 304 for an If-Modified-Since older than the stored Date. RFC 9111 section 4.3.2: " +
      "without Last-Modified it is compared with Date, so the client's copy is older.",
  },
  ...[
    "partial-store-partial-reuse-partial",
    "partial-store-partial-reuse-partial-byterange",
    "partial-store-partial-reuse-partial-absent",
    "partial-store-partial-reuse-partial-suffix",
    "partial-store-partial-complete",
  ].map((id) => ({ id, reason: PARTIAL })),
  { id: "headers-store-Set-Cookie", profile: "safe", reason: SET_COOKIE },
  {
    id: "304-etag-update-response-Set-Cookie",
    edition: "npm",
    profile: "safe",
    reason: SET_COOKIE,
  },
  { id: "other-set-cookie", profile: "safe", reason: SET_COOKIE },
  {
    id: "headers-store-Transfer-Encoding",
    profile: "safe",
    reason: "Profile safe does not store responses with a transfer coding other than chunked.",
  },
];
