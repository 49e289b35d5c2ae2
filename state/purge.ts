import type { EpochMs } from "../common/clock.ts";

/** What of a site a purge is about. URLs are not here: their objects are found by their key. */
export type PurgeTarget =
  | { readonly kind: "all" }
  /** Keys that begin with one of these texts. */
  | { readonly kind: "prefixes"; readonly prefixes: readonly string[] }
  | { readonly kind: "tags"; readonly tags: readonly string[] };

/** How a purge leaves what it concerns: never served again, or stale as of `at`. */
export type PurgeForce = { readonly soft: false } | { readonly soft: true; readonly at: EpochMs };

/** The tags of an object, as far as they are kept. */
export interface TagSet {
  readonly tags: readonly string[];
  /** It has more or longer tags than are kept: every purge of a tag of its site concerns it. */
  readonly overflow: boolean;
}

/** What decides which purges concern an object. */
export interface PurgeFacts {
  /** `PurgeTable.generation` when the exchange that brought or last confirmed it began. */
  readonly generation: number;
  readonly key: string;
  /** Undefined while the head has not arrived: then any purge of a tag may concern it. */
  readonly tags: TagSet | undefined;
}

/** What the purges since its generation have made of an object. */
export type PurgeVerdict =
  | { readonly kind: "current" }
  /** Softly purged: as if its freshness had ended at `since`. */
  | { readonly kind: "stale"; readonly since: EpochMs }
  /** Purges may have been missed: only the origin can say whether it is still good. */
  | { readonly kind: "unsure" }
  | { readonly kind: "purged" };

/** The verdict on what no purge concerns. */
export const CURRENT = { kind: "current" } as const satisfies PurgeVerdict;
const UNSURE = { kind: "unsure" } as const satisfies PurgeVerdict;
const PURGED = { kind: "purged" } as const satisfies PurgeVerdict;

/** One change of a `PurgeTable`, in a form that can be kept and replayed. */
export type PurgeEvent =
  | {
      readonly kind: "purge";
      readonly generation: number;
      readonly site: string;
      readonly target: PurgeTarget;
      readonly force: PurgeForce;
    }
  /** See `doubtAll`, and with a site `doubtSite`. */
  | { readonly kind: "doubt"; readonly generation: number; readonly site?: string };

/** How much one site may make an edge remember. What is oldest beyond it counts for all. */
export interface PurgeLimits {
  /** Prefixes and tags together. */
  readonly marks: number;
  /** Characters of all of them. */
  readonly characters: number;
  /** Different lengths among the prefixes: a lookup tries each of them once. */
  readonly prefixLengths: number;
}

/** Some 2 MiB for a site that purges all the time, nothing for one that never does. */
export const PURGE_LIMITS: PurgeLimits = {
  marks: 8_192,
  characters: 1_048_576,
  prefixLengths: 256,
};

/**
 * The generations of one edge: which purges came since an object was fetched. A purge writes down a
 * number, whatever it concerns; nothing stored is looked for. An object is asked about its site,
 * its prefixes and its tags when it is about to be used.
 *
 * Memory is bounded for each site: beyond `limits` the marks that were purged longest ago are
 * folded into the mark of the whole site, so that objects older than those count as purged too.
 * More is fetched again then, and nothing purged is ever served.
 */
export class PurgeTable {
  readonly #limits: PurgeLimits;
  readonly #sites = new Map<string, SitePurges>();
  readonly #counts: PurgeCounts = { generation: 0, folded: 0, doubt: 0 };
  /** Told of every change, once it is in force; must not throw. */
  onEvent: (event: PurgeEvent) => void = () => {};

  constructor(limits: PurgeLimits = PURGE_LIMITS) {
    this.#limits = limits;
  }

  /** A number that every purge of whatever raises by one; never goes back. */
  get generation(): number {
    return this.#counts.generation;
  }

  /** Marks that have been folded into the mark of their site. */
  get folded(): number {
    return this.#counts.folded;
  }

