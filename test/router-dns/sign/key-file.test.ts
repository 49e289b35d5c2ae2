import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALGORITHM, dnskeyRdata, ENTRY_KEY, keyTag } from "../../../router-dns/sign/dnskey.ts";
import {
  formatPrivateFile,
  formatPublicFile,
  keyFileName,
  parseKeyFileName,
  parsePrivateFile,
  parsePublicFile,
} from "../../../router-dns/sign/key-file.ts";
import { generateKeyPair } from "../../../router-dns/sign/key-pair.ts";
import { parseName } from "../../../router-dns/wire/name.ts";
import { keyOf } from "../dns-world.ts";
import { NEW_YEAR } from "./world.ts";

function name(text: string) {
  const parsed = parseName(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

const PRIVATE = `Private-key-format: v1.3
Algorithm: 15 (ED25519)
PrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=
Created: 20260101000000
Publish: 20260101000000
Activate: 20260102000000
SyncPublish: 20260103000000
`;

describe("key files", () => {
  it("say the same after they were written and read", () => {
    for (const algorithm of Object.values(ALGORITHM)) {
      const pair = generateKeyPair(algorithm);
      const tag = keyTag(dnskeyRdata({ ...pair, flags: ENTRY_KEY }));
      const times = {
        created: NEW_YEAR,
        publish: NEW_YEAR + 1,
        activate: NEW_YEAR + 2,
        dsPublished: NEW_YEAR + 3,
      };
      const facts = { ...pair, zone: name("a.test"), tag, flags: ENTRY_KEY, times } as const;
      const secret = parsePrivateFile(formatPrivateFile(facts));
      assert.ok(secret.ok);
      assert.deepEqual(secret.value.times, times);
      assert.equal(secret.value.algorithm, algorithm);
      assert.equal(Buffer.compare(secret.value.privateKey, pair.privateKey), 0);
      const shown = parsePublicFile(formatPublicFile(facts));
      assert.ok(shown.ok);
      assert.equal(shown.value.flags, ENTRY_KEY);
      assert.equal(Buffer.compare(shown.value.publicKey, pair.publicKey), 0);
    }
  });

  it("of BIND are read, with fields that we have no use for", () => {
    const secret = parsePrivateFile(PRIVATE);
    assert.ok(secret.ok);
    assert.deepEqual(secret.value.times, {
      created: NEW_YEAR,
      publish: NEW_YEAR,
      activate: NEW_YEAR + 86_400,
      dsPublished: undefined,
    });
    const text = `; This is a key-signing key, keyid 3613, for example.com.
; Created: 20260101000000 (Thu Jan  1 00:00:00 2026)
example.com. 3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQw AQEX1SxZJA4=
`;
    const shown = parsePublicFile(text);
    assert.ok(shown.ok);
    assert.equal(keyTag(dnskeyRdata(shown.value)), 3613);
  });

  it("that are wrong say what is wrong, and where", () => {
    const wrong: readonly (readonly [from: string, to: string, line: number, message: RegExp])[] = [
      ["v1.3", "v2.0", 1, /no Private-key-format v1/],
      ["Private-key-format", "Other", 1, /no Private-key-format v1/],
      ["15 (ED25519)", "8 (RSASHA256)", 2, /not 13 .* or 15/],
      ["20260102000000", "20260132000000", 6, /Activate is not a time/],
      ["20260102000000", "tomorrow", 6, /Activate is not a time/],
    ];
    for (const [from, to, line, message] of wrong) {
      const result = parsePrivateFile(PRIVATE.replace(from, to));
      assert.ok(!result.ok, to);
      assert.equal(result.error.line, line);
      assert.match(result.error.message, message);
    }
    for (const text of [
      "",
      "; nothing\n",
      "a.test. IN DNSKEY 258 3 15 AAAA\n",
      "a.test. IN A 1\n",
    ]) {
      const result = parsePublicFile(text);
      assert.match(result.ok ? "" : result.error.message, /no DNSKEY record/, text);
    }
  });

  it("have names that say whose they are", () => {
    assert.equal(keyFileName(name("KingCDN.test"), 13, 42), "Kkingcdn.test.+013+00042");
    assert.equal(
      keyFileName(name("0/25.2.0.192.in-addr.arpa"), 15, 1),
      "K0%2F25.2.0.192.in-addr.arpa.+015+00001",
    );
    assert.deepEqual(parseKeyFileName("Kkingcdn.test.+013+00042.private"), {
      zone: keyOf("kingcdn.test"),
      algorithm: 13,
      tag: 42,
    });
    assert.equal(parseKeyFileName("K0%2F25.arpa.+015+00001.private")?.zone, keyOf("0/25.arpa"));
    for (const other of [
      "Kkingcdn.test.+013+00042.key",
      "notes.private",
      ".lock",
      "K.+1+1.private",
    ]) {
      assert.equal(parseKeyFileName(other), undefined, other);
    }
  });
});
