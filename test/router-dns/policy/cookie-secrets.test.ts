import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  dailySecrets,
  parseSecretFile,
  SECRETS_MAX,
} from "../../../router-dns/policy/cookie-secrets.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const MASTER = Uint8Array.from({ length: 16 }, (_, i) => i);
const NOON = 1_700_000_000 - (1_700_000_000 % 86_400) + 43_200;

describe("secrets of a day", () => {
  it("are the same for all who have the same master, all day long", () => {
    const morning = dailySecrets(MASTER, NOON - 43_200);
    assert.deepEqual(dailySecrets(Uint8Array.from(MASTER), NOON + 43_199), morning);
    const all = [morning.current, ...morning.others].map(hex);
    assert.equal(new Set(all).size, 3);
    assert.ok(all.every((secret) => secret.length === 32));
  });

  it("of yesterday are still accepted, and of tomorrow too, as clocks differ", () => {
    const today = dailySecrets(MASTER, NOON);
    const tomorrow = dailySecrets(MASTER, NOON + 86_400);
    assert.ok(tomorrow.others.map(hex).includes(hex(today.current)));
    assert.ok(today.others.map(hex).includes(hex(tomorrow.current)));
    const later = dailySecrets(MASTER, NOON + 2 * 86_400);
    assert.ok(!later.others.map(hex).includes(hex(today.current)));
  });

  it("differ with the master", () => {
    const other = dailySecrets(new Uint8Array(16), NOON);
    assert.notEqual(hex(other.current), hex(dailySecrets(MASTER, NOON).current));
  });
});

describe("a file of secrets", () => {
  const [one, two] = ["e5e973e5a6b2a43f48e7dc849e37bfcf", "DD3BDF9344B678B185A6F5CB60FCA715"];
  const parse = (text: string) => {
    const parsed = parseSecretFile(text, "secrets");
    if (parsed.ok) return [parsed.value.current, ...parsed.value.others].map(hex).join(" ");
    return parsed.error.map(({ line, message }) => `${line}: ${message}`).join("; ");
  };

  it("has one a line, the first to make cookies with", () => {
    assert.equal(parse(`${one}\n`), one);
    assert.equal(parse(`# old\n\n  ${one}  # new\r\n${two}`), `${one} ${two.toLowerCase()}`);
  });

  it("that is none says where, and never what", () => {
    assert.equal(parse(""), "1: there is no secret in this file");
    assert.equal(
      parse(`${one}\nsecret`),
      "2: not a secret of 32 hexadecimal digits, but 6 characters",
    );
    assert.equal(
      parse("x".repeat(32)),
      "1: not a secret of 32 hexadecimal digits, but 32 characters",
    );
    assert.match(parse(`${one}\n`.repeat(SECRETS_MAX + 1)), /^1: more than 8 secrets$/);
  });
});
