import type { HeaderEdits } from "../../common/config/header-edits.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { meantName } from "../../common/field-names.ts";
import type { FieldLine, FieldLines } from "../http/fields.ts";

/** Changes to a list of fields, ready for many messages. */
export interface FieldEdits {
  /** Names, with hyphens, whose lines are taken away. */
  readonly without: ReadonlySet<string>;
  readonly lines: FieldLines;
}

/** The changes of a site, then those of a rule; undefined when there are none (P). */
export function compileEdits(
  ...steps: readonly (HeaderEdits | undefined)[]
): FieldEdits | undefined {
  const given = steps.filter((step) => step !== undefined);
  if (given.length === 0) return undefined;
  const without = new Set<string>();
  let lines: FieldLine[] = [];
  for (const { set = {}, add = {}, remove = [] } of given) {
    const gone = new Set([...remove, ...Object.keys(set)].map(meantName));
    for (const name of gone) without.add(name);
    lines = [
      ...lines.filter(([name]) => !gone.has(meantName(name))),
      ...Object.entries(set),
      ...Object.entries(add),
    ];
  }
  return { without, lines };
}

/** The lines that changes leave of those that a message came with (P). */
export function withoutEdited(fields: FieldLines, edits: FieldEdits | undefined): FieldLines {
  if (edits === undefined || edits.without.size === 0) return fields;
  return fields.filter(([name]) => !edits.without.has(meantName(name)));
}

/** Something that is worked out once for each rule of a site, and for where none matches. */
export class PerRule<T> {
  readonly #known = new WeakMap<Site, Map<SiteRule | undefined, T>>();
  readonly #make: (site: Site, rule: SiteRule | undefined) => T;
  /** Many requests in a row are for the same. */
  #last: { readonly site: Site; readonly rule: SiteRule | undefined; readonly made: T } | undefined;

  constructor(make: (site: Site, rule: SiteRule | undefined) => T) {
    this.#make = make;
  }

  of(site: Site, rule: SiteRule | undefined): T {
    const last = this.#last;
    if (last !== undefined && last.site === site && last.rule === rule) return last.made;
    const made = this.#find(site, rule);
    this.#last = { site, rule, made };
    return made;
  }

  #find(site: Site, rule: SiteRule | undefined): T {
    let ofSite = this.#known.get(site);
    if (ofSite === undefined) {
      ofSite = new Map();
      this.#known.set(site, ofSite);
    }
    const known = ofSite.get(rule);
    if (known !== undefined || ofSite.has(rule)) return known as T;
    const made = this.#make(site, rule);
    ofSite.set(rule, made);
    return made;
  }
}

/** What changes of a request on its way to the origin. */
export const requestEdits: PerRule<FieldEdits | undefined> = new PerRule((site, rule) =>
  compileEdits(site.requestHeaders, rule?.requestHeaders),
);
