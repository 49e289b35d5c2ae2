import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { siteSchema } from "../../../common/config/site.ts";
import { type Grant, makeToken, TOKEN_NAME } from "../../../common/signed-url.ts";
import type { Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

const SECRETS = { k1: "0123456789abcdef0123456789abcdef", k2: "fedcba9876543210fedcba9876543210" };
const HOST = "shop.example";

/** Expires in an hour, unless a test says otherwise. */
function aToken(target: string, grant: Partial<Grant> = {}, host = HOST): string {
  const keyId = grant.keyId ?? "k1";
  const expires = Math.floor(systemClock.now() / 1_000) + 3_600;
  const secret = SECRETS[keyId as keyof typeof SECRETS];
  return makeToken({ keyId, expires, ...grant }, { host, target }, Buffer.from(secret));
}

function signed(target: string, grant: Partial<Grant> = {}): string {
  const mark = target.includes("?") ? "&" : "?";
  return `${target}${mark}${TOKEN_NAME}=${aToken(target, grant)}`;
}

async function startSigned(scope: Scope, protect: object = { signed: { keys: ["k1"] } }) {
  const signingKeys = join(tempDir(scope), "keys");
  writeFileSync(signingKeys, `# id secret\nk1 ${SECRETS.k1}\nk2 ${SECRETS.k2}\n`);
  const origin = await startOrigin(scope, (_, response) => {
    response.setHeader("cache-control", "max-age=60");
    response.end("secret film");
  });
  const { protect: parsed } = siteSchema.parse({
    name: "shop",
    origin: { urls: [origin.url] },
    protect,
  });
  const edge = await startTestEdge(scope, {
    origins: [origin.url],
    signingKeys,
    ...(parsed === undefined ? {} : { site: { protect: parsed } }),
  });
  const status = async (path: string, headers: Record<string, string> = {}) =>
    (await edge.get(path, { headers })).status;
  return { edge, origin, signingKeys, status };
}

suite("signed URLs", () => {
  test("the signature is no part of the key, and the origin never sees it", async (t) => {
    const { origin, status } = await startSigned(t);
    assert.equal(await status(signed("/film?b=2&a=1")), 200);
    assert.equal(await status(signed("/film?b=2&a=1", { client: "127.0.0.0/8" })), 200);
    assert.deepEqual(origin.seen, ["GET /film?b=2&a=1"]);
  });

  test("refused: none, another's, changed, expired, of a key that this site does not take", async (t) => {
    const { origin, edge, status } = await startSigned(t);
    const good = signed("/film");
    const refused = {
      none: "/film",
      empty: `/film?${TOKEN_NAME}=`,
      "another path": good.replace("/film", "/film2"),
      "another query": good.replace("?", "?x=1&"),
      "another host": `/film?${TOKEN_NAME}=${aToken("/film", {}, "other.example")}`,
      "a later end": good.replace(/exp=\d/, "exp=9"),
      "a key of others": signed("/film", { keyId: "k2" }),
      "another key's name": good.replace("key=k1", "key=k2"),
      "no signature": good.replace(/~sig=.*/, ""),
      "a shorter signature": good.slice(0, -1),
      "another client": signed("/film", { client: "192.0.2.0/24" }),
      "the same name before it": good.replace("?", `?${TOKEN_NAME}=x&`),
    };
    for (const [what, path] of Object.entries(refused)) {
      const answer = await edge.get(path);
      assert.equal(answer.status, 403, what);
      assert.match(answer.body.toString(), /reason: not-signed/, what);
    }
    const late = await edge.get(signed("/film", { expires: 1_700_000_000 }));
    assert.equal(late.status, 403);
    assert.match(late.body.toString(), /reason: link-expired/);
    assert.deepEqual(origin.seen, []);
    assert.equal(await status(good), 200);
    // What is stored is not given to who has no signature.
    assert.equal(await status("/film"), 403);
  });

  test("a prefix is good for all below it, and for nothing that an origin could take for more", async (t) => {
    const { status, origin } = await startSigned(t);
    const token = aToken("", { prefix: "/v/7/" });
    assert.equal(await status(`/v/7/seg1.ts?${TOKEN_NAME}=${token}`), 200);
    assert.equal(await status(`/v/7/seg2.ts?${TOKEN_NAME}=${encodeURIComponent(token)}`), 200);
    for (const path of [
      "/v/8/a",
      "/v/7/../8/a",
      "/v/7/..%2f8/a",
      "/v/7/%2e%2e/8/a",
      "/w/..%2fv/7/a",
    ]) {
      const raw = path.replace("..", "%2e%2e");
      assert.equal(await status(`${raw}?${TOKEN_NAME}=${token}`), 403, path);
    }
    assert.deepEqual(origin.seen, ["GET /v/7/seg1.ts", "GET /v/7/seg2.ts"]);
  });

  test("keys roll: both are taken while both are named, and the file is read again", async (t) => {
    const { edge, signingKeys, status } = await startSigned(t, { signed: { keys: ["k1", "k2"] } });
    assert.equal(await status(signed("/a", { keyId: "k1" })), 200);
    assert.equal(await status(signed("/a", { keyId: "k2" })), 200);
    writeFileSync(signingKeys, `k2 ${SECRETS.k2}\n`);
    await edge.daemon.reload?.();
    assert.equal(await status(signed("/a", { keyId: "k1" })), 403);
    writeFileSync(signingKeys, "k2 short\n");
    await edge.daemon.reload?.();
    assert.equal(await status(signed("/a", { keyId: "k2" })), 200);
  });
});

test("signed cookies do the same, go no further, and can be turned off", async (t) => {
  const { origin, status } = await startSigned(t);
  const cookie = `a=1; ${TOKEN_NAME}=${aToken("", { prefix: "/v/" })}; b=2`;
  assert.equal(await status("/v/1", { cookie }), 200);
  assert.equal(origin.requests[0]?.headers.cookie, "a=1; b=2");
  assert.equal(await status("/w/1", { cookie }), 403);
  const without = await startSigned(t, { signed: { keys: ["k1"], cookies: false } });
  assert.equal(await without.status("/v/1", { cookie }), 403);
});
