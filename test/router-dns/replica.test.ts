import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import { type Clock, systemClock } from "../../common/clock.ts";
import { silentLogger } from "../../common/log.ts";
import { generateKeys } from "../../router-dns/data/zone-keys.ts";
import type { RouterOptions } from "../../router-dns/server.ts";
import { openRedisState } from "../../state/redis.ts";
import type { StateStore } from "../../state/store.ts";
import { answerData, type DigAnswer, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { startRedis } from "../support/redis.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startUnbound } from "../support/unbound.ts";
import { POLICY } from "./sign/world.ts";
import { fivePops, serviceConfig, siteConfig, startFiveEdges, startTestRouter } from "./support.ts";

const DAY_MS = 86_400_000;
const SHOP = "shop.kingcdn.test";

/** Real time, and as many days as a test says. */
class JumpingClock implements Clock {
  offsetMs = 0;
  readonly now = () => Date.now() + this.offsetMs;
  readonly monotonic = () => systemClock.monotonic();
  readonly after = (delayMs: number, action: () => void) => systemClock.after(delayMs, action);
}

function open(t: TestContext, url: string): StateStore {
  const store = openRedisState({ url, log: silentLogger });
  t.after(() => store.close());
  return store;
}

async function ask({ host, port }: SocketAddress, name: string, ...options: string[]) {
  return dig({ server: host, port, name, subnet: "129.94.0.0/24", options });
}

async function becomes(at: SocketAddress, what: string, wanted: readonly string[]): Promise<void> {
  await eventually(what, async () => {
    assert.deepEqual(answerData(await ask(at, SHOP), "A"), wanted);
  });
}

/** The key tags of the signatures of an answer. */
function signers({ text }: DigAnswer): string[] {
  const found = text.matchAll(/\sRRSIG\s+A\s+13\s+\d+\s+\d+\s+\d{14}\s+\d{14}\s+(\d+)\s/g);
  return [...found].map(([, tag = ""]) => tag);
}

describe("a router whose state store is dead", () => {
  it("steers, signs and rolls keys for weeks, and begins again with what it kept", async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const clock = new JumpingClock();
    const dir = tempDir(t);
    const policy = { ...POLICY, propagation: 1 };
    const folder = join(dir, "keys");
    const made = generateKeys({ folder, zone: "kingcdn.test", policy }, "ecdsap256sha256", 0);
    assert.ok(made.ok);
    const ds = made.value.keys.find((key) => key.ds !== null)?.ds ?? assert.fail();
    const edges = await startFiveEdges(t);
    const store = open(t, redis.url);
    await eventually("the store is there", () =>
      store.append({ kind: "site-put", site: siteConfig("shop") }, "test"),
    );
    await store.append({ kind: "drain", edge: "syd-1" }, "test");
    const options = (): Partial<RouterOptions> & Pick<RouterOptions, "pops"> => ({
      pops: fivePops(edges),
      answers: 1,
      clock,
      sites: [],
      keepFile: join(dir, "kept", "state.json"),
      dnssec: { folder, rollsOver: true, zones: [{ name: "kingcdn.test", policy }] },
      state: open(t, redis.url),
    });
    const first = await startTestRouter(t, options());
    const { host } = edges["nrt"] ?? assert.fail();
    await becomes(first.dns, "the site is there, and its nearest edge is drained", [host]);
    await redis.kill();

    const validated = async (at: SocketAddress): Promise<DigAnswer> => {
      const resolver = await startUnbound(t, {
        stubs: [{ zone: "kingcdn.test", at }],
        trustAnchors: [ds],
        validatesAt: clock.now(),
      });
      for (const name of [SHOP, "ns1.kingcdn.test", "nothing.kingcdn.test"]) {
        const seen = await ask(resolver, name, "+dnssec");
        assert.ok(seen.flags.includes("ad"), `${clock.offsetMs / DAY_MS} days\n${seen.text}`);
      }
      return ask(at, SHOP, "+dnssec");
    };
    const before = signers(await validated(first.dns));
    assert.equal(before.length, 1);
    for (const days of [3, 6, 29, 33, 40]) {
      clock.offsetMs = days * DAY_MS;
      // A key that has just been made is known everywhere after TTL and propagation.
      await eventually("signatures are of this time", async () => {
        const { text } = await ask(first.dns, SHOP, "+dnssec");
        const [, end = "", begin = ""] = /RRSIG\s+A .*? (\d{14}) (\d{14}) /.exec(text) ?? [];
        const now = new Date(clock.now()).toISOString().replace(/\D/g, "").slice(0, 14);
        assert.ok(begin < now && now < end, text);
      });
      await validated(first.dns);
    }
    await eventually("another key signs", async () => {
      assert.notDeepEqual(signers(await ask(first.dns, SHOP, "+dnssec")), before);
    });

    await edges["nrt"]?.kill();
    await eventually("a dead edge is seen without the store", async () => {
      assert.notDeepEqual(answerData(await ask(first.dns, SHOP), "A"), [host]);
    });
    const nearest = answerData(await ask(first.dns, SHOP), "A");
    assert.notDeepEqual(nearest, [edges["syd"]?.host]);
    await first.router.stop(500);

    assert.equal(statSync(join(dir, "kept", "state.json")).mode & 0o777, 0o600);
    const again = await startTestRouter(t, options());
    await becomes(again.dns, "the same as before", nearest);
    await validated(again.dns);
  });

  it("follows the store again when that is back", async (t) => {
    const redis = await startRedis({ persist: true });
    t.after(() => redis.stop());
    const edges = await startFiveEdges(t);
    const keepFile = join(tempDir(t), "state.json");
    const store = open(t, redis.url);
    await eventually("the store is there", () =>
      store.append({ kind: "site-put", site: siteConfig("shop") }, "test"),
    );
    const options = { pops: fivePops(edges), answers: 1, sites: [], keepFile };
    const first = await startTestRouter(t, { ...options, state: open(t, redis.url) });
    await becomes(first.dns, "the site is there", [edges["syd"]?.host ?? ""]);
    await first.router.stop(500);
    await redis.kill();
    const again = await startTestRouter(t, { ...options, state: open(t, redis.url) });
    assert.equal((await ask(again.dns, SHOP)).status, "NOERROR");
    await redis.restart();
    await eventually("a change is appended", () =>
      store.append({ kind: "site-remove", site: "shop" }, "test"),
    );
    await eventually("the site is gone", async () => {
      assert.equal((await ask(again.dns, SHOP)).status, "NXDOMAIN");
    });
  });

  it("goes on without a file that is damaged", async (t) => {
    const keepFile = join(tempDir(t), "state.json");
    writeFileSync(keepFile, '{"format":"meridian-router 1","sites":[{}]');
    const lines: string[] = [];
    const error = (entry: object) => void lines.push(JSON.stringify(entry));
    const { dns } = await startTestRouter(t, {
      pops: fivePops({}),
      probe: { kind: "none" },
      keepFile,
      state: open(t, "redis://127.0.0.1:1"),
      log: { ...silentLogger, error } as typeof silentLogger,
    });
    assert.match(lines.join("\n"), /kept-state-refused.*it is damaged; going on without it/);
    assert.equal((await ask(dns, "netcinema.kingcdn.test")).status, "NOERROR");
  });
});

