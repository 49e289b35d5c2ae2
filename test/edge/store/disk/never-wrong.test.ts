import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { CacheObject } from "../../../../edge/store/store.ts";
import type { PurgeTarget } from "../../../../state/purge.ts";
import { anObject, Tiers } from "./tiers.ts";

const KIB = 1_024;
const KEYS = 6;
const VARIANTS = ["", "br"] as const;
const TAGS = ["red", "blue"] as const;

/** One version of one variant that was put, and what has happened to it since. */
interface Version {
  readonly key: string;
  readonly variant: string;
  readonly tag: string;
  readonly body: string;
  /** Removed or purged: never to be seen again. */
  gone: boolean;
  /** Softly purged and not confirmed since. */
  stale: boolean;
  /** It has been written, or was refused a place: a kill does not undo it. */
  flushed: boolean;
  /** In place of earlier ones of its variant for good: no damage can have hidden it. */
  settled: boolean;
  /** It was there when a file was damaged. */
  endangered: boolean;
  /** It was made what it is by a confirmation that may not be on disk yet. */
  confirming: boolean;
}

type Action =
  | {
      readonly kind: "put";
      readonly key: number;
      readonly variant: number;
      readonly tag: number;
      readonly bytes: number;
    }
  | { readonly kind: "remove" | "soft" | "find" | "confirm"; readonly key: number }
  | {
      readonly kind: "purge";
      readonly target: "all" | "prefix" | "tag";
      readonly which: number;
      readonly soft: boolean;
    }
  | { readonly kind: "flush" | "restart" | "kill" }
  /** Ends the process and damages a file before the next one starts. */
  | { readonly kind: "flip" | "tear"; readonly file: number; readonly at: number };

const key = fc.nat(KEYS - 1);
const anAction: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key,
      variant: fc.nat(VARIANTS.length - 1),
      tag: fc.nat(TAGS.length - 1),
      bytes: fc.oneof(fc.nat(300), fc.nat(20 * KIB)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "remove" as const,
        "soft" as const,
        "find" as const,
        "find" as const,
        "confirm" as const,
      ),
      key,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("purge" as const),
      target: fc.constantFrom("all" as const, "prefix" as const, "tag" as const),
      which: fc.nat(KEYS),
      soft: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("flush" as const, "restart" as const, "kill" as const),
    }),
  },
);
const aDamage: fc.Arbitrary<Action> = fc.record({
  kind: fc.constantFrom("flip" as const, "tear" as const),
  file: fc.nat(),
  at: fc.nat(),
});

/** Says what may be found, and checks everything that is. */
class Model {
  tiers: Tiers;
  readonly #options;
  #versions: Version[] = [];
  #count = 0;
  /** A file has been damaged: what is found may be older than it should, but never unasked. */
  #damaged = false;

  constructor(options: ConstructorParameters<typeof Tiers>[0]) {
    this.#options = options;
    this.tiers = new Tiers(options);
  }

