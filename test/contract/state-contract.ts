import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Site } from "../../common/config/site.ts";
import { applyChange, type View, viewOf } from "../../state/apply.ts";
import type { CertificateRecord, ChallengeRecord, OrderRecord } from "../../state/certificates.ts";
import type { ChangeBody } from "../../state/change.ts";
import { LOG_BYTES_MAX, LOG_CHANGES_MAX, OBJECTS_PER_EDGE_MAX } from "../../state/limits.ts";
import type {
  Heartbeat,
  LoadPlan,
  MeasuredRoundTrips,
  ObjectRecord,
  RouterReport,
  TokenRecord,
} from "../../state/records.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { eventually } from "../support/eventually.ts";

/** What the suite needs to try one implementation. */
export interface StateSubject {
  /** A store with nothing in it, that answers. */
  open(): Promise<StateStore>;
  /** A second store on the same data; absent where one process is all there is. */
  beside?(): Promise<StateStore>;
  /** Releases everything that `open` and `beside` made, but for the stores. */
  dispose(): Promise<void>;
}

/** A site as the configuration makes it. */
export function aSite(name: string, port = 9000): Site {
  return {
    name,
    hosts: [`www.${name}.test`],
    origin: {
      urls: [`http://127.0.0.1:${port}`],
      connectTimeout: 2_000,
      firstByteTimeout: 10_000,
      idleTimeout: 30_000,
    },
    slices: { enabled: true, size: 2 ** 20 },
    rules: [{ match: "/live/*", ttl: 2_000, cache: true }],
    allDown: "serve-all",
  };
}

/** A certificate as it is kept; what is sealed or PEM in it is of no meaning. */
export function aCertificate(name: string, hosts: readonly string[] = [name]): CertificateRecord {
  const key = `v1.${"a".repeat(16)}.${"b".repeat(16)}.${"c".repeat(300)}`;
  const times = { notBefore: 1_000, notAfter: 9_000.5 };
  return { name, hosts, chain: "-----BEGIN\n", key, ...times, source: "acme", site: "a" };
}

function aChallenge(token: string): ChallengeRecord {
  return { token, kind: "http-01", host: "www.a.test", value: `${token}.x-Y_z`, expiresAt: 5.5 };
}

function anOrder(certificate: string): OrderRecord {
  const { hosts, key } = aCertificate(certificate);
  const directory = "https://acme.test/dir";
  return { certificate, site: "a", hosts, directory, key, failures: 0, nextAt: 0 };
}

/** A token as it is kept. */
export function aToken(id: string): TokenRecord {
  const hash = "0123456789abcdef".repeat(4);
  return { id, name: `robot ${id}`, hash, scope: "purge", sites: ["a"], createdAt: 1_000 };
}

/** What an edge has measured of one network. */
export function someRoundTrips(edge: string, ms: number): MeasuredRoundTrips {
  return { edge, pop: "syd", at: 1_000.5, prefixes: [{ prefix: "192.0.2.0/24", ms, samples: 9 }] };
}

export function aHeartbeat(edge: string, version = 0): Heartbeat {
  return {
    edge,
    pop: "syd",
    at: 1_000.5,
    run: "run-1",
    version,
    connections: 3,
    bitsPerSecond: 12.5,
    requestsPerSecond: 7,
    cpu: 0.25,
    storeBytes: 10,
    storeBytesMax: 100,
    objects: 2,
  };
}

function aReport(router: string): RouterReport {
  const edges = [{ edge: "syd-1", health: "up", since: 5, detail: "200 in 3 ms" }] as const;
  return { router, at: 1_000, version: 4, queriesPerSecond: 1.5, edges };
}

function aPlan(step: number, by: string): LoadPlan {
  const sheds = [{ pop: "fra", fraction: 0.25 }];
  const edges = [{ edge: "syd-1", load: 1.5, keeps: 0.75 }];
  return { step, change: 1, by, at: 5, pops: [{ pop: "syd", load: 1.5, demand: 2, sheds, edges }] };
}

