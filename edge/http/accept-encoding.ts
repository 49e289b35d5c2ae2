import { combinedField, type FieldLines, fieldMembers, trimWhiteSpace } from "./fields.ts";

/**
 * The content codings that this edge speaks, in the one order in which origins are asked for them.
 * RFC 8878, RFC 7932, RFC 1952.
 */
export const CODINGS = ["zstd", "br", "gzip"] as const;

/** A content coding that this edge speaks. RFC 9110 section 8.4.1. */
export type Coding = (typeof CODINGS)[number];

/** What a request says about content codings. RFC 9110 section 12.5.3. */
export interface AcceptedCodings {
  /** 0 when refused or not listed, else what the client gave it, up to 1. */
  readonly weights: Readonly<Record<Coding, number>>;
  /** The same for a response without any coding. */
  readonly identity: number;
  /** The codings that the client likes no less than none at all, in the order of CODINGS. */
  readonly wanted: readonly Coding[];
  /** The same as a field value: what the origin is asked, and what a variant is selected by. */
  readonly ask: string;
}

/** How a response is coded; `other`: in a way that this edge does not speak, or several times. */
export type CodingOfResponse = Coding | "identity" | "other";

/** Below every weight that can be written: without a coding unless something else is listed. */
const UNLISTED_IDENTITY = 0.0005;

/** Spellings of Accept-Encoding that are remembered; browsers use a handful. */
const SPELLINGS_MAX = 256;
const SPELLING_LENGTH_MAX = 256;

/** RFC 9110 section 12.4.2. */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

const spellings = new Map<string, AcceptedCodings>();

/**
 * Reads Accept-Encoding over all its lines (P: what is remembered cannot be seen from outside). RFC
 * 9110 section 12.5.3.
 *
 * Names in any case, `x-gzip` is gzip, `*` stands for everything that is not listed, also for no
 * coding. Of a coding that is listed twice the lower weight counts. A weight that cannot be read
 * refuses a coding, and says nothing about `identity` and `*`. A request without the field would
 * take anything; who does not say what it can read is given what everybody can.
 *
 * Example: `gzip;q=0.5, br` -> br 1, gzip 0.5, zstd 0; asked for as `br, gzip`.
 */
export function acceptedCodings(requestFields: FieldLines): AcceptedCodings {
  const value = combinedField(requestFields, "accept-encoding") ?? "";
  const remembered = spellings.get(value);
  if (remembered !== undefined) return remembered;
  const accepted = readAccepted(fieldMembers(requestFields, "accept-encoding"));
  if (value.length <= SPELLING_LENGTH_MAX) {
    if (spellings.size >= SPELLINGS_MAX) spellings.clear();
    spellings.set(value, accepted);
  }
  return accepted;
}

function readAccepted(members: readonly string[]): AcceptedCodings {
  const listed = listedWeights(members);
  const others = listed.get("*");
  const weight = (coding: Coding) => listed.get(coding) ?? others ?? 0;
  const weights = { zstd: weight("zstd"), br: weight("br"), gzip: weight("gzip") };
  const identity = listed.get("identity") ?? others ?? UNLISTED_IDENTITY;
  const wanted = CODINGS.filter((coding) => weights[coding] > 0 && weights[coding] >= identity);
  const named: string[] = identity === 0 ? [...wanted, "identity;q=0"] : [...wanted];
  return { weights, identity, wanted, ask: named.length === 0 ? "identity" : named.join(", ") };
}

/** The weight of each name that is listed. */
function listedWeights(members: readonly string[]): ReadonlyMap<string, number> {
  const listed = new Map<string, number>();
  for (const member of members) {
    const [name = "", ...parameters] = member.toLowerCase().split(";").map(trimWhiteSpace);
    const coding = name === "x-gzip" ? "gzip" : name;
    const text = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    const isLegible = WEIGHT.test(text);
    if (!isLegible && (coding === "identity" || coding === "*")) continue;
    const weight = isLegible ? Number(text) : 0;
    listed.set(coding, Math.min(weight, listed.get(coding) ?? 1));
  }
  return listed;
}

const known = new WeakMap<FieldLines, CodingOfResponse>();

/** The content coding of a response, read once for each list of fields (P). RFC 9110 s.8.4. */
export function codingOf(fields: FieldLines): CodingOfResponse {
  let coding = known.get(fields);
  if (coding === undefined) {
    coding = readCoding(fields);
    known.set(fields, coding);
  }
  return coding;
}

function readCoding(fields: FieldLines): CodingOfResponse {
  const members = fieldMembers(fields, "content-encoding").map((member) => member.toLowerCase());
  // "identity" should not stand here (RFC 9110 section 8.4.1), and changes nothing.
  const codings = members.filter((member) => member !== "identity");
  if (codings.length === 0) return "identity";
  if (codings.length > 1) return "other";
  const name = codings[0] === "x-gzip" ? "gzip" : codings[0];
  return CODINGS.find((coding) => coding === name) ?? "other";
}

/** How much a client likes a response with such a coding: 0 to 1 (P). RFC 9110 section 12.5.3. */
export function codingWeight(accepted: AcceptedCodings, coding: CodingOfResponse): number {
  if (coding === "other") return 0;
  return coding === "identity" ? accepted.identity : accepted.weights[coding];
}

/** The request fields with one Accept-Encoding, of this value, in place of theirs (P). */
export function withAcceptEncoding(fields: FieldLines, value: string): FieldLines {
  const others = fields.filter(([name]) => name !== "accept-encoding");
  return [...others, ["accept-encoding", value]];
}
