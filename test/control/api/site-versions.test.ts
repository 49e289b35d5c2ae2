import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { SiteInput } from "../../../common/config/site.ts";
import { differences } from "../../../control/api/differences.ts";
import type {
  DryRunBody,
  ErrorBody,
  SiteBody,
  SiteHistoryBody,
  SiteListBody,
  SitePutBody,
} from "../../../control/api/shapes.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { type ApiAnswer, startTestControl } from "../support.ts";

const SHOP: SiteInput = { name: "shop", origin: { urls: ["http://192.0.2.9"] } };

async function start(t: TestContext) {
  const store = openEmbeddedState({ file: ":memory:" });
  t.after(() => store.close());
  const control = await startTestControl(t, store);
  const send = async <T>(
    method: string,
    path: string,
    more: { body?: unknown; match?: string },
  ): Promise<ApiAnswer<T> & { readonly response: Response }> => {
    const response = await fetch(`${control.base}/v1${path}`, {
      method,
      headers: {
        ...(more.match === undefined ? {} : { "if-match": more.match }),
        ...(more.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
    });
    const answer: ApiAnswer<T> = { status: response.status, body: (await response.json()) as T };
    return { ...answer, response };
  };
  return { ...control, store, send };
}

describe("a site that several people change", () => {
  it("has a tag of its content, and is changed only by who has seen that", async (t) => {
    const { send, call } = await start(t);
    await call("POST", "/sites", SHOP);
    const read = await send<SiteBody>("GET", "/sites/shop", {});
    const { etag } = read.body;
    assert.equal(read.response.headers.get("etag"), etag);
    const changed = { ...SHOP, hosts: ["www.shop.example"] };
    const first = await send("PUT", "/sites/shop", { body: changed, match: etag });
    assert.equal(first.status, 200);
    assert.notEqual(first.response.headers.get("etag"), etag);
    const second = await send<ErrorBody>("PUT", "/sites/shop", { body: SHOP, match: etag });
    assert.deepEqual([second.status, second.body.error.code], [412, "changed"]);
    assert.equal((await send("DELETE", "/sites/shop", { match: etag })).status, 412);
    const kept = await call<SiteBody>("GET", "/sites/shop");
    assert.deepEqual(kept.body.site.hosts, ["www.shop.example"]);
    const back = await send<SitePutBody>("PUT", "/sites/shop", { body: SHOP, match: "*" });
    assert.equal(back.body.etag, etag, "the same content has the same tag");
    const gone = await send("PUT", "/sites/other", {
      body: { ...SHOP, name: "other" },
      match: "*",
    });
    assert.equal(gone.status, 412);
  });

  it("of two changes to what both have seen, one is made", async (t) => {
    const { send, call } = await start(t);
    const { body } = await call<SitePutBody>("POST", "/sites", SHOP);
    const hosts = Array.from({ length: 8 }, (_, i) => `www${i}.shop.example`);
    const answers = await Promise.all(
      hosts.map((host) =>
        send("PUT", "/sites/shop", { body: { ...SHOP, hosts: [host] }, match: body.etag }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 1);
    assert.equal(statuses.filter((status) => status === 412).length, 7);
  });

  it("can be tried without being changed", async (t) => {
    const { call, store } = await start(t);
    await call("POST", "/sites", SHOP);
    const { version } = await store.snapshot();
    const changed = { ...SHOP, hosts: ["www.shop.example"], rules: [{ match: "/a", ttl: "2s" }] };
    const tried = await call<DryRunBody>("PUT", "/sites/shop?dryRun=true", changed);
    assert.deepEqual(tried.body, {
      dryRun: true,
      version,
      differences: [
        { path: "hosts[0]", after: "www.shop.example" },
        { path: "rules[0]", after: { match: "/a", ttl: "2s", cache: true } },
      ],
    });
    const same = await call<DryRunBody>("PUT", "/sites/shop?dryRun=true", SHOP);
    assert.deepEqual(same.body.differences, []);
    const added = await call<DryRunBody>("POST", "/sites?dryRun=true", { ...SHOP, name: "new" });
    assert.deepEqual([added.status, added.body.differences.length], [200, 1]);
    const removed = await call<DryRunBody>("DELETE", "/sites/shop?dryRun=true");
    assert.equal(removed.body.differences[0]?.after, undefined);
    const clash = { ...SHOP, name: "new", hosts: ["video.netcinema.test"] };
    assert.equal((await call("POST", "/sites?dryRun=true", clash)).status, 409);
    assert.equal((await store.snapshot()).version, version, "nothing has been appended");
  });

  it("has a history, and can be rolled back to any version of it", async (t) => {
    const { call } = await start(t);
    const one = await call<SitePutBody>("POST", "/sites", SHOP);
    const changed = { ...SHOP, hosts: ["www.shop.example"] };
    const two = await call<SitePutBody>("PUT", "/sites/shop", changed);
    await call("POST", "/sites/netcinema/purge", { all: true });
    await call("DELETE", "/sites/shop");
    const history = await call<SiteHistoryBody>("GET", "/sites/shop/history");
    assert.deepEqual(
      history.body.versions.map(({ version, action, by }) => [version, action, by]),
      [
        [two.body.version + 2, "removed", "api"],
        [two.body.version, "put", "api"],
        [one.body.version, "put", "api"],
      ],
    );
    assert.deepEqual(history.body.versions[1]?.differences, [
      { path: "hosts[0]", after: "www.shop.example" },
    ]);
    const to = { version: two.body.version };
    const tried = await call<DryRunBody>("POST", "/sites/shop/rollback?dryRun=true", to);
    assert.equal(tried.body.differences.length, 1);
    assert.equal((await call("GET", "/sites/shop")).status, 404);
    const back = await call<SitePutBody>("POST", "/sites/shop/rollback", to);
    assert.deepEqual(back.body.site.hosts, ["www.shop.example"]);
    const none = await call<ErrorBody>("POST", "/sites/shop/rollback", { version: 1 });
    assert.equal(none.status, 404);
    assert.match(
      none.body.error.remedy ?? "",
      new RegExp(`${two.body.version}, ${one.body.version}`),
    );
  });

  it("stands on one of several pages", async (t) => {
    const { call } = await start(t);
    for (const name of ["a", "b", "c"]) await call("POST", "/sites", { ...SHOP, name });
    const names: string[] = [];
    let after = "";
    for (let pages = 0; ; pages++) {
      const { body } = await call<SiteListBody>("GET", `/sites?limit=3${after}`);
      names.push(...body.sites.map(({ site }) => site.name));
      if (body.next === undefined) {
        assert.equal(pages, 1);
        break;
      }
      after = `&after=${body.next}`;
    }
    assert.deepEqual(names, ["a", "b", "c", "netcinema"]);
  });
});

describe("differences", () => {
  const cases: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: 1 }, { a: 1 }, []],
    [{ a: 1 }, { a: 2 }, [{ path: "a", before: 1, after: 2 }]],
    [{ a: 1 }, {}, [{ path: "a", before: 1 }]],
    [{ a: { b: [1, 2] } }, { a: { b: [1] } }, [{ path: "a.b[1]", before: 2 }]],
    [[{ a: 1 }], [{ a: 1 }, { c: 1 }], [{ path: "[1]", after: { c: 1 } }]],
    [undefined, { a: 1 }, [{ path: "", after: { a: 1 } }]],
    [{ a: [1] }, { a: { 0: 1 } }, [{ path: "a", before: [1], after: { 0: 1 } }]],
    [{ a: null }, { a: {} }, [{ path: "a", before: null, after: {} }]],
  ];
  for (const [before, after, expected] of cases) {
    it(`between ${JSON.stringify(before)} and ${JSON.stringify(after)}`, () => {
      assert.deepEqual(differences(before, after), expected);
    });
  }
});
