import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { judgeToken, parseSigningKeys, withoutToken } from "../../../common/signed-url.ts";
import { runMeridian } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";

const LINE = "k1 0123456789abcdef0123456789abcdef";

test("sign makes what edges take, and says what is wrong without showing a secret", async (t) => {
  const file = join(tempDir(t), "keys");
  writeFileSync(file, `${LINE}\n`);
  const args = ["sign", "http://Shop.example/a?b=1", "--keys", file, "--key-id", "k1"];
  const { code, stdout } = await runMeridian([...args, "--json", "--expires", "90s"]);
  assert.equal(code, 0);
  const { url, expiresAt } = JSON.parse(stdout) as { url: string; expiresAt: string };
  const { target, token = "" } = withoutToken(url.slice("http://shop.example".length));
  assert.equal(target, "/a?b=1");
  const keys = parseSigningKeys(LINE);
  assert.ok(keys.ok);
  const expires = Date.parse(expiresAt) / 1_000;
  const judge = (nowSeconds: number) =>
    judgeToken(token, keys.value, {
      host: "shop.example",
      target,
      address: undefined,
      nowSeconds,
      isBelow: () => false,
    });
  assert.equal(judge(expires - 1), "good");
  assert.equal(judge(expires), "expired");

  const cookie = await runMeridian([...args, "--cookie", "--prefix", "/a/"]);
  assert.match(cookie.stdout, /^Set-Cookie: meridian-token=key=k1~.*~path=\/a\/\*~sig=/);
  const without = await runMeridian([...args, "--cookie"]);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /--cookie needs --prefix/);
  const another = await runMeridian([...args.slice(0, -1), "k9"]);
  assert.equal(another.code, 1);
  assert.match(another.stderr, /has no key k9; it has k1/);
  writeFileSync(file, "k1 tooshort\n");
  const short = await runMeridian(args);
  assert.equal(short.code, 1);
  assert.match(short.stderr, /line 1: the secret of k1 needs at least 32 characters/);
  assert.ok(!short.stderr.includes("tooshort"));
});
