import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  COOKIE_BYTES,
  type CookieSecrets,
  type CookieStanding,
  judgeCookie,
  makeCookie,
} from "../../../router-dns/policy/cookie.ts";
import { ipBytes } from "../dns-world.ts";

const SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const OLD = "dd3bdf9344b678b185a6f5cb60fca715";
const NEW = "445536bcd2513298075a5d379663c962";

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

function secrets(current: string, ...others: string[]): CookieSecrets {
  return { current: hex(current), others: others.map(hex) };
}

/** What a cookie, as the option has it, is taken for, and what is answered. */
function judge(
  cookie: string,
  client: { peer: string; at: number; secrets: CookieSecrets },
): { standing: CookieStanding; answer: string } {
  const option = hex(cookie);
  const packet = Uint8Array.from([...new Uint8Array(5), ...option]);
  const out = new Uint8Array(COOKIE_BYTES);
  const { peer, at: nowSeconds, secrets } = client;
  const standing = judgeCookie(
    packet,
    { start: 5, length: option.length },
    { peer: ipBytes(peer), nowSeconds, secrets },
    out,
  );
  return { standing, answer: Buffer.from(out).toString("hex") };
}

describe("RFC 9018, the test vectors of appendix A", () => {
  const bob = { peer: "198.51.100.100", secrets: secrets(SECRET) };
  const first = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";

  it("A.1: learning a new server cookie", () => {
    const learnt = judge("2464c4abcf10c957", { ...bob, at: 1_559_731_985 });
    assert.deepEqual(learnt, { standing: "new", answer: first });
  });

  it("A.2: the same client learning a renewed one, 40 minutes later", () => {
    assert.deepEqual(judge(first, { ...bob, at: 1_559_734_385 }), {
      standing: "valid",
      answer: "2464c4abcf10c957010000005cf7a871d4a564a1442aca77",
    });
  });

  it("A.3: another client, with reserved octets that some other server has set", () => {
    const client = { peer: "203.0.113.203", secrets: secrets(SECRET) };
    const sent = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
    assert.equal(judge(sent, { ...client, at: 1_559_727_985 }).standing, "valid");
    assert.deepEqual(judge(sent, { ...client, at: 1_559_734_700 }), {
      standing: "bad",
      answer: "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
    });
  });

  it("A.4: IPv6, and a secret that has been rolled over", () => {
    const client = { peer: "2001:db8:220:1:59de:d0f4:8769:82b8", at: 1_559_741_961 };
    const sent = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
    assert.deepEqual(judge(sent, { ...client, secrets: secrets(NEW, OLD) }), {
      standing: "valid",
      answer: "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
    });
    assert.equal(judge(sent, { ...client, secrets: secrets(NEW) }).standing, "bad");
  });
});

describe("a server cookie", () => {
  const MADE = 1_700_000_000;
  const bob = { peer: "192.0.2.1", at: MADE, secrets: secrets(SECRET) };
  const { answer: cookie } = judge("0102030405060708", bob);

  for (const [what, at, standing] of [
    ["just made", MADE, "valid"],
    ["an hour old", MADE + 3_600, "valid"],
    ["older than an hour", MADE + 3_601, "bad"],
    ["from a clock that is 5 minutes ahead", MADE - 300, "valid"],
    ["from further ahead", MADE - 301, "bad"],
  ] as const) {
    it(`RFC 9018 s.4.3: ${what} is ${standing}`, () => {
      assert.equal(judge(cookie, { ...bob, at }).standing, standing);
    });
  }

  it("RFC 9018 s.4.3: comes back as it is for half an hour, then anew", () => {
    assert.equal(judge(cookie, { ...bob, at: MADE + 1_800 }).answer, cookie);
    const renewed = judge(cookie, { ...bob, at: MADE + 1_801 });
    assert.notEqual(renewed.answer, cookie);
    assert.equal(judge(renewed.answer, { ...bob, at: MADE + 1_801 + 3_600 }).standing, "valid");
  });

  it("RFC 1982: counts across the end of 32-bit seconds", () => {
    const end = { ...bob, at: 2 ** 32 - 10 };
    const { answer } = judge("0102030405060708", end);
    assert.equal(judge(answer, { ...bob, at: 2 ** 32 + 100 }).standing, "valid");
  });

  it("is of one client, one version and one length only", () => {
    assert.equal(judge(cookie, { ...bob, peer: "192.0.2.2" }).standing, "bad");
    assert.equal(judge(cookie, { ...bob, peer: "2001:db8::1" }).standing, "bad");
    assert.equal(judge(cookie, { ...bob, secrets: secrets(OLD) }).standing, "bad");
    assert.equal(judge(`${cookie.slice(0, 16)}02${cookie.slice(18)}`, bob).standing, "bad");
    assert.equal(judge(`${cookie}00`, bob).standing, "bad");
    assert.equal(judge(cookie.slice(0, 32), bob).standing, "bad");
  });

  it("that differs in any bit is bad", () => {
    fc.assert(
      fc.property(fc.nat(COOKIE_BYTES * 8 - 1), (bit) => {
        const forged = hex(cookie);
        forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const { standing } = judge(Buffer.from(forged).toString("hex"), bob);
        assert.equal(standing, "bad");
      }),
    );
  });

  it("is nobody's business who has sent none", () => {
    const out = new Uint8Array(COOKIE_BYTES);
    const client = { peer: ipBytes("192.0.2.1"), nowSeconds: MADE, secrets: bob.secrets };
    assert.equal(judgeCookie(new Uint8Array(12), undefined, client, out), "none");
    assert.deepEqual(out, new Uint8Array(COOKIE_BYTES));
  });

  it("that is made is one that is accepted", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc
          .constantFrom(4, 16)
          .chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
        fc.nat(),
        (client, peer, nowSeconds) => {
          const made = new Uint8Array(COOKIE_BYTES);
          made.set(client);
          makeCookie(hex(NEW), peer, nowSeconds, made);
          const out = new Uint8Array(COOKIE_BYTES);
          const who = { peer, nowSeconds, secrets: secrets(SECRET, OLD, NEW) };
          const standing = judgeCookie(made, { start: 0, length: COOKIE_BYTES }, who, out);
          assert.equal(standing, "valid");
        },
      ),
    );
  });
});
