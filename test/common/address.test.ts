import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatSocketAddress, parseSocketAddress } from "../../common/address.ts";

describe("socket addresses", () => {
  const cases: readonly (readonly [text: string, host: string, port: number])[] = [
    ["127.0.0.1:5300", "127.0.0.1", 5300],
    ["0.0.0.0:0", "0.0.0.0", 0],
    ["[::1]:8080", "::1", 8080],
    ["[::]:65535", "::", 65_535],
  ];
  for (const [text, host, port] of cases) {
    it(`reads ${text}, and writes it the same way`, () => {
      const result = parseSocketAddress(text);
      assert.deepEqual(result, { ok: true, value: { host, port } });
      assert.equal(formatSocketAddress({ host, port }), text);
    });
  }

  const broken = [
    "",
    "127.0.0.1",
    ":8080",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:8080x",
    "::1:8080",
    "[::1]",
    "localhost:8080",
    "[localhost]:8080",
    "256.0.0.1:80",
    "127.0.0.1:-1",
    " 127.0.0.1:80",
  ];
  for (const text of broken) {
    it(`refuses "${text}" with an example`, () => {
      const result = parseSocketAddress(text);
      assert.match(result.ok ? "" : result.error, /is not an address and port \(like 127\.0\.0\.1/);
    });
  }
});
