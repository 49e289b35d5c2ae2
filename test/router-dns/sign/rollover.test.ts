import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { ENTRY_KEY, type KeyFlags, ZONE_KEY } from "../../../router-dns/sign/dnskey.ts";
import {
  firstKeys,
  type KeyFacts,
  type KeySet,
  keysAt,
  newEntryKey,
  newZoneKey,
  planRollover,
  publicationInterval,
  type RolloverPolicy,
  type RolloverStep,
  startOfEntryRollover,
  startOfZoneRollover,
} from "../../../router-dns/sign/rollover.ts";
import { POLICY } from "./world.ts";

/** Short times that are all different, so that mixing two of them up shows. */
const SHORT: RolloverPolicy = {
  scheme: "ksk-zsk",
  zskLifetime: 100,
  kskLifetime: 0,
  dnskeyTtl: 11,
  maxTtl: 17,
  propagation: 5,
  dsTtl: 23,
};

function key(tag: number, flags: KeyFlags, times: Partial<KeyFacts["times"]>): KeyFacts {
  return {
    tag,
    flags,
    times: { created: 0, publish: 0, activate: undefined, dsPublished: undefined, ...times },
  };
}

/** The tags of what keys do at a moment. */
function shown(set: KeySet<KeyFacts>) {
  return {
    published: set.published.map(({ tag }) => tag),
    keySigners: set.keySigners.map(({ tag }) => tag),
    zoneSigner: set.zoneSigner.tag,
    parentKey: set.parentKey?.tag,
    states: Object.fromEntries(set.statuses.map(({ key, state }) => [key.tag, state])),
  };
}

describe("RFC 7583 s.3.2.1: pre-publication of a key that signs records", () => {
  const ksk = key(1, ENTRY_KEY, { dsPublished: 30 });
  const old = key(2, ZONE_KEY, { activate: 0 });
  const next = key(3, ZONE_KEY, { publish: 84, activate: 100 });
  const at = (now: number) => shown(keysAt([ksk, old, next], SHORT, now));

  it("the successor is published, then signs, and then the old one leaves", () => {
    assert.deepEqual(at(83).states, { 1: "active", 2: "active", 3: "created" });
    assert.deepEqual(at(83).published, [1, 2]);
    assert.deepEqual(at(84).states, { 1: "active", 2: "active", 3: "published" });
    assert.deepEqual(at(84).published, [1, 2, 3]);
    assert.equal(at(99).zoneSigner, 2);
    assert.equal(at(100).zoneSigner, 3);
    assert.deepEqual(at(100).states, { 1: "active", 2: "retired", 3: "active" });
    assert.deepEqual(at(100 + 17 + 5 - 1).published, [1, 2, 3]);
    assert.deepEqual(at(100 + 17 + 5).published, [1, 3]);
    assert.equal(at(100 + 17 + 5).states[2], "removed");
  });

  it("a successor is made as late as it can be, and not twice", () => {
    const due = 100 - publicationInterval(SHORT);
    assert.deepEqual(planRollover([ksk, old], SHORT, due - 1), []);
    assert.deepEqual(planRollover([ksk, old], SHORT, due), [
      { kind: "generate", flags: ZONE_KEY, publish: due, activate: 100 },
    ]);
    assert.deepEqual(planRollover([ksk, old, next], SHORT, due), []);
  });

  it("after a long sleep the successor still waits until everybody knows it", () => {
    assert.deepEqual(planRollover([ksk, old], SHORT, 500), [
      { kind: "generate", flags: ZONE_KEY, publish: 500, activate: 516 },
    ]);
    assert.equal(keysAt([ksk, old], SHORT, 500).zoneSigner, old, "an old key beats none");
  });

  it("with a lifetime of 0 nothing is made", () => {
    assert.deepEqual(planRollover([ksk, old], { ...SHORT, zskLifetime: 0 }, 1e6), []);
  });

  it("files of keys that are gone are kept for 30 days", () => {
    const gone = 100 + 17 + 5 + 30 * 86_400;
    const keys = [ksk, old, next];
    const policy = { ...SHORT, zskLifetime: 0 };
    assert.deepEqual(planRollover(keys, policy, gone - 1), []);
    assert.deepEqual(planRollover(keys, policy, gone), [{ kind: "delete", tag: 2 }]);
  });
});