function anObject(key: string, storedAt: number, freshUntil = 1e15): ObjectRecord {
  const url = `http://a.test/${key}`;
  return { key, site: "a", url, status: 200, bytes: 5, storedAt, freshUntil, etag: '"x"' };
}

const EVERY_KIND: readonly ChangeBody[] = [
  { kind: "site-put", site: aSite("a") },
  { kind: "site-put", site: aSite("b") },
  { kind: "drain", edge: "syd-1" },
  { kind: "purge-urls", site: "a", urls: ["http://a.test/é?x=1", 'http://a.test/"quoted"\n'] },
  { kind: "site-put", site: aSite("a", 9001) },
  { kind: "drain", edge: "fra-1" },
  { kind: "purge-all", site: "a" },
  { kind: "purge-prefixes", site: "a", prefixes: ["http://a.test/é?x="], soft: true },
  { kind: "purge-tags", site: "a", tags: ["one", "größe \n"] },
  { kind: "purge-tags", site: "a", tags: ["two"], soft: true },
  { kind: "purge-urls", site: "a", urls: ["http://a.test/"], soft: true },
  { kind: "purge-all", site: "a", soft: true },
  { kind: "undrain", edge: "syd-1" },
  { kind: "undrain", edge: "never-drained" },
  { kind: "token-put", token: aToken("t1") },
  { kind: "token-put", token: { ...aToken("t2"), expiresAt: 5_000.5 } },
  { kind: "token-put", token: { ...aToken("t1"), scope: "admin" } },
  { kind: "token-remove", token: "t2" },
  { kind: "token-remove", token: "never-there" },
  { kind: "certificate-put", certificate: aCertificate("one.test") },
  { kind: "certificate-put", certificate: aCertificate("two", ["*.two.test", "two.test"]) },
  { kind: "certificate-put", certificate: { ...aCertificate("one.test"), source: "api" } },
  { kind: "certificate-remove", certificate: "two" },
  { kind: "certificate-remove", certificate: "never-there" },
  { kind: "challenge-put", challenge: aChallenge("t-1") },
  { kind: "challenge-put", challenge: { ...aChallenge("t_2"), kind: "dns-01" } },
  { kind: "challenge-remove", challenge: "t-1" },
  { kind: "order-put", order: anOrder("one.test") },
  { kind: "order-put", order: { ...anOrder("two"), url: "https://acme.test/o/1" } },
  { kind: "order-put", order: { ...anOrder("one.test"), failures: 2, error: "größe \n" } },
  { kind: "order-remove", order: "two" },
  {
    kind: "account-put",
    account: {
      directory: "https://a.test/dir",
      url: "https://a.test/1",
      key: anOrder("x").key ?? "",
    },
  },
  { kind: "site-remove", site: "b" },
  { kind: "site-remove", site: "never-there" },
];

