import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemRandom } from "../../common/random.ts";
import { makeSealingKey, SEALED_SHAPE, seal, sealingKeyOf, unseal } from "../../common/sealed.ts";
import { readOrMakeSealingKey, readSealingKey } from "../../common/sealing-key.ts";
import { tempDir } from "../support/temp-dir.ts";

const { key, text } = makeSealingKey(systemRandom);
const PEM = `-----BEGIN PRIVATE KEY-----\n${"A".repeat(4_000)}\n-----END PRIVATE KEY-----\n`;
const sealed = seal(key, "www.a.test", { pem: PEM, random: systemRandom });

describe("a sealed key", () => {
  it("is opened by the key and the name that it was sealed with", () => {
    assert.match(sealed, SEALED_SHAPE);
    assert.deepEqual(unseal(key, "www.a.test", sealed), { ok: true, value: PEM });
    assert.doesNotMatch(sealed, /AAAAAA/);
    assert.notEqual(seal(key, "www.a.test", { pem: PEM, random: systemRandom }), sealed);
  });

  it("is not opened under another name", () => {
    const moved = unseal(key, "www.b.test", sealed);
    assert.ok(!moved.ok && /another name/.test(moved.error));
  });

  it("says which key it was sealed with when that is another one", () => {
    const other = sealingKeyOf(systemRandom.bytes(32));
    const refused = unseal(other, "www.a.test", sealed);
    assert.ok(!refused.ok && refused.error.includes(key.id) && refused.error.includes(other.id));
  });

  it("is not opened after a single letter of it was changed", () => {
    for (const at of [sealed.length - 1, sealed.length - 400, 22]) {
      const letter = sealed[at] === "A" ? "Q" : "A";
      const changed = sealed.slice(0, at) + letter + sealed.slice(at + 1);
      assert.equal(unseal(key, "www.a.test", changed).ok, false, `letter ${at}`);
    }
    for (const nonsense of ["", "v1", "v2.x.y.z", sealed.slice(0, 40), `${sealed} `]) {
      assert.equal(unseal(key, "www.a.test", nonsense).ok, false, nonsense);
    }
  });
});

describe("the file of the sealing key", () => {
  it("is made once, for its owner alone, and read from then on", (t) => {
    const place = { file: join(tempDir(t), "tls", "key"), variable: undefined };
    assert.deepEqual(readSealingKey(place), { ok: true, value: undefined });
    const made = readOrMakeSealingKey(place, systemRandom);
    assert.ok(made.ok && made.value.created);
    assert.equal(statSync(place.file).mode & 0o777, 0o600);
    const again = readOrMakeSealingKey(place, systemRandom);
    assert.ok(again.ok && !again.value.created);
    assert.equal(again.value.key.id, made.value.key.id);
    assert.match(readFileSync(place.file, "utf8"), /^[0-9a-f]{64}\n$/);
  });

  it("gives way to the variable", () => {
    const found = readSealingKey({ file: "/nowhere/at/all", variable: `${text}\n` });
    assert.ok(found.ok);
    assert.equal(found.value?.id, key.id);
  });

  it("is refused by name, and is not shown, if it holds something else", (t) => {
    const file = join(tempDir(t), "key");
    writeFileSync(file, "hunter2");
    chmodSync(file, 0o600);
    for (const place of [
      { file, variable: undefined },
      { file, variable: "hunter2" },
    ]) {
      const refused = readOrMakeSealingKey(place, systemRandom);
      assert.ok(!refused.ok);
      const name = place.variable === undefined ? file : "MERIDIAN_TLS_KEY";
      assert.equal(refused.error, `${name} must be 64 hexadecimal digits`);
    }
  });
});