it("no more than eight keys that are gone are kept: those that went last", () => {
  const ksk = key(1, ENTRY_KEY, { dsPublished: 30 });
  const zsks = Array.from({ length: 20 }, (_, i) =>
    key(100 + i, ZONE_KEY, { publish: 100 * i, activate: 100 * i }),
  );
  const policy = { ...SHORT, zskLifetime: 0 };
  const steps = planRollover([ksk, ...zsks], policy, 1_900 + 17 + 5);
  const deleted = steps.map((step) => (step.kind === "delete" ? step.tag : 0));
  assert.deepEqual(
    deleted.toSorted((a, b) => a - b),
    Array.from({ length: 11 }, (_, i) => 100 + i),
  );
});

describe("RFC 7583 s.3.3.1: double KSK", () => {
  const zsk = key(9, ZONE_KEY, { activate: 0 });
  const old = key(1, ENTRY_KEY, { dsPublished: 30 });
  const next = key(2, ENTRY_KEY, { publish: 200 });
  const seen = key(2, ENTRY_KEY, { publish: 200, dsPublished: 250 });

  it("both sign the keys; CDS names the new one when everybody can have seen it", () => {
    const at = (now: number) => shown(keysAt([zsk, old, next], SHORT, now));
    assert.deepEqual(at(199).keySigners, [1]);
    assert.deepEqual(at(200).keySigners, [1, 2]);
    assert.deepEqual(at(200).states, { 9: "active", 1: "active", 2: "published" });
    assert.equal(at(200 + 11 + 5 - 1).parentKey, 1);
    assert.equal(at(200 + 11 + 5).parentKey, 2);
    assert.equal(at(200 + 11 + 5).states[2], "ready");
    assert.deepEqual(at(1e6).keySigners, [1, 2], "without a DS nothing ever goes");
  });

  it("the old one leaves when nobody has its DS any more", () => {
    const at = (now: number) => shown(keysAt([zsk, old, seen], SHORT, now));
    assert.deepEqual(at(250).states, { 9: "active", 1: "retired", 2: "active" });
    assert.deepEqual(at(250 + 23 - 1).keySigners, [1, 2]);
    assert.deepEqual(at(250 + 23).keySigners, [2]);
    assert.deepEqual(at(250 + 23).published, [9, 2]);
  });

  it("RFC 8078: the first key is named when nobody has unsigned records any more", () => {
    const [first] = [key(1, ENTRY_KEY, {})];
    assert.ok(first);
    assert.equal(keysAt([zsk, first], SHORT, 17 + 5 - 1).parentKey, undefined);
    assert.equal(keysAt([zsk, first], SHORT, 17 + 5).parentKey, first);
  });

  it("one rollover at a time", () => {
    assert.equal(startOfEntryRollover([zsk, old], SHORT, 100), undefined);
    assert.match(startOfEntryRollover([zsk, old, next], SHORT, 220) ?? "", /key 2 waits for its/);
    assert.match(startOfEntryRollover([zsk, old, seen], SHORT, 260) ?? "", /key 1 has not left/);
    assert.equal(startOfEntryRollover([zsk, old, seen], SHORT, 280), undefined);
  });

  it("begins by itself only with a lifetime, and not while a DS is waited for", () => {
    const policy = { ...SHORT, zskLifetime: 0, kskLifetime: 1_000 };
    assert.deepEqual(planRollover([zsk, old], policy, 999), []);
    assert.deepEqual(planRollover([zsk, old], policy, 1_000), [
      { kind: "generate", flags: ENTRY_KEY, publish: 1_000, activate: undefined },
    ]);
    assert.deepEqual(planRollover([zsk, old, next], policy, 1_200), []);
  });
});