/** Runs the contract of `StateStore` on one implementation. */
export function stateContract(name: string, subject: StateSubject): void {
  describe(`state contract: ${name}`, () => {
    // Stores do not keep a process alive by waiting; the tests do.
    const alive = setInterval(() => {}, 1_000);
    let store: StateStore;
    before(async () => {
      store = await subject.open();
    });
    after(async () => {
      clearInterval(alive);
      await store.close();
      await subject.dispose();
    });

    test("an empty log is at version 0 and has an epoch that stays", async () => {
      const empty = await store.snapshot();
      assert.equal(empty.version, 0);
      assert.deepEqual([empty.sites, empty.drained, empty.tokens], [[], [], []]);
      assert.ok(empty.epoch.length >= 8);
      const page = await store.changesAfter(0, 10);
      assert.deepEqual(
        { ...page, mark: undefined },
        { changes: [], complete: true, epoch: empty.epoch, head: 0, mark: undefined },
      );
      assert.equal((await store.snapshot()).epoch, empty.epoch);
    });

    test("appends get versions without gaps; the snapshot is the fold of the log", async () => {
      let view: View = viewOf(await store.snapshot());
      const base = view.version;
      for (const [index, body] of EVERY_KIND.entries()) {
        const change = await store.append(body, `token-${index}`);
        assert.equal(change.version, base + index + 1);
        assert.deepEqual([change.body, change.by], [body, `token-${index}`]);
        assert.ok(Math.abs(change.at - Date.now()) < 60_000, `accepted now, not at ${change.at}`);
        view = applyChange(view, change);
        assert.deepEqual(viewOf(await store.snapshot()), view);
      }
      const page = await store.changesAfter(base, 100);
      assert.deepEqual(
        page.changes.map((change) => change.body),
        EVERY_KIND,
      );
      assert.equal(page.head, base + EVERY_KIND.length);
    });

    test("changes come oldest first, at most as many as asked for, and continue", async () => {
      const { version: head, epoch } = await store.snapshot();
      const first = await store.changesAfter(0, 3);
      assert.deepEqual(
        first.changes.map((change) => change.version),
        [1, 2, 3],
      );
      assert.deepEqual([first.complete, first.head, first.epoch], [true, head, epoch]);
      const second = await store.changesAfter(3, 100, first.mark);
      assert.equal(second.complete, true);
      assert.deepEqual([second.changes[0]?.version, second.changes.at(-1)?.version], [4, head]);
      const none = await store.changesAfter(head, 100, second.mark);
      assert.deepEqual([none.changes, none.complete, none.head], [[], true, head]);
      assert.equal(none.mark, second.mark);
      assert.equal((await store.snapshot()).mark, second.mark);
    });

    test("the newest changes come first, below the version asked for", async () => {
      const { version: head } = await store.snapshot();
      const newest = await store.recentChanges(3);
      assert.deepEqual(
        newest.map((change) => change.version),
        [head, head - 1, head - 2],
      );
      const page = await store.changesAfter(head - 3, 3);
      assert.deepEqual(newest.toReversed(), page.changes);
      assert.deepEqual(
        await store.recentChanges(3, head),
        await store.recentChanges(4).then((all) => all.slice(1)),
      );
      assert.deepEqual(await store.recentChanges(3, 1), []);
    });

    test("a version that the log never reached is not complete", async () => {
      const { version } = await store.snapshot();
      const page = await store.changesAfter(version + 1, 10);
      assert.deepEqual([page.complete, page.changes, page.head], [false, [], version]);
    });

    test("concurrent appends all get a version of their own", async () => {
      const before = (await store.snapshot()).version;
      const bodies = Array.from({ length: 100 }, (_, i) => `edge-${i}`);
      const changes = await Promise.all(
        bodies.map((edge) => store.append({ kind: "drain", edge }, "many")),
      );
      const versions = changes.map((change) => change.version).sort((a, b) => a - b);
      assert.deepEqual(
        versions,
        bodies.map((_, i) => before + 1 + i),
      );
      for (const edge of bodies) await store.append({ kind: "undrain", edge }, "many");
    });

    test("an append that expects a version is refused, without effect, at any other", async () => {
      const { version, drained } = await store.snapshot();
      const drain = { kind: "drain", edge: "expected" } as const;
      for (const wrong of [version - 1, version + 1, 0]) {
        assert.equal(await store.append(drain, "late", wrong), undefined);
      }
      const after = await store.snapshot();
      assert.deepEqual([after.version, after.drained], [version, drained]);
      assert.equal((await store.append(drain, "in time", version))?.version, version + 1);
      const both = [1, 2].map(() => store.append({ ...drain, kind: "undrain" }, "a", version + 1));
      const done = (await Promise.all(both)).filter((change) => change !== undefined);
      assert.deepEqual(
        done.map((change) => change.version),
        [version + 2],
      );
    });

    test("watchers are woken by an append until they unwatch; one may throw", async () => {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      const unwatchBad = store.watch(() => {
        throw new Error("a watcher that fails");
      });
      const unwatch = store.watch(resolve);
      const { promise: never, reject } = Promise.withResolvers<never>();
      store.watch(() => reject(new Error("woken after unwatch")))();
      await store.append({ kind: "purge-all", site: "a" }, "w");
      await Promise.race([woken, never]);
      unwatch();
      unwatchBad();
    });

    test("acknowledgements keep the newest version of each node", async () => {
      const { version } = await store.snapshot();
      await store.acknowledge("syd-1", version - 1);
      await store.acknowledge("fra-1", version);
      await store.acknowledge("syd-1", version);
      assert.deepEqual(
        await store.acknowledgements(),
        new Map([
          ["fra-1", version],
          ["syd-1", version],
        ]),
      );
    });

    test("a shared secret is what the first one proposes", async () => {
      const [one, two] = ["a1".repeat(16), "b2".repeat(16)];
      assert.equal(await store.sharedSecret("cookie", one), one);
      assert.equal(await store.sharedSecret("cookie", two), one);
      assert.equal(await store.sharedSecret("other", two), two);
    });

    test("a lease is one holder's until it is given up or runs out", async () => {
      assert.equal(await store.lease("work", "one", 60_000), true);
      assert.equal(await store.lease("work", "two", 60_000), false);
      assert.equal(await store.lease("other", "two", 60_000), true);
      assert.equal(await store.lease("work", "one", 60_000), true);
      assert.equal(await store.lease("work", "two", 0), false);
      assert.equal(await store.lease("work", "two", 60_000), false);
      assert.equal(await store.lease("work", "one", 0), false);
      assert.equal(await store.lease("work", "two", 20), true);
      await until(() => store.lease("work", "one", 60_000), "the lease has run out");
    });

    test("heartbeats and reports are replaced, listed by name, and forgotten", async () => {
      await store.heartbeat(aHeartbeat("syd-1"), 60_000);
      await store.heartbeat(aHeartbeat("fra-1"), 60_000);
      await store.heartbeat(aHeartbeat("syd-1", 9), 60_000);
      await store.heartbeat(aHeartbeat("gone-1"), 20);
      await store.report(aReport("router"), 60_000);
      await store.report(aReport("gone"), 20);
      const both = [aHeartbeat("fra-1"), aHeartbeat("syd-1", 9)];
      await until(async () => (await store.heartbeats()).length === 2);
      await until(async () => (await store.reports()).length === 1);
      assert.deepEqual(await store.heartbeats(), both);
      assert.deepEqual(await store.reports(), [aReport("router")]);
    });

    test("what edges measure is replaced, listed by name, and forgotten", async () => {
      await store.measured(someRoundTrips("syd-1", 5), 60_000);
      await store.measured(someRoundTrips("fra-1", 6), 60_000);
      await store.measured(someRoundTrips("syd-1", 7), 60_000);
      await store.measured(someRoundTrips("gone-1", 8), 20);
      await until(async () => (await store.measurements()).length === 2);
      const both = [someRoundTrips("fra-1", 6), someRoundTrips("syd-1", 7)];
      assert.deepEqual(await store.measurements(), both);
    });

    test("told round trips are replaced, have versions, and are sent when they are new", async () => {
      assert.equal(await store.roundTrips(), undefined);
      const text = '# "remarks" {\n192.0.2.0/24,syd,12.5\n';
      const one = await store.putRoundTrips({ at: 1_000, by: "one", prefixes: 1, ways: 1, text });
      assert.deepEqual(one, { version: 1, at: 1_000, by: "one", prefixes: 1, ways: 1, text });
      assert.deepEqual(await store.roundTrips(), one);
      assert.equal(await store.roundTrips(one), undefined);
      const none = { prefixes: 0, ways: 0, text: "" };
      const two = await store.putRoundTrips({ at: 2_000, by: "two", ...none });
      assert.equal(two.version, 2);
      assert.deepEqual(await store.roundTrips(one), two);
      // A store that has lost its data begins again: the same version, but not the same table.
      assert.deepEqual(await store.roundTrips({ version: 2, at: 500 }), two);
    });

    test("load plans: the next step counts, the first of several, until it is forgotten", async () => {
      assert.equal(await store.agreeOnLoad(undefined, 60_000), undefined);
      assert.deepEqual(await store.agreeOnLoad(aPlan(7, "a"), 60_000), aPlan(7, "a"));
      for (const step of [6, 7, 9]) {
        assert.deepEqual(await store.agreeOnLoad(aPlan(step, "b"), 60_000), aPlan(7, "a"));
      }
      assert.deepEqual(await store.agreeOnLoad(aPlan(8, "c"), 20), aPlan(8, "c"));
      await until(async () => (await store.agreeOnLoad(undefined, 60_000)) === undefined);
      assert.deepEqual(await store.agreeOnLoad(aPlan(1, "d"), 60_000), aPlan(1, "d"));
    });

    test("object records: newest first, dropped ones and stale ones are gone", async () => {
      const now = 1_000_000;
      const records = Array.from({ length: 500 }, (_, i) => anObject(`k${i}`, i));
      await store.recordObjects("syd-1", records, []);
      await store.recordObjects("syd-1", [anObject("stale", 2_000, now - 1)], ["k499", "absent"]);
      await store.recordObjects("syd-1", [{ ...anObject("k0", 600), status: 404 }], []);
      const newest = await store.objects("syd-1", 3, now);
      assert.deepEqual(newest, [
        { ...anObject("k0", 600), status: 404 },
        anObject("k498", 498),
        anObject("k497", 497),
      ]);
      assert.equal((await store.objects("syd-1", 10_000, now)).length, 499);
      assert.deepEqual(await store.objects("elsewhere", 10, now), []);
    });

    test("object records are bounded per edge and per record", async () => {
      for (let from = 0; from < OBJECTS_PER_EDGE_MAX + 500; from += 500) {
        const some = Array.from({ length: 500 }, (_, i) => anObject(`n${from + i}`, from + i));
        await store.recordObjects("big-1", some, []);
      }
      const huge = { ...anObject("huge", 1e9), url: `http://a.test/${"x".repeat(100_000)}` };
      await store.recordObjects("big-1", [huge], []);
      const kept = await store.objects("big-1", OBJECTS_PER_EDGE_MAX * 2, 0);
      assert.equal(kept.length, OBJECTS_PER_EDGE_MAX);
      assert.equal(kept[0]?.key, `n${OBJECTS_PER_EDGE_MAX + 499}`);
      assert.equal(kept.at(-1)?.key, "n500");
    });

    test("the log is bounded: what it no longer reaches is not complete", async () => {
      const { version: start, mark } = await store.snapshot();
      for (let done = 0; done < LOG_CHANGES_MAX; done += 250) {
        const some = Array.from({ length: 250 }, () =>
          store.append({ kind: "purge-all", site: "a" }, "fill"),
        );
        await Promise.all(some);
      }
      const head = start + LOG_CHANGES_MAX;
      const reaching = await store.changesAfter(start, 2);
      assert.deepEqual([reaching.complete, reaching.head], [true, head]);
      assert.deepEqual(
        reaching.changes.map((it) => it.version),
        [start + 1, start + 2],
      );
      const beyond = await store.changesAfter(start - 1, 2);
      assert.deepEqual([beyond.complete, beyond.changes], [false, []]);
      if (mark !== undefined) {
        // The entry that the mark is of was cut off, so nobody can tell whether it was this one.
        assert.equal((await store.changesAfter(start, 2, mark)).complete, false);
      }
    });

    test("the log is bounded in bytes too, and a page of long changes continues", async () => {
      const urls = Array.from({ length: 32 }, (_, i) => `http://a.test/${"x".repeat(8_150)}${i}`);
      const long: ChangeBody = { kind: "purge-urls", site: "a", urls };
      const bytes = Buffer.byteLength(JSON.stringify(long));
      const { version: start } = await store.snapshot();
      const count = Math.ceil(LOG_BYTES_MAX / bytes) + 3;
      for (let i = 0; i < count; i += 1) await store.append(long, "long");
      const head = start + count;
      const fitting = Math.floor(LOG_BYTES_MAX / bytes);
      assert.equal((await store.changesAfter(head - fitting - 1, 9)).complete, false);
      for (let at = head - fitting; at < head; ) {
        const page = await store.changesAfter(at, 4);
        assert.deepEqual([page.complete, page.changes[0]?.version], [true, at + 1]);
        assert.deepEqual(page.changes[0]?.body, long);
        at += page.changes.length;
      }
      const short = await store.append({ kind: "purge-all", site: "a" }, "short");
      assert.deepEqual((await store.changesAfter(head, 9)).changes, [short]);
    });

    if (subject.beside !== undefined) {
      const beside = subject.beside.bind(subject);
      test("another store on the same data sees the same, and is woken", async () => {
        const other = await beside();
        try {
          assert.deepEqual(await other.snapshot(), await store.snapshot());
          const { promise: woken, resolve } = Promise.withResolvers<void>();
          const { version } = await store.snapshot();
          const unwatch = other.watch(() => {
            const check = other.changesAfter(version, 1);
            check.then(
              (page) => page.head > version && resolve(),
              () => {},
            );
          });
          const change = await store.append({ kind: "drain", edge: "nrt-1" }, "one");
          await woken;
          unwatch();
          assert.deepEqual((await other.changesAfter(version, 1)).changes, [change]);
        } finally {
          await other.close();
        }
      });
    }

    test("a closed store rejects every call with the error of the contract", async () => {
      assert.equal(store.isUp(), true);
      await store.close();
      assert.equal(store.isUp(), false);
      for (const call of everyCall(store)) await assert.rejects(call, StateUnavailableError);
      await store.close();
    });
  });
}

