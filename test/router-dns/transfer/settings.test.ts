import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { transferSchema } from "../../../common/config/zones.ts";
import { formatProblem } from "../../../common/file-problem.ts";
import { parseIp } from "../../../common/ip.ts";
import { maySend } from "../../../router-dns/transfer/outgoing.ts";
import { loadKeys, zoneTransfer } from "../../../router-dns/transfer/settings.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { keyOf, nameOf } from "../dns-world.ts";

const SECRET = Buffer.alloc(32, 7).toString("base64");

describe("keys of a configuration", () => {
  it("come from the configuration or from files", (t) => {
    const file = join(tempDir(t), "b.key");
    writeFileSync(file, `${SECRET}\n`);
    const keys = loadKeys([
      { name: "a", algorithm: "hmac-sha256", secret: SECRET },
      { name: "b.example", algorithm: "hmac-sha512", secretFile: file },
    ]);
    assert.ok(keys.ok);
    assert.deepEqual([...keys.value.keys()], [keyOf("a."), keyOf("b.example.")]);
    for (const { secret } of keys.value.values()) assert.deepEqual([...secret], Array(32).fill(7));
  });

  it("say everything that is wrong with them", (t) => {
    const file = join(tempDir(t), "short.key");
    writeFileSync(file, "c2hvcnQ=");
    const keys = loadKeys([
      { name: "a", algorithm: "hmac-sha256", secret: "c2hvcnQ=" },
      { name: "b", algorithm: "hmac-sha256", secretFile: file },
      { name: "c", algorithm: "hmac-sha256", secretFile: `${file}.none` },
    ]);
    assert.ok(!keys.ok);
    const problems = keys.error.map(formatProblem);
    assert.equal(problems[0], 'tsig:1:1: the secret of "a" is not base64 of 16 octets or more');
    assert.match(problems[1] ?? "", /short\.key:1:1: the secret of "b" is not base64/);
    assert.match(problems[2] ?? "", /short\.key\.none/);
  });
});

describe("who may have a zone", () => {
  const keys = loadKeys([{ name: "k", algorithm: "hmac-sha256", secret: SECRET }]);
  assert.ok(keys.ok);
  const { value } = keys;
  const may = (config: { to?: string[]; keys?: string[] }, peer: string, key?: string) => {
    const address = parseIp(peer);
    assert.ok(address.ok);
    const { policy } = zoneTransfer(transferSchema.parse(config), value);
    return maySend(policy, address.value, key === undefined ? undefined : keyOf(key));
  };
  const cases = [
    ["nobody", {}, "192.0.2.1", "k", false],
    ["a network", { to: ["192.0.2.0/24"] }, "192.0.2.1", undefined, true],
    ["another network", { to: ["192.0.2.0/24"] }, "198.51.100.1", undefined, false],
    ["a key, from anywhere", { keys: ["k"] }, "198.51.100.1", "k", true],
    ["another key", { keys: ["k"] }, "198.51.100.1", "other", false],
    ["no key", { keys: ["k"] }, "198.51.100.1", undefined, false],
    ["both", { to: ["2001:db8::/32"], keys: ["k"] }, "2001:db8::1", "k", true],
    ["a key from elsewhere", { to: ["2001:db8::/32"], keys: ["k"] }, "2001:db9::1", "k", false],
    ["a network without key", { to: ["0.0.0.0/0"], keys: ["k"] }, "192.0.2.1", undefined, false],
  ] as const;
  for (const [title, config, peer, key, expected] of cases) {
    it(title, () => {
      const { to, keys } = { to: [], keys: [], ...config } as { to: string[]; keys: string[] };
      assert.equal(may({ to: [...to], keys: [...keys] }, peer, key), expected);
    });
  }
  it("names of keys are names", () => {
    assert.deepEqual(nameOf("k."), Uint8Array.of(1, 0x6b, 0));
  });
});
