import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { systemRandom } from "../../../common/random.ts";
import { Attempts } from "../../../control/access/attempts.ts";
import { operatorToken, TokenFileError } from "../../../control/access/operator-token.ts";
import {
  bearerToken,
  type Caller,
  callerOf,
  hasHash,
  hashToken,
  lacksScope,
  lacksSite,
  mintToken,
  tokenId,
} from "../../../control/access/token.ts";
import { TOKEN_SCOPES, type TokenRecord } from "../../../state/records.ts";
import { tempDir } from "../../support/temp-dir.ts";

describe("a token", () => {
  test("is found by its id, proven by its hash, and never the same twice", () => {
    const [one, other] = [mintToken(systemRandom), mintToken(systemRandom)];
    assert.equal(tokenId(one.text), one.id);
    assert.ok(hasHash(one.text, one.hash));
    assert.ok(!hasHash(other.text, one.hash));
    assert.ok(!hasHash(one.text.slice(0, -1), one.hash));
    assert.ok(!one.text.includes(one.hash));
    assert.notEqual(one.id, other.id);
  });

  test("that is something else has no id", () => {
    const { text } = mintToken(systemRandom);
    for (const wrong of ["", "mrd_", text.slice(1), `${text}a`, text.toUpperCase(), ` ${text}`]) {
      assert.equal(tokenId(wrong), undefined, wrong);
    }
  });

  test("comes in an Authorization field of the scheme Bearer", () => {
    const cases: readonly (readonly [string | undefined, string | undefined])[] = [
      ["Bearer abc", "abc"],
      ["bearer   abc ", "abc"],
      [undefined, undefined],
      ["", undefined],
      ["Bearer", undefined],
      ["Bearer ", undefined],
      ["Basic abc", undefined],
      ["Bearer a b", undefined],
      [`Bearer ${"a".repeat(513)}`, undefined],
    ];
    for (const [field, token] of cases) assert.equal(bearerToken(field), token, String(field));
  });
});

describe("a caller", () => {
  const record: TokenRecord = {
    id: "1",
    name: "ci",
    hash: hashToken("x"),
    scope: "purge",
    createdAt: 1_000,
  };

  test("is who the record says, until the token expires", () => {
    assert.deepEqual(callerOf(record, 1e15), { name: "ci", scope: "purge" });
    const ending = { ...record, sites: ["a"], expiresAt: 5_000 };
    assert.deepEqual(callerOf(ending, 4_999), {
      name: "ci",
      scope: "purge",
      sites: new Set(["a"]),
    });
    assert.equal(callerOf(ending, 5_000), undefined);
  });

  test("may do what its scope and those before it allow, and nothing behind it", () => {
    for (const [rank, scope] of TOKEN_SCOPES.entries()) {
      for (const [needed, need] of TOKEN_SCOPES.entries()) {
        const reason = lacksScope({ name: "ci", scope }, need);
        assert.equal(reason === undefined, needed <= rank, `${scope} for ${need}`);
      }
    }
  });

  test("of some sites has to do with those, and not with the whole CDN", () => {
    const some: Caller = { name: "ci", scope: "admin", sites: new Set(["a"]) };
    assert.equal(lacksSite(some, "a"), undefined);
    assert.match(lacksSite(some, "b") ?? "", /not for the site "b", only for a/);
    assert.match(lacksSite(some, undefined) ?? "", /whole CDN/);
    assert.equal(lacksSite({ name: "ci", scope: "read" }, "b"), undefined);
    assert.equal(lacksSite({ name: "ci", scope: "read" }, undefined), undefined);
  });
});

describe("attempts", () => {
  test("are free until the burst is spent, and come back with time", () => {
    const attempts = new Attempts({ burst: 3, perSecond: 0.5 });
    for (let i = 0; i < 3; i++) {
      assert.equal(attempts.waitSeconds("a", 0), 0);
      attempts.spend("a", 0);
    }
    assert.equal(attempts.waitSeconds("a", 0), 2);
    assert.equal(attempts.waitSeconds("b", 0), 0);
    assert.equal(attempts.waitSeconds("a", 1_000), 1);
    assert.equal(attempts.waitSeconds("a", 2_000), 0);
    assert.equal(attempts.waitSeconds("a", 1e9), 0);
  });
});

describe("the operator's token", () => {
  test("is made once, for the eyes of the owner alone, and read again", (t) => {
    const file = join(tempDir(t), "deep", "meridian.token");
    const made = operatorToken(file, systemRandom);
    assert.equal(made.created, true);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(hasHash(readFileSync(file, "utf8").trim(), made.hash));
    assert.deepEqual(operatorToken(file, systemRandom), { hash: made.hash, created: false });
  });

  test("may be brought along, if it cannot be guessed", (t) => {
    const file = join(tempDir(t), "own");
    writeFileSync(file, `${"s".repeat(32)}\n`);
    assert.equal(operatorToken(file, systemRandom).hash, hashToken("s".repeat(32)));
    for (const bad of ["", "short", `two words ${"s".repeat(32)}`]) {
      writeFileSync(file, bad);
      assert.throws(() => operatorToken(file, systemRandom), TokenFileError);
      assert.equal(readFileSync(file, "utf8"), bad, "the file is left as it is");
    }
  });

  test("in a place that cannot be written names the place", (t) => {
    const folder = tempDir(t);
    writeFileSync(join(folder, "file"), "");
    const file = join(folder, "file", "token");
    assert.throws(() => operatorToken(file, systemRandom), new RegExp(file));
  });
});