/** Starts each call of the contract that can fail. */
export function everyCall(store: StateStore): Promise<unknown>[] {
  return [
    ...quickCalls(store),
    store.snapshot(),
    store.changesAfter(0, 500),
    store.putRoundTrips({ at: 0, by: "x", prefixes: 0, ways: 0, text: "" }),
    store.roundTrips(),
    store.measurements(),
  ];
}

/** Those that move little, and have the shorter deadline. */
export function quickCalls(store: StateStore): Promise<unknown>[] {
  return [
    store.append({ kind: "purge-all", site: "a" }, "x"),
    store.changesAfter(0, 10),
    store.acknowledge("n", 0),
    store.acknowledgements(),
    store.heartbeat(aHeartbeat("n"), 1_000),
    store.heartbeats(),
    store.report(aReport("n"), 1_000),
    store.reports(),
    store.measured(someRoundTrips("n", 1), 1_000),
    store.agreeOnLoad(aPlan(1, "n"), 1_000),
    store.recordObjects("n", [anObject("k", 1)], ["j"]),
    store.objects("n", 10, 0),
    store.sharedSecret("s", "0".repeat(32)),
    store.lease("l", "n", 1_000),
  ];
}

/** Resolves when `probe` says yes; it is asked again and again, at most for ten seconds. */
export async function until(
  probe: () => boolean | Promise<boolean>,
  what = "the condition",
): Promise<void> {
  const attempt = async (): Promise<void> => {
    if (!(await probe())) throw new Error("not yet");
  };
  await eventually(what, attempt, { everyMs: 5 });
}