  async act(action: Action): Promise<void> {
    switch (action.kind) {
      case "put":
        return this.#put(action);
      case "remove":
        this.tiers.store.remove(`k${action.key}`, "purged");
        for (const version of this.#of(`k${action.key}`)) version.gone = true;
        return;
      case "soft":
        this.tiers.store.softPurge(`k${action.key}`, 1_000);
        for (const version of this.#of(`k${action.key}`)) makeStale(version);
        return;
      case "purge":
        return this.#purge(action);
      case "find":
        return this.check(`k${action.key}`);
      case "confirm":
        return this.#confirm(`k${action.key}`);
      case "flush":
        await this.tiers.flush();
        return this.#settle();
      case "restart":
        this.tiers = await this.tiers.restart(this.#options);
        return this.#settle();
      case "kill":
        return this.#kill();
      case "flip":
      case "tear":
        return this.#damage(action);
    }
  }

  /** Looks for a key, and whether what is found is one of the versions that it may be. */
  async check(name: string): Promise<void> {
    const found = await this.tiers.find(name);
    for (const [i, object] of (found?.objects ?? []).entries()) {
      const version = this.#versionOf(object);
      const standing = found?.standings[i]?.kind;
      // Whatever is doubtful is asked about before it is served.
      if (standing === "unsure") continue;
      const what = `${name}: ${version.body.slice(0, 20)}, ${standing}`;
      assert.ok(!version.gone, `${what} was gone`);
      if (version.stale && !version.confirming) assert.equal(standing, "stale", what);
      const later = this.#of(name).filter(({ variant }) => variant === version.variant);
      const settled = later.slice(later.indexOf(version) + 1).some((other) => other.settled);
      assert.ok(!settled, `${what} had been replaced`);
    }
  }

  async checkAll(): Promise<void> {
    for (let i = 0; i < KEYS; i += 1) await this.check(`k${i}`);
  }

  /** Everything that is not gone and not replaced must be there. */
  async checkSurvivors(): Promise<void> {
    this.tiers = await this.tiers.restart(this.#options);
    for (let i = 0; i < KEYS; i += 1) {
      const newest = new Map(this.#of(`k${i}`).map((version) => [version.variant, version]));
      const wanted = [...newest.values()].filter(({ gone }) => !gone).map(({ body }) => body);
      const found = await this.tiers.find(`k${i}`);
      const bodies = (found?.objects ?? []).map(({ chunks }) => Buffer.concat(chunks).toString());
      assert.deepEqual(bodies.sort(), wanted.sort(), `k${i}`);
    }
  }

  #put({ key, variant, tag, bytes }: Extract<Action, { kind: "put" }>): void {
    this.#count += 1;
    const name = `k${key}`;
    const value = VARIANTS[variant] ?? "";
    const body = `${name}/${value}/${this.#count} `.padEnd(bytes, String(this.#count));
    const version = {
      key: name,
      variant: value,
      tag: TAGS[tag] ?? "",
      body,
      gone: false,
      stale: false,
      flushed: false,
      settled: false,
      endangered: false,
      confirming: false,
    };
    const stored = this.tiers.store.put(
      anObject(this.tiers, name, {
        body,
        fields: [`surrogate-key: ${version.tag}`],
        varyOn: value === "" ? [] : [["accept-encoding", value]],
      }),
    );
    if (stored !== undefined) this.#versions.push(version);
  }

  #purge({ target, which, soft }: Extract<Action, { kind: "purge" }>): void {
    const tag = TAGS[which % TAGS.length] ?? "";
    const scope: PurgeTarget =
      target === "all"
        ? { kind: "all" }
        : target === "tag"
          ? { kind: "tags", tags: [tag] }
          : { kind: "prefixes", prefixes: [`k${which}`] };
    const force = soft ? ({ soft, at: 1_000 } as const) : ({ soft } as const);
    this.tiers.store.purges.site("shop").purge(scope, force);
    for (const version of this.#versions) {
      const concerned =
        target === "all" || (target === "tag" ? version.tag === tag : version.key === `k${which}`);
      if (!concerned) continue;
      if (soft) makeStale(version);
      else version.gone = true;
    }
  }

  /** The origin says that what is found still holds. */
  async #confirm(name: string): Promise<void> {
    await this.tiers.find(name);
    for (const object of Array.from(this.tiers.store.lookup(name)?.objects ?? [])) {
      const version = this.#versionOf(object);
      const { generation } = this.tiers.store.purges;
      const response = { ...object.response, times: { requestTime: 1, responseTime: 2 } };
      if (this.tiers.store.update(object, response, generation) === undefined) continue;
      version.confirming = true;
      if (!this.#damaged) continue;
      // Damage had brought it back; the origin says that it is the newest there is.
      version.gone = false;
      const same = this.#of(name).filter(({ variant }) => variant === version.variant);
      const later = new Set(same.slice(same.indexOf(version) + 1));
      this.#versions = this.#versions.filter((one) => !later.has(one));
    }
  }

  #settle(): void {
    for (const version of this.#versions) {
      version.flushed = true;
      version.settled = !version.endangered;
      if (version.confirming) version.stale = false;
      version.confirming = false;
    }
  }

  /** What was waiting is lost, or not: what is not there now must never be there. */
  async #kill(): Promise<void> {
    this.tiers = this.tiers.kill(this.#options);
    const found = new Set<Version>();
    for (let i = 0; i < KEYS; i += 1) {
      const objects = (await this.tiers.find(`k${i}`))?.objects ?? [];
      for (const object of objects) found.add(this.#versionOf(object));
    }
    this.#versions = this.#versions.filter((version) => version.flushed || found.has(version));
  }

  /** Notes and journals are written before a call returns: only segments end in the middle. */
  async #damage({ kind, file, at }: Extract<Action, { kind: "flip" | "tear" }>): Promise<void> {
    await this.#kill();
    const { folder } = this.tiers;
    const all = [...folder.files.keys()].sort();
    const names = kind === "flip" ? all : all.filter((name) => /\.(seg|idx)$/.test(name));
    const name = names[file % names.length];
    const content = name === undefined ? undefined : folder.files.get(name);
    if (name === undefined || content === undefined || content.length === 0) return;
    const place = at % content.length;
    if (kind === "tear") folder.files.set(name, content.subarray(0, place));
    else content[place] = (content[place] ?? 0) ^ (1 << (at % 8));
    this.#damaged = true;
    // What had been replaced may be found again.
    for (const version of this.#versions) {
      version.settled = false;
      version.endangered = true;
    }
    this.tiers = this.tiers.kill(this.#options);
  }

  #of(name: string): Version[] {
    return this.#versions.filter((version) => version.key === name);
  }

  #versionOf({ key, chunks, response }: CacheObject): Version {
    const body = Buffer.concat(chunks).toString();
    const value = response.varyOn[0]?.[1] ?? "";
    const version = this.#of(key).find((one) => one.variant === value && one.body === body);
    assert.ok(version !== undefined, `${key} ${value} has never been ${body.slice(0, 40)}`);
    return version;
  }
}

const ROOMY = { bytesMax: 64 * KIB * KIB, segmentBytes: 64 * KIB };
/** A dozen segments, and a memory that holds few of the larger objects. */
const TIGHT = { bytesMax: 512 * KIB, segmentBytes: 32 * KIB, memoryBytes: 96 * KIB };

test("with room, everything that was stored, not replaced and not removed is found", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anAction, { maxLength: 60 }), async (actions) => {
      const model = new Model(ROOMY);
      for (const action of actions) {
        await model.act(action.kind === "kill" ? { kind: "restart" } : action);
      }
      await model.checkSurvivors();
    }),
    { numRuns: 80 },
  );
});

for (const [title, options] of [
  ["with room", ROOMY],
  ["when everything is tight", TIGHT],
] as const) {
  test(`${title}, no kill brings back what was gone or replaced`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anAction, { minLength: 20, maxLength: 120 }), async (actions) => {
        const model = new Model(options);
        for (const action of actions) {
          await model.act(action);
          assert.ok(model.tiers.folder.bytes <= options.bytesMax);
        }
        await model.checkAll();
      }),
      { numRuns: 80 },
    );
  });

  test(`${title}, no damage to any file makes a wrong byte, or serves unasked what was gone`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 8, arbitrary: anAction }, { weight: 1, arbitrary: aDamage }), {
          minLength: 20,
          maxLength: 120,
        }),
        async (actions) => {
          const model = new Model(options);
          for (const action of actions) await model.act(action);
          await model.checkAll();
        },
      ),
      { numRuns: 150 },
    );
  });
}

function makeStale(version: Version): void {
  version.stale = true;
  version.confirming = false;
}