describe("cookies of routers that share a store", () => {
  it("are accepted by all of them, without a file, also after a restart without the store", async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const start = async (keepFile: string) => {
      const { dns, router } = await startTestRouter(t, {
        pops: fivePops({}),
        probe: { kind: "none" },
        service: serviceConfig({ cookies: { mode: "require" }, rateLimit: { exempt: [] } }),
        state: open(t, redis.url),
        keepFile,
      });
      return { dns, router };
    };
    const ask = async ({ host, port }: SocketAddress, cookie: string) => {
      const options = [`+cookie=${cookie}`, "+nobadcookie"];
      const name = "ns1.kingcdn.test";
      const seen = await dig({ server: host, port, name, options });
      return { ...seen, cookie: /^; COOKIE: (\w+)/m.exec(seen.text)?.[1] ?? "" };
    };
    const dir = tempDir(t);
    const one = await start(join(dir, "one"));
    const two = await start(join(dir, "two"));
    await eventually("both have the same secret", async () => {
      const { cookie } = await ask(one.dns, "0102030405060708");
      assert.equal((await ask(two.dns, cookie)).status, "NOERROR");
    });
    const { cookie } = await ask(one.dns, "0102030405060708");
    assert.equal((await ask(two.dns, `${cookie.slice(0, -2)}00`)).status, "BADCOOKIE");
    await redis.kill();
    await two.router.stop(500);
    const again = await start(join(dir, "two"));
    assert.equal((await ask(again.dns, cookie)).status, "NOERROR");
  });
});