  /** Prefixes and tags that are remembered, of all sites. */
  get marks(): number {
    let marks = 0;
    for (const site of this.#sites.values()) marks += site.marks;
    return marks;
  }

  /** The purges of one site; always the same object for the same name. */
  site(name: string): SitePurges {
    let site = this.#sites.get(name);
    if (site === undefined) {
      site = new SitePurges(this.#limits, this.#counts, (event) =>
        this.onEvent({ ...event, site: name }),
      );
      this.#sites.set(name, site);
    }
    return site;
  }

  /** Purges of any site may have been missed: whatever is stored must be confirmed before use. */
  doubtAll(): void {
    this.#counts.generation += 1;
    this.#doubt(this.#counts.generation);
    this.onEvent({ kind: "doubt", generation: this.#counts.generation });
  }

  /** Makes generations go on from here, unless they are further already. */
  atLeast(generation: number): void {
    this.#counts.generation = Math.max(this.#counts.generation, generation);
  }

  /** Puts an event of an earlier process in force, with the generation that it had. */
  replay(event: PurgeEvent): void {
    this.atLeast(event.generation);
    if (event.kind === "purge") this.site(event.site).replay(event);
    else if (event.site === undefined) this.#doubt(event.generation);
    else this.site(event.site).doubt(event.generation);
  }

  /**
   * Events that, replayed in their order, make of an empty table one that judges as this one does;
   * `atLeast` has to make its generation the same.
   */
  events(): PurgeEvent[] {
    const { doubt } = this.#counts;
    const events: PurgeEvent[] = doubt === 0 ? [] : [{ kind: "doubt", generation: doubt }];
    for (const [name, site] of this.#sites) {
      for (const event of site.events()) events.push({ ...event, site: name });
      const own = site.doubtedAt;
      if (own > doubt) events.push({ kind: "doubt", generation: own, site: name });
    }
    return events.sort((left, right) => left.generation - right.generation);
  }

  /** Folds all prefixes and tags into their sites: more is fetched again, less is remembered. */
  foldAll(): void {
    for (const site of this.#sites.values()) site.foldAll();
  }

  #doubt(generation: number): void {
    this.#counts.doubt = Math.max(this.#counts.doubt, generation);
    for (const site of this.#sites.values()) site.doubt(generation);
  }

  /** The same for one site: purges of it may not have found all that they were meant for. */
  doubtSite(name: string): void {
    this.#counts.generation += 1;
    const event = { kind: "doubt", generation: this.#counts.generation, site: name } as const;
    this.site(name).doubt(event.generation);
    this.onEvent(event);
  }
}

interface PurgeCounts {
  generation: number;
  folded: number;
  /** When whatever is stored was last doubted, also of sites that are not known yet. */
  doubt: number;
}

type SiteEvent = Omit<Extract<PurgeEvent, { kind: "purge" }>, "site">;

/** The newest hard and the newest soft purge of something, as generations; 0 is never. */
interface Mark {
  hard: number;
  soft: number;
  softAt: EpochMs;
}

/** The purges of one site. */
export class SitePurges {
  readonly #limits: PurgeLimits;
  readonly #counts: PurgeCounts;
  /** Both in the order of their last purge, the longest ago first. */
  readonly #prefixes = new Map<string, Mark>();
  readonly #tags = new Map<string, Mark>();
  /** How many prefixes there are of each length. */
  readonly #lengths = new Map<number, number>();
  readonly #whole: Mark = never();
  /** Whichever tag was purged last: for objects whose tags are not all known. */
  readonly #anyTag: Mark = never();
  readonly #onEvent: (event: SiteEvent) => void;
  #doubt: number;
  #characters = 0;
  #latest: number;

  constructor(
    limits: PurgeLimits,
    counts: PurgeCounts,
    onEvent: (event: SiteEvent) => void = () => {},
  ) {
    this.#limits = limits;
    this.#counts = counts;
    this.#onEvent = onEvent;
    this.#doubt = counts.doubt;
    this.#latest = counts.doubt;
  }

  /** The generation of the newest purge of this site: a verdict holds until it moves. */
  get latest(): number {
    return this.#latest;
  }

  /** The generation at which its purges were last doubted; 0 is never. */
  get doubtedAt(): number {
    return this.#doubt;
  }

  /** Prefixes and tags that are remembered. */
  get marks(): number {
    return this.#prefixes.size + this.#tags.size;
  }

  /** Writes a purge down, in time proportional to what it names. */
  purge(target: PurgeTarget, force: PurgeForce): void {
    this.#counts.generation += 1;
    const event = { kind: "purge", generation: this.#counts.generation, target, force } as const;
    this.replay(event);
    this.#onEvent(event);
  }

  /** Puts a purge in force with the generation that it had: see `PurgeTable.replay`. */
  replay({ generation, target, force }: SiteEvent): void {
    this.#latest = Math.max(this.#latest, generation);
    switch (target.kind) {
      case "all":
        raise(this.#whole, generation, force);
        // What is older than a hard purge of everything has nothing left to say.
        if (!force.soft) this.#forgetMarks();
        return;
      case "prefixes":
        for (const prefix of target.prefixes) {
          if (!this.#prefixes.has(prefix)) this.#countLength(prefix.length, 1);
          this.#raiseIn(this.#prefixes, prefix, { generation, force });
        }
        break;
      case "tags":
        raise(this.#anyTag, generation, force);
        for (const tag of target.tags) this.#raiseIn(this.#tags, tag, { generation, force });
        break;
    }
    this.#fold();
  }

  /** Purges may have been missed: see `PurgeTable.doubtAll`, which has raised the generation. */
  doubt(generation: number): void {
    this.#doubt = Math.max(this.#doubt, generation);
    this.#latest = Math.max(this.#latest, generation);
  }

  /** See `PurgeTable.events`; in no order. */
  events(): SiteEvent[] {
    const events: SiteEvent[] = [
      ...eventsOf(this.#whole, { kind: "all" }),
      ...eventsOf(this.#anyTag, { kind: "tags", tags: [] }),
    ];
    for (const [prefix, mark] of this.#prefixes) {
      events.push(...eventsOf(mark, { kind: "prefixes", prefixes: [prefix] }));
    }
    for (const [tag, mark] of this.#tags) {
      events.push(...eventsOf(mark, { kind: "tags", tags: [tag] }));
    }
    return events;
  }

  /** See `PurgeTable.foldAll`. */
  foldAll(): void {
    while (this.marks > 0) this.#foldOldest(this.#older());
  }

  /**
   * What has become of an object. Without a purge since its generation that is one comparison, else
   * one map lookup for each of its tags and for each length of prefix that its key reaches.
   */
  judge(facts: PurgeFacts): PurgeVerdict {
    const { generation } = facts;
    if (this.#latest <= generation) return CURRENT;
    if (this.#whole.hard > generation) return PURGED;
    let since = this.#staleSince(this.#whole, generation, Number.POSITIVE_INFINITY);
    for (const mark of this.#marksOf(facts)) {
      if (mark.hard > generation) return PURGED;
      since = this.#staleSince(mark, generation, since);
    }
    if (this.#doubt > generation) return UNSURE;
    return since === Number.POSITIVE_INFINITY ? CURRENT : { kind: "stale", since };
  }

  /** The marks of what concerns an object, but for that of the whole site. */
  #marksOf({ key, tags }: PurgeFacts): readonly Mark[] {
    const marks: Mark[] = [];
    for (const length of this.#lengths.keys()) {
      if (length > key.length) continue;
      const mark = this.#prefixes.get(key.slice(0, length));
      if (mark !== undefined) marks.push(mark);
    }
    if (tags === undefined || tags.overflow) marks.push(this.#anyTag);
    if (tags === undefined || this.#tags.size === 0) return marks;
    for (const tag of tags.tags) {
      const mark = this.#tags.get(tag);
      if (mark !== undefined) marks.push(mark);
    }
    return marks;
  }

  #staleSince(mark: Mark, generation: number, since: EpochMs): EpochMs {
    return mark.soft > generation ? Math.min(since, mark.softAt) : since;
  }

  #raiseIn(
    marks: Map<string, Mark>,
    label: string,
    { generation, force }: { readonly generation: number; readonly force: PurgeForce },
  ): void {
    const mark = marks.get(label);
    if (mark === undefined) this.#characters += label.length;
    else marks.delete(label);
    const raised = mark ?? never();
    raise(raised, generation, force);
    marks.set(label, raised);
  }

  #countLength(length: number, difference: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + difference;
    if (count === 0) this.#lengths.delete(length);
    else this.#lengths.set(length, count);
  }

  #fold(): void {
    const { marks, characters, prefixLengths } = this.#limits;
    while (this.#lengths.size > prefixLengths) this.#foldOldest(this.#prefixes);
    while (this.marks > marks || this.#characters > characters) this.#foldOldest(this.#older());
  }

  /** Of the two lists the one whose first mark was purged longer ago. */
  #older(): Map<string, Mark> {
    const [prefix] = this.#prefixes.values();
    const [tag] = this.#tags.values();
    if (prefix === undefined) return this.#tags;
    return tag === undefined || newest(prefix) < newest(tag) ? this.#prefixes : this.#tags;
  }

  #foldOldest(marks: Map<string, Mark>): void {
    const [oldest] = marks;
    if (oldest === undefined) return;
    const [label, { hard, soft, softAt }] = oldest;
    marks.delete(label);
    this.#characters -= label.length;
    if (marks === this.#prefixes) this.#countLength(label.length, -1);
    this.#counts.folded += 1;
    const whole = this.#whole;
    whole.hard = Math.max(whole.hard, hard);
    if (soft === 0) return;
    // Of two moments the earlier one: nothing may be served stale for longer by being folded.
    whole.softAt = whole.soft === 0 ? softAt : Math.min(whole.softAt, softAt);
    whole.soft = Math.max(whole.soft, soft);
  }

  #forgetMarks(): void {
    this.#prefixes.clear();
    this.#tags.clear();
    this.#lengths.clear();
    this.#characters = 0;
  }
}

function never(): Mark {
  return { hard: 0, soft: 0, softAt: 0 };
}

/** The purges that raise a mark that was never purged to where this one is. */
function eventsOf({ hard, soft, softAt }: Mark, target: PurgeTarget): SiteEvent[] {
  const events: SiteEvent[] = [];
  if (hard > 0) events.push({ kind: "purge", generation: hard, target, force: { soft: false } });
  if (soft > 0) {
    events.push({ kind: "purge", generation: soft, target, force: { soft: true, at: softAt } });
  }
  return events;
}

function newest({ hard, soft }: Mark): number {
  return Math.max(hard, soft);
}

function raise(mark: Mark, generation: number, force: PurgeForce): void {
  if (force.soft) {
    mark.soft = generation;
    mark.softAt = force.at;
  } else mark.hard = generation;
}