describe("one key for everything", () => {
  const policy: RolloverPolicy = { ...SHORT, scheme: "csk" };
  const old = key(1, ENTRY_KEY, { activate: 0, dsPublished: 30 });

  it("signs records too, and its successor takes over when everybody knows it", () => {
    const next = key(2, ENTRY_KEY, { publish: 200, activate: 216 });
    const at = (now: number) => keysAt([old, next], policy, now);
    assert.deepEqual(
      at(210).statuses.map(({ role }) => role),
      ["csk", "csk"],
    );
    assert.equal(at(215).zoneSigner, old);
    assert.equal(at(216).zoneSigner, next);
    assert.deepEqual(shown(at(1e6)).published, [1, 2], "the parent still names the old one");
  });

  it("leaves when neither a DS nor a signature of it is left", () => {
    const early = key(2, ENTRY_KEY, { publish: 200, activate: 216, dsPublished: 216 });
    assert.deepEqual(shown(keysAt([old, early], policy, 216 + 23 - 1)).published, [1, 2]);
    assert.deepEqual(shown(keysAt([old, early], policy, 216 + 23)).published, [2]);
    const soon: RolloverPolicy = { ...policy, dsTtl: 2 };
    assert.deepEqual(shown(keysAt([old, early], soon, 216 + 17 + 5 - 1)).published, [1, 2]);
    assert.deepEqual(shown(keysAt([old, early], soon, 216 + 17 + 5)).published, [2]);
  });

  it("a ZSK that joins takes over the records, and the key goes on as KSK", () => {
    const steps = planRollover([old], SHORT, 300);
    assert.deepEqual(steps, [{ kind: "generate", flags: ZONE_KEY, publish: 300, activate: 316 }]);
    const zsk = key(3, ZONE_KEY, { publish: 300, activate: 316 });
    assert.equal(keysAt([old, zsk], SHORT, 315).zoneSigner, old);
    assert.equal(keysAt([old, zsk], SHORT, 316).zoneSigner, zsk);
    assert.deepEqual(shown(keysAt([old, zsk], SHORT, 1e6)).keySigners, [1]);
  });
});

it("the first keys sign at once", () => {
  assert.deepEqual(firstKeys(SHORT, 7), [
    { kind: "generate", flags: ENTRY_KEY, publish: 7, activate: undefined },
    { kind: "generate", flags: ZONE_KEY, publish: 7, activate: 7 },
  ]);
  assert.deepEqual(firstKeys({ ...SHORT, scheme: "csk" }, 7), [
    { kind: "generate", flags: ENTRY_KEY, publish: 7, activate: 7 },
  ]);
});

it("keys whose time has not come are used all the same when there are no others", () => {
  const keys = [
    key(1, ENTRY_KEY, { publish: 50 }),
    key(2, ZONE_KEY, { publish: 50, activate: 50 }),
  ];
  const set = shown(keysAt(keys, POLICY, 10));
  assert.deepEqual([set.published, set.keySigners, set.zoneSigner], [[1, 2], [1], 2]);
});

/*
 * What resolvers see, by brute force: a world of whole seconds in which routers answer with what
 * the key files say now or said up to `propagation` ago, rollovers begin whenever somebody likes,
 * and the parent follows CDS after a while. A resolver may hold any DS, DNSKEY and record that were
 * answered within their TTLs: every combination must fit.
 */
