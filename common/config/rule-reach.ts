import type { Match, SiteRule } from "./rule.ts";
import {
  type CompiledMatch,
  type Condition,
  compileMatch,
  placeMatches,
  type RequestFacts,
  satisfies,
  type Wanted,
} from "./rule-match.ts";

/** Stands for any text that no pattern spells out. */
const ANY = "\u{f8ff}";

/**
 * The search for a request gives up after so many steps, and takes the rule for one that can match.
 */
const STEPS_MAX = 20_000;

/** The request that shows that a rule can match, or why there is none. */
export type Reach =
  | { readonly kind: "reachable"; readonly witness: RequestFacts }
  | { readonly kind: "contradictory" }
  /** By the rule at this index alone; undefined: by several together. */
  | { readonly kind: "shadowed"; readonly by: number | undefined };

/**
 * Whether a rule can ever be the first that matches (P).
 *
 * Looks for a request that it matches and none before it does. A path in which each `*` is a text
 * that occurs in no pattern is matched by another pattern only if that one matches all that the
 * first can; so one path for each extension is enough to try, and for each name the values that
 * occur in rules, another one and none.
 */
export function reachOf(rules: readonly SiteRule[], index: number): Reach {
  const rule = rules[index];
  const own = rule === undefined ? undefined : toJudge(rule);
  if (own === undefined) return { kind: "contradictory" };
  const before = rules.slice(0, index).map(toJudge);
  const paths = pathsOf(own);
  if (paths.length === 0) return { kind: "contradictory" };
  const search = new Search([...before, own]);
  for (const path of paths) {
    const rivals = before.filter(({ match }) => placeMatches(match, path));
    const values = search.find(own, rivals);
    if (values !== undefined) return { kind: "reachable", witness: requestOf(path, values) };
  }
  const by = before.findIndex((rival) =>
    paths.every(
      (path) => placeMatches(rival.match, path) && search.find(own, [rival]) === undefined,
    ),
  );
  return { kind: "shadowed", by: by === -1 ? undefined : by };
}

/** One thing that is asked of a request, by a name under which its value is looked for. */
interface Question {
  readonly of: Condition["of"] | "method" | "host";
  readonly name: string;
  readonly wanted: Wanted;
}

interface Judged {
  readonly match: CompiledMatch;
  readonly pattern: string | undefined;
  readonly questions: readonly Question[];
}

/** Values by `of name`; undefined for something that is absent. */
type Values = ReadonlyMap<string, string | undefined>;

function toJudge(rule: SiteRule): Judged {
  const match = compileMatch(rule);
  const { methods, hosts, conditions } = match;
  const listed = (of: Question["of"], set: ReadonlySet<string> | undefined): Question[] =>
    set === undefined
      ? []
      : [
          {
            of,
            name: "",
            wanted: [...set].map((first) => ({ first, middle: [], last: undefined })),
          },
        ];
  const written: Match = typeof rule.match === "string" ? { path: rule.match } : rule.match;
  return {
    match,
    pattern: written.path,
    questions: [...listed("method", methods), ...listed("host", hosts), ...conditions],
  };
}

/** The most general paths that a rule is about: one for each of its extensions. */
function pathsOf({ pattern = "/*", match }: Judged): string[] {
  const general = (text: string) => text.replaceAll("*", ANY);
  const { extensions } = match;
  if (extensions === undefined) return [general(pattern)];
  const star = pattern.lastIndexOf("*");
  const tail = pattern.slice(star + 1);
  return [...extensions].flatMap((extension) => {
    const end = `.${extension}`;
    const path = general(pattern);
    if (placeMatches(match, path)) return [path];
    if (star === -1 || !end.endsWith(tail.toLowerCase())) return [];
    const filled = end.slice(0, end.length - tail.length);
    return [`${general(pattern.slice(0, star + 1))}${filled}${tail}`];
  });
}

/** Looks for values that one rule accepts and others do not. */
class Search {
  /** Every value that makes a difference to some rule. */
  readonly #domains = new Map<string, (string | undefined)[]>();
  #steps = 0;

  constructor(rules: readonly Judged[]) {
    for (const { questions } of rules) {
      for (const question of questions) {
        const domain = this.#domains.get(keyOf(question)) ?? [ANY, ...absence(question)];
        for (const glob of typeof question.wanted === "string" ? [] : question.wanted) {
          const { first, middle, last } = glob;
          domain.push(last === undefined ? first : [first, ...middle, last].join(ANY));
        }
        this.#domains.set(keyOf(question), domain);
      }
    }
  }

  find(own: Judged, rivals: readonly Judged[]): Values | undefined {
    this.#steps = 0;
    const fixed = own.questions.reduce<Domains | undefined>(
      (domains, question) => domains && this.#narrow(domains, question, true),
      new Map(),
    );
    // Those with few conditions leave the fewest ways out.
    const order = [...rivals].sort((a, b) => a.questions.length - b.questions.length);
    const found = fixed === undefined ? undefined : this.#evade(fixed, order, 0);
    if (found === undefined) return undefined;
    return new Map([...this.#domains].map(([key, all]) => [key, (found.get(key) ?? all)[0]]));
  }

  /** Narrows the values down until each of the rivals from `at` on has a condition that fails. */
  #evade(domains: Domains, rivals: readonly Judged[], at: number): Domains | undefined {
    this.#steps += 1;
    const rival = rivals[at];
    if (rival === undefined || this.#steps > STEPS_MAX) return domains;
    for (const question of rival.questions) {
      const narrowed = this.#narrow(domains, question, false);
      const found = narrowed === undefined ? undefined : this.#evade(narrowed, rivals, at + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #narrow(domains: Domains, question: Question, outcome: boolean): Domains | undefined {
    const key = keyOf(question);
    const values = domains.get(key) ?? this.#domains.get(key) ?? [];
    const left = values.filter(
      (value) => satisfies(question.wanted, value === undefined ? [] : [value]) === outcome,
    );
    return left.length === 0 ? undefined : new Map(domains).set(key, left);
  }
}

type Domains = ReadonlyMap<string, readonly (string | undefined)[]>;

function keyOf({ of, name }: Question): string {
  return `${of} ${name}`;
}

/** A request always has a method and a host. */
function absence({ of }: Question): undefined[] {
  return of === "method" || of === "host" ? [] : [undefined];
}

function requestOf(path: string, values: Values): RequestFacts {
  const named = (of: string) =>
    [...values].flatMap(([key, value]): [string, string][] => {
      const name = key.startsWith(`${of} `) ? key.slice(of.length + 1) : undefined;
      return name !== undefined && value !== undefined ? [[name, value]] : [];
    });
  const query = named("query").map(([name, value]) => `${escaped(name)}=${escaped(value)}`);
  const cookies = named("cookie").map(([name, value]) => `${name}=${value}`);
  return {
    method: values.get("method ") ?? "GET",
    host: values.get("host ") ?? ANY,
    path,
    query: query.length === 0 ? undefined : query.join("&"),
    fields: [
      ...named("header"),
      ...(cookies.length === 0 ? [] : [["cookie", cookies.join("; ")] as const]),
    ],
  };
}

function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
