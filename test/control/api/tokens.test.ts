import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { hashToken } from "../../../control/access/token.ts";
import type {
  ChangesBody,
  ErrorBody,
  LogBody,
  SiteListBody,
  TokenCreatedBody,
  TokenListBody,
} from "../../../control/api/shapes.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { eventually } from "../../support/eventually.ts";
import { type ApiAnswer, startTestControl } from "../support.ts";

const OPERATOR = "the-operator-of-this-test-0123456789";
const SHOP = { name: "shop", origin: { urls: ["http://192.0.2.9"] } };

/** A control server that asks for tokens, and calls of it with one of them. */
async function start(t: TestContext) {
  const store = openEmbeddedState({ file: ":memory:" });
  t.after(() => store.close());
  const access = { kind: "tokens", operatorHash: hashToken(OPERATOR) } as const;
  const { base } = await startTestControl(t, store, { access });
  const as = async <T>(
    token: string | undefined,
    call: string,
    body?: unknown,
  ): Promise<ApiAnswer<T> & { readonly response: Response }> => {
    const [method = "", path = ""] = call.split(" ");
    const response = await fetch(`${base}/v1${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: ApiAnswer<T> = { status: response.status, body: (await response.json()) as T };
    return { ...answer, response };
  };
  /** Makes a token, and waits until it counts. */
  const make = async (asked: object): Promise<string> => {
    const made = await as<TokenCreatedBody>(OPERATOR, "POST /tokens", asked);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { token } = made.body;
    await eventually("the token counts", async () => {
      assert.notEqual((await as(token, "GET /sites")).status, 401);
    });
    return token;
  };
  return { as, make, base, store };
}

describe("an API that asks for tokens", () => {
  it("answers nobody without one, and says how to show one", async (t) => {
    const { as, base } = await start(t);
    for (const call of ["GET /status", "POST /sites", "GET /nothing", "DELETE /sites/netcinema"]) {
      const refused = await as<ErrorBody>(
        undefined,
        call,
        call.startsWith("POST") ? SHOP : undefined,
      );
      assert.equal(refused.status, 401, call);
      assert.equal(refused.body.error.code, "unauthenticated");
      assert.match(refused.response.headers.get("www-authenticate") ?? "", /^Bearer/);
    }
    const page = await fetch(`${base}/`);
    assert.equal(page.status, 200);
    assert.ok((await page.arrayBuffer()).byteLength > 0);
  });

  it("reads no body of whom it does not answer", async (t) => {
    const { as } = await start(t);
    const refused = await as<ErrorBody>("wrong", "POST /sites", { not: "a site" });
    assert.equal(refused.body.error.code, "unauthenticated");
  });

  it("lets the operator do everything, and logs changes under the caller's name", async (t) => {
    const { as, make } = await start(t);
    assert.equal((await as(OPERATOR, "POST /sites", SHOP)).status, 201);
    const robot = await make({ name: "ci", scope: "site" });
    const put = { ...SHOP, hosts: ["www.shop.example"] };
    assert.equal((await as(robot, "PUT /sites/shop", put)).status, 200);
    const { body } = await as<LogBody>(OPERATOR, "GET /log?site=shop");
    assert.deepEqual(
      body.changes.map(({ by, body }) => [by, body.kind]),
      [
        ["ci", "site-put"],
        ["operator", "site-put"],
      ],
    );
    const own = await as<LogBody>(OPERATOR, "GET /log?by=ci");
    assert.deepEqual(
      own.body.changes.map(({ version }) => version),
      [body.changes[0]?.version],
    );
  });

  const SCOPES = {
    "GET /sites": "read",
    "GET /sites/netcinema": "read",
    "GET /sites/netcinema/history": "read",
    "GET /status": "read",
    "GET /changes": "read",
    "GET /log": "read",
    "POST /sites/netcinema/purge": "purge",
    "PUT /sites/netcinema?dryRun=true": "site",
    "DELETE /sites/netcinema?dryRun=true": "site",
    "POST /edges/syd-1/undrain": "admin",
    "GET /tokens": "admin",
    "DELETE /tokens/nobody": "admin",
  } as const;
  const LADDER = ["read", "purge", "site", "admin"] as const;

  it("allows what a scope and those before it allow, and no more", async (t) => {
    const { as, make } = await start(t);
    for (const [rank, scope] of LADDER.entries()) {
      const token = await make({ name: `a-${scope}`, scope });
      for (const [call, needed] of Object.entries(SCOPES)) {
        const sent = call.startsWith("PUT") || call.endsWith("purge") ? { all: true } : undefined;
        const { status, body } = await as<ErrorBody>(token, call, sent);
        const refused = status === 403;
        assert.equal(refused, LADDER.indexOf(needed) > rank, `${call} with ${scope}: ${status}`);
        if (refused) assert.match(body.error.message, new RegExp(`needs the scope "${needed}"`));
      }
    }
  });

  it("shows and changes only the sites that a token is for", async (t) => {
    const { as, make } = await start(t);
    await as(OPERATOR, "POST /sites", SHOP);
    const token = await make({ name: "owner", scope: "site", sites: ["shop", "blog"] });
    const { body } = await as<SiteListBody>(token, "GET /sites");
    assert.deepEqual(
      body.sites.map(({ site }) => site.name),
      ["shop"],
    );
    const others = [
      "GET /sites/netcinema",
      "DELETE /sites/netcinema",
      "GET /sites/netcinema/history",
      "GET /status",
      "GET /changes",
      "GET /log",
      "GET /explain/dns?name=a.test&client=192.0.2.1",
    ];
    for (const call of others) assert.equal((await as(token, call)).status, 403, call);
    const purge = await as(token, "POST /sites/netcinema/purge", { all: true });
    assert.equal(purge.status, 403);
    assert.equal((await as(token, "POST /sites/shop/purge", { all: true })).status, 200);
    assert.equal((await as(token, "POST /sites", { ...SHOP, name: "blog" })).status, 201);
    assert.equal((await as(token, "POST /sites", { ...SHOP, name: "news" })).status, 403);
    const unknown = await as<ErrorBody>(token, "POST /sites/blog2/purge", { all: true });
    assert.ok(!JSON.stringify(unknown.body).includes("netcinema"), "names of others stay unknown");
  });

  it("shows a token once, keeps its hash alone, and refuses it when it is revoked", async (t) => {
    const { as, make, store } = await start(t);
    const token = await make({ name: "ci", scope: "read" });
    const kept = JSON.stringify([await store.snapshot(), await store.recentChanges(10)]);
    assert.ok(!kept.includes(token) && kept.includes(hashToken(token)));
    for (const call of ["GET /tokens", "GET /changes", "GET /log"]) {
      const { body } = await as<TokenListBody | ChangesBody>(OPERATOR, call);
      const text = JSON.stringify(body);
      assert.ok(text.includes('"ci"') && !text.includes(hashToken(token)), call);
    }
    const again = await as<ErrorBody>(OPERATOR, "POST /tokens", { name: "ci", scope: "read" });
    assert.deepEqual([again.status, again.body.error.code], [409, "exists"]);
    assert.equal((await as(OPERATOR, "DELETE /tokens/ci")).status, 200);
    await eventually("it is refused", async () => {
      assert.equal((await as(token, "GET /sites")).status, 401);
    });
    assert.equal((await as(OPERATOR, "DELETE /tokens/ci")).status, 404);
  });

  it("refuses a token that has expired", async (t) => {
    const { as, make } = await start(t);
    const token = await make({ name: "brief", scope: "read", expiresIn: "700ms" });
    await eventually("it has expired", async () => {
      assert.equal((await as(token, "GET /sites")).status, 401);
    });
    const { body } = await as<TokenListBody>(OPERATOR, "GET /tokens");
    assert.deepEqual(
      body.tokens.map(({ name, expired }) => [name, expired]),
      [["brief", true]],
    );
  });

  it("makes who guesses wait, and only that address", async (t) => {
    const { as } = await start(t);
    const statuses: number[] = [];
    for (let i = 0; i < 15; i++) statuses.push((await as(`wrong-${i}`, "GET /sites")).status);
    assert.deepEqual(new Set(statuses), new Set([401, 429]));
    assert.equal(statuses.indexOf(429), 10);
    const refused = await as<ErrorBody>(OPERATOR, "GET /sites");
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.response.headers.get("retry-after")) >= 1);
  });

  it("names a token's fields that are wrong", async (t) => {
    const { as } = await start(t);
    const cases: readonly (readonly [object, string])[] = [
      [{ name: "operator", scope: "read" }, "name"],
      [{ name: "Not A Label", scope: "read" }, "name"],
      [{ name: "ci", scope: "root" }, "scope"],
      [{ name: "ci", scope: "read", sites: [] }, "sites"],
      [{ name: "ci", scope: "read", expiresIn: "soon" }, "expiresIn"],
      [{ name: "ci", scope: "read", secret: "mine" }, "secret"],
    ];
    for (const [asked, field] of cases) {
      const { status, body } = await as<ErrorBody>(OPERATOR, "POST /tokens", asked);
      assert.deepEqual([status, body.error.field], [400, field], JSON.stringify(body));
    }
  });
});