describe("whatever a resolver has cached within TTLs validates, at every second", () => {
  interface Plan {
    readonly policy: RolloverPolicy;
    /** Seconds at which somebody asks for another KSK or ZSK. */
    readonly asks: readonly { readonly at: number; readonly role: "ksk" | "zsk" }[];
    /** How long the parent takes to do as CDS says. */
    readonly parentDelay: number;
  }

  const SECONDS = 500;

  /** Lives a world through; gives the state of each second. */
  function live({ policy, asks, parentDelay }: Plan) {
    let keys: KeyFacts[] = [];
    let tag = 0;
    let parentTag: number | undefined;
    let wantedSince = 0;
    const take = (step: RolloverStep) => {
      if (step.kind === "delete") {
        keys = keys.filter((key) => key.tag !== step.tag);
        return;
      }
      tag += 1;
      keys.push(key(tag, step.flags, { publish: step.publish, activate: step.activate }));
    };
    for (const step of firstKeys(policy, 0)) take(step);
    const seconds: { set: KeySet<KeyFacts>; ds: number | undefined }[] = [];
    for (let now = 0; now < SECONDS; now += 1) {
      for (const { role } of asks.filter(({ at }) => at === now)) {
        const start = role === "ksk" ? startOfEntryRollover : startOfZoneRollover;
        if (role === "zsk" && policy.scheme === "csk") continue;
        if (start(keys, policy, now) !== undefined) continue;
        take(role === "ksk" ? newEntryKey(policy, now) : newZoneKey(policy, now));
      }
      for (const step of planRollover(keys, policy, now)) take(step);
      const set = keysAt(keys, policy, now);
      // The parent: it sees another CDS, and some time later all its servers have the DS.
      const wanted = set.parentKey?.tag;
      if (wanted === parentTag || wanted === undefined) wantedSince = now;
      else if (now - wantedSince >= parentDelay) {
        parentTag = wanted;
        keys = keys.map((one) =>
          one.tag === wanted ? { ...one, times: { ...one.times, dsPublished: now } } : one,
        );
      }
      seconds.push({ set: keysAt(keys, policy, now), ds: parentTag });
    }
    return seconds;
  }

  function check(plan: Plan): number {
    const { dnskeyTtl, maxTtl, dsTtl, propagation } = plan.policy;
    const world = live(plan);
    const tags = (members: readonly KeyFacts[]) => members.map((member) => member.tag);
    let changes = 0;
    for (let now = 0; now < SECONDS; now += 1) {
      const before = (seconds: number) => world.slice(Math.max(0, now - seconds), now + 1);
      // What anybody can hold now: answered within the TTL, by a router as late as it may be.
      const dnskeys = before(dnskeyTtl - 1 + propagation).map(({ set }) => tags(set.published));
      const dnskeySigners = before(dnskeyTtl - 1 + propagation).map(({ set }) =>
        tags(set.keySigners),
      );
      const zoneSigners = new Set(
        before(maxTtl - 1 + propagation).map(({ set }) => set.zoneSigner.tag),
      );
      for (const signer of zoneSigners) {
        // Keys that are fetched now come from a router that may be late, too.
        for (const held of dnskeys) {
          assert.ok(
            held.includes(signer),
            `second ${now}: ${signer} signs, ${held.join()} are known`,
          );
        }
      }
      const dss = new Set(before(dsTtl - 1).flatMap(({ ds }) => ds ?? []));
      for (const ds of dss) {
        for (const signers of dnskeySigners) {
          assert.ok(
            signers.includes(ds),
            `second ${now}: the DS is ${ds}, ${signers.join()} sign keys`,
          );
        }
      }
      const previous = world[now - 1];
      if (previous?.set.zoneSigner.tag !== world[now]?.set.zoneSigner.tag) changes += 1;
      if (previous?.ds !== world[now]?.ds) changes += 1;
    }
    return changes;
  }

  const plans = fc.record<Plan>({
    policy: fc.record<RolloverPolicy>({
      scheme: fc.constantFrom("ksk-zsk", "csk"),
      zskLifetime: fc.constantFrom(0, 60, 90),
      kskLifetime: fc.constantFrom(0, 0, 110),
      dnskeyTtl: fc.integer({ min: 1, max: 15 }),
      maxTtl: fc.integer({ min: 1, max: 15 }),
      propagation: fc.integer({ min: 0, max: 8 }),
      dsTtl: fc.integer({ min: 1, max: 20 }),
    }),
    asks: fc.array(
      fc.record({
        at: fc.integer({ min: 1, max: SECONDS - 1 }),
        role: fc.constantFrom("ksk" as const, "zsk" as const),
      }),
      { maxLength: 6 },
    ),
    parentDelay: fc.integer({ min: 0, max: 30 }),
  });

  it("in hundreds of worlds", () => {
    let changes = 0;
    fc.assert(
      fc.property(plans, (plan) => {
        changes += check(plan);
      }),
      { numRuns: 300 },
    );
    assert.ok(changes > 1_000, `only ${changes} keys were rolled: nothing was put to the test`);
  });

  it("and the world can tell: with half the waiting it breaks", () => {
    const hurried: Plan = {
      policy: { ...SHORT, zskLifetime: 60 },
      asks: [],
      parentDelay: 3,
    };
    check(hurried);
    const slow = { ...hurried.policy, dnskeyTtl: 22, maxTtl: 34 };
    const world = live(hurried);
    // The keys of a hurried world, seen by resolvers that keep things for twice as long.
    const signs = world.map(({ set }) => set.zoneSigner.tag);
    const isBroken = world.some(({ set }, now) =>
      signs
        .slice(Math.max(0, now - slow.maxTtl - slow.propagation), now + 1)
        .some((tag) => !set.published.some((published) => published.tag === tag)),
    );
    assert.ok(isBroken);
  });
});
