import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { SiteBody } from "../../../control/api/shapes.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { runMeridian } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestControl } from "../support.ts";

const SITE = `
name: shop
hosts: [www.shop.example]
origin: { urls: ["http://127.0.0.1:1"] }
rules:
  - { match: /old/*, redirect: { to: "/new/{1}" } }
  - { match: { cookie: { session: true } }, cache: false }
  - { match: /*, ttl: { 200: 1h, 5xx: 0 }, key: { query: { ignore: [utm_*] } } }
`;

describe("site apply", () => {
  it("puts a file in force, and takes back what `site show` prints", async (t) => {
    const state = openEmbeddedState({ file: ":memory:" });
    t.after(() => state.close());
    const { base, call } = await startTestControl(t, state);
    const file = join(tempDir(t), "shop.yaml");
    writeFileSync(file, SITE);
    const applied = await runMeridian(["site", "apply", file, "--api", base]);
    assert.equal(applied.code, 0, applied.stderr);
    assert.match(applied.stdout, /Site "shop" with 3 rules is in force/);
    const shown = await runMeridian(["site", "show", "shop", "--api", base]);
    assert.match(shown.stdout, /rule 0 .*\/old\/\*: sends to \/new\/\{1\} \(302\)/);
    assert.match(shown.stdout, /rule 1 .*cookie:session: never cached/);
    assert.match(shown.stdout, /rule 2 .*fresh for 200 1h, 5xx 0s; query without utm_\*/);
    const before = await call<SiteBody>("GET", "/sites/shop");
    writeFileSync(file, JSON.stringify(before.body.site));
    assert.equal((await runMeridian(["site", "apply", file, "--api", base])).code, 0);
    assert.deepEqual((await call<SiteBody>("GET", "/sites/shop")).body, before.body);
  });

  it("says where a file is wrong, and the API refuses the same", async (t) => {
    const file = join(tempDir(t), "shop.yaml");
    writeFileSync(file, SITE.replace("/old/*", "/*"));
    const { code, stdout } = await runMeridian([
      "site",
      "apply",
      file,
      "--api",
      "http://127.0.0.1:1",
    ]);
    assert.equal(code, 1);
    assert.match(
      stdout,
      /shop\.yaml:6:5: rules\[0\]\.redirect\.to|shop\.yaml:7:7: rules\[1\]\.match: can never match/,
    );
    const state = openEmbeddedState({ file: ":memory:" });
    t.after(() => state.close());
    const { call } = await startTestControl(t, state);
    const rules = [{ match: "/*" }, { match: "/a/*", ttl: "1s" }];
    const site = { name: "shop", origin: { urls: ["http://127.0.0.1:1"] }, rules };
    for (const [method, path] of [
      ["POST", "/sites"],
      ["PUT", "/sites/shop"],
    ] as const) {
      const answer = await call<{ error: { field: string; message: string } }>(method, path, site);
      assert.equal(answer.status, 400);
      assert.equal(answer.body.error.field, "rules[1].match");
      assert.match(answer.body.error.message, /can never match: rules\[0\] before it/);
    }
    const foreign = { ...site, rules: [{ match: { host: "other.example" } }] };
    const refused = await call<{ error: { field: string } }>("POST", "/sites", foreign);
    assert.equal(refused.status, 400);
    assert.equal(refused.body.error.field, "rules[0].match.host");
  });
});
