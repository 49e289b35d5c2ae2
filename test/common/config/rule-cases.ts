import * as fc from "fast-check";
import type { Match, SiteRule } from "../../../common/config/rule.ts";
import type { RequestFacts } from "../../../common/config/rule-match.ts";

/** Pieces from which patterns and texts are made: few, so that they often meet. */
const piece = fc.constantFrom("a", "b", "/", ".css", ".js");
const pattern = fc
  .array(fc.oneof(piece, fc.constant("*")), { maxLength: 4 })
  .map((pieces) => `/${pieces.join("")}`);
const text = fc.array(piece, { maxLength: 5 }).map((pieces) => `/${pieces.join("")}`);

const value = fc.constantFrom("x", "y", "xy", "");
const wish = fc.oneof(
  fc.boolean(),
  fc.array(fc.constantFrom("x", "y", "x*", "*y", "*"), { minLength: 1, maxLength: 2 }),
);
const wishes = fc.dictionary(fc.constantFrom("p", "q"), wish, { minKeys: 1, maxKeys: 2 });
const host = fc.constantFrom("one.example", "two.example");
const method = fc.constantFrom("GET", "HEAD", "POST");
const some = <T>(entry: fc.Arbitrary<T>) => fc.uniqueArray(entry, { minLength: 1, maxLength: 2 });

const conditions: fc.Arbitrary<Match> = fc
  .record(
    {
      path: pattern,
      host: some(host),
      method: some(method),
      extension: some(fc.constantFrom("css", "js")),
      query: wishes,
      header: wishes,
      cookie: wishes,
    },
    { requiredKeys: [] },
  )
  .filter((match) => Object.keys(match).length > 0);

/** A rule that asks anything. */
export const anyRule: fc.Arbitrary<SiteRule> = fc
  .oneof(pattern, conditions)
  .map((match) => ({ match, cache: true }));

/** A request that such rules may be about. */
export const anyRequest: fc.Arbitrary<RequestFacts> = fc
  .record({
    method,
    host,
    path: text,
    query: fc.dictionary(fc.constantFrom("p", "q"), value),
    header: fc.dictionary(fc.constantFrom("p", "q"), value),
    cookie: fc.dictionary(fc.constantFrom("p", "q"), value),
  })
  .map(({ query, header, cookie, ...rest }) => {
    const join = (map: object, by: string) =>
      Object.entries(map)
        .map(([name, text]) => `${name}=${text}`)
        .join(by);
    const cookies = join(cookie, "; ");
    return {
      ...rest,
      query: Object.keys(query).length === 0 ? undefined : join(query, "&"),
      fields: [
        ...Object.entries(header),
        ...(cookies === "" ? [] : [["cookie", cookies] as const]),
      ],
    };
  });

/** Whether a request is one that a rule is about, the slow way: from the documented sentences. */
export function naivelyMatches({ match }: SiteRule, request: RequestFacts): boolean {
  if (typeof match === "string") return like(match, request.path);
  const extension = /\.([^./]*)$/.exec(request.path)?.[1]?.toLowerCase() ?? "";
  const cookies = request.fields.filter(([name]) => name === "cookie");
  const pairs = (texts: readonly string[], by: RegExp) =>
    texts
      .flatMap((line) => line.split(by))
      .filter((pair) => pair !== "")
      .map((pair) => pair.split("=") as [string, string]);
  const all = (wishes: Match["query"], given: readonly (readonly [string, string])[]) =>
    Object.entries(wishes ?? {}).every(([name, wish]) => {
      const values = given.filter(([other]) => other === name).map(([, text]) => text);
      if (typeof wish === "boolean") return wish === values.length > 0;
      return wish.some((glob) => values.some((text) => like(glob, text)));
    });
  return (
    (match.path === undefined || like(match.path, request.path)) &&
    (match.host === undefined || match.host.includes(request.host)) &&
    (match.method === undefined || match.method.includes(request.method)) &&
    (match.extension === undefined || match.extension.includes(extension)) &&
    all(match.query, pairs([request.query ?? ""], /&/)) &&
    all(match.header, request.fields) &&
    all(
      match.cookie,
      pairs(
        cookies.map(([, line]) => line),
        /; /,
      ),
    )
  );
}

function like(glob: string, text: string): boolean {
  const pieces = glob
    .split("*")
    .map((literal) => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${pieces.join("[^]*")}$`).test(text);
}
