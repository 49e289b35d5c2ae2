import assert from "node:assert/strict";
import { it } from "node:test";
import { openEmbeddedState } from "../../state/embedded.ts";
import { eventually } from "../support/eventually.ts";
import { aSite, startOrigin, startTestEdge } from "./harness.ts";

it("RFC 8555 s.8.3: an edge shows an authority what it wants to see, before all else", async (t) => {
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(200, { "cache-control": "max-age=600" });
    response.end("of the origin");
  });
  const state = openEmbeddedState({ file: ":memory:" });
  t.after(() => state.close());
  const redirect = { match: "/*", redirect: { to: "https://shop.example/", status: 301 } } as const;
  const rules = [{ ...redirect, cache: true, redirect: { ...redirect.redirect, query: true } }];
  const origins = [origin.url];
  await state.append({ kind: "site-put", site: aSite({ origins }) }, "test");
  const edge = await startTestEdge(t, { origins, state, anyHost: false });
  const path = "/.well-known/acme-challenge/tok-en_1";
  const ask = (host = "shop.example", method = "GET") =>
    edge.get(path, { headers: { host }, method });
  // It is stored, and must not come in the way.
  for (let i = 0; i < 2; i += 1) assert.equal((await ask()).body.toString(), "of the origin");

  const challenge = {
    token: "tok-en_1",
    kind: "http-01",
    host: "shop.example",
    value: "tok-en_1.thumb",
    expiresAt: Date.now() + 60_000,
  } as const;
  await state.append({ kind: "challenge-put", challenge }, "test");
  await eventually("it is in force", async () => {
    assert.equal((await ask()).body.toString(), challenge.value);
  });
  const { status: unknown } = await edge.get("/", { headers: { host: "other.example" } });
  const answer = await ask("SHOP.example:8080");
  assert.deepEqual([answer.status, answer.field("cache-control")], [200, "no-store"]);
  assert.equal((await ask("shop.example", "HEAD")).body.length, 0);
  assert.equal((await ask("shop.example", "POST")).status, 405);
  const other = await edge.get(`${path}x`, { headers: { host: "shop.example" } });
  assert.equal(other.body.toString(), "of the origin", "other names there are the site's own");
  assert.equal((await ask("other.example")).status, unknown, "and other hosts do not have it");

  // A site that sends everybody elsewhere, or is not here yet, can have a certificate.
  const elsewhere = aSite({ origins, site: { rules } });
  await state.append({ kind: "site-put", site: elsewhere }, "test");
  await eventually("the rule is in force", async () => {
    assert.equal((await edge.get("/", { headers: { host: "shop.example" } })).status, 301);
  });
  assert.equal((await ask()).body.toString(), challenge.value);
  await state.append({ kind: "site-remove", site: "shop" }, "test");
  await eventually("the site is gone", async () => {
    assert.equal((await edge.get("/", { headers: { host: "shop.example" } })).status, unknown);
  });
  assert.equal((await ask()).body.toString(), challenge.value);

  const ended = { ...challenge, expiresAt: Date.now() - 1 };
  await state.append({ kind: "challenge-put", challenge: ended }, "test");
  await eventually("one that has ended is not shown", async () => {
    assert.equal((await ask()).status, unknown);
  });
});
