import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as dns from "dns-packet";
import { type IpPrefix, parsePrefix } from "../../common/ip.ts";
import { Guard, type GuardOptions } from "../../router-dns/guard.ts";
import type { Outcome } from "../../router-dns/pipeline.ts";
import { chaosRecords } from "../../router-dns/policy/chaos.ts";
import type { Transport } from "../../router-dns/transport/answer.ts";
import { rcodeName } from "../../router-dns/wire/codes.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { ipBytes, type Question, queryBytes, snapshotOf, words, zoneOf } from "./dns-world.ts";

const ZONE = zoneOf(`$ORIGIN kingcdn.test.
@ 300 IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ 300 IN NS ns1
ns1 300 IN A 192.0.2.1
www 300 IN A 192.0.2.2
large 300 IN TXT "${"x".repeat(200)}" "${"y".repeat(200)}" "${"z".repeat(200)}"
*.any 300 IN A 192.0.2.3
sub 300 IN NS ns.elsewhere.test.
`);
const SNAPSHOT = snapshotOf([ZONE]);
const WWW = "www.kingcdn.test";
const CLIENT_COOKIE = "0102030405060708";

/** What comes back, as far as this suite looks at it. */
interface Reply {
  readonly outcome: Outcome;
  readonly bytes: Buffer;
  readonly text: string;
  readonly options: ReadonlyMap<number, Buffer>;
}

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

/** A guard of ten answers a second, on a clock that stands still. */
function guardWorld(
  options: Partial<Omit<GuardOptions, "rateLimit">> & {
    rateLimit?: Partial<GuardOptions["rateLimit"]>;
  } = {},
) {
  const clock = new FakeClock();
  const guard = new Guard(
    {
      cookies: "on",
      maxUdpBytes: 1232,
      idleMs: 10_000,
      chaos: new Map(),
      ...options,
      rateLimit: {
        mode: "on",
        answersPerSecond: 10,
        extraBytesPerSecond: 1e6,
        burstMs: 1_000,
        slip: 2,
        leak: 0,
        entries: 1_024,
        exempt: [],
        ...options.rateLimit,
      },
    },
    { clock, seed: 1, secrets: () => ({ current: new Uint8Array(16), others: [] }) },
  );
  const answer = (
    question: Partial<Question> | Buffer,
    from: { peer?: string; transport?: Transport } = {},
  ): Reply => {
    const out = new Uint8Array(65_535);
    const { peer = "198.51.100.1", transport = "udp" } = from;
    const packet = Buffer.isBuffer(question) ? question : queryBytes({ name: WWW, ...question });
    const outcome = guard.answer(
      packet,
      { peer: ipBytes(peer), transport, snapshot: SNAPSHOT },
      out,
    );
    return replyOf(outcome, Buffer.from(out.subarray(0, outcome.length)));
  };
  return { guard, clock, answer };
}

function replyOf(outcome: Outcome, bytes: Buffer): Reply {
  if (outcome.length === 0) return { outcome, bytes, text: "dropped", options: new Map() };
  const packet = dns.decode(bytes);
  const opt = packet.additionals?.find((record) => record.type === "OPT");
  const options = (opt?.options ?? []) as unknown as readonly { code: number; data: Buffer }[];
  const answers = packet.answers?.length ?? 0;
  const text = `${rcodeName(outcome.rcode)}${packet.flag_tc ? " tc" : ""} ${answers}`;
  return { outcome, bytes, text, options: new Map(options.map(({ code, data }) => [code, data])) };
}

const asking = (code: number, hex = ""): Partial<Question> => ({
  udpBytes: 1232,
  options: [[code, hex]],
});

describe("cookies", () => {
  it("RFC 7873 s.5.2.3: who sends a client cookie gets it back with one of ours", () => {
    const { answer, guard } = guardWorld();
    const cookie = answer(asking(10, CLIENT_COOKIE)).options.get(10)?.toString("hex") ?? "";
    assert.match(cookie, /^0102030405060708 ?01000000[0-9a-f]{24}$/);
    const again = answer(asking(10, cookie));
    assert.equal(again.text, "NOERROR 1");
    assert.equal(again.options.get(10)?.toString("hex"), cookie);
    answer({});
    assert.deepEqual(guard.cookies, { none: 1, new: 1, bad: 0, valid: 1 });
  });

  it("RFC 7873 s.5.2.4: a server cookie that is not ours is answered, and put right", () => {
    const { answer } = guardWorld();
    const seen = answer(asking(10, `${CLIENT_COOKIE}${"ee".repeat(16)}`));
    assert.equal(seen.text, "NOERROR 1");
    assert.equal(seen.options.get(10)?.length, 24);
  });

  it("RFC 7873 s.5.4: who asks nothing but for a cookie gets one", () => {
    const { answer } = guardWorld();
    const cookie = Buffer.from(CLIENT_COOKIE, "hex");
    const opt = Buffer.concat([Buffer.of(0), words(41, 1232, 0, 0, 12, 10, 8), cookie]);
    const seen = answer(Buffer.concat([words(1, 0, 0, 0, 0, 1), opt]));
    assert.equal(seen.text, "NOERROR 0");
    assert.equal(seen.options.get(10)?.length, 24);
    const without = Buffer.concat([Buffer.of(0), words(41, 1232, 0, 0, 0)]);
    assert.equal(answer(Buffer.concat([words(1, 0, 0, 0, 0, 1), without])).text, "FORMERR 0");
  });

  it("switched off, are an option like any other that we do not know", () => {
    const { answer } = guardWorld({ cookies: "off" });
    assert.equal(answer(asking(10, CLIENT_COOKIE)).options.has(10), false);
  });

  it("required: BADCOOKIE teaches a client its cookie, and TC sends others to TCP", () => {
    const { answer } = guardWorld({ cookies: "require" });
    const refused = answer(asking(10, CLIENT_COOKIE));
    assert.equal(refused.text, "BADCOOKIE 0");
    const cookie = refused.options.get(10)?.toString("hex") ?? "";
    assert.equal(answer(asking(10, cookie)).text, "NOERROR 1");
    assert.equal(answer({}).text, "NOERROR tc 0");
    assert.equal(answer({}, { transport: "tcp" }).text, "NOERROR 1");
  });
});

describe("what a server says of itself", () => {
  it("RFC 5001: its NSID, to who asks for it", () => {
    const { answer } = guardWorld({ nsid: Buffer.from("syd-1") });
    assert.equal(answer(asking(3)).options.get(3)?.toString(), "syd-1");
    assert.equal(answer({ udpBytes: 1232 }).options.has(3), false);
    assert.equal(guardWorld().answer(asking(3)).options.has(3), false);
  });

  it("RFC 4892: its name and its software in class CH, if it is told to", () => {
    const { answer } = guardWorld({ chaos: chaosRecords({ version: "Meridian", id: "syd-1" }) });
    const text = (name: string, type: "TXT" | "A" | "ANY" = "TXT", rrclass = 3) => {
      const { outcome, bytes } = answer({ name, type, rrclass }, { transport: "tcp" });
      const [record] = dns.decode(bytes).answers ?? [];
      return `${rcodeName(outcome.rcode)} ${record?.type === "TXT" ? String(record.data) : ""}`;
    };
    assert.equal(text("version.bind"), "NOERROR Meridian");
    assert.equal(text("VERSION.server", "ANY"), "NOERROR Meridian");
    assert.equal(text("id.server"), "NOERROR syd-1");
    assert.equal(text("hostname.bind"), "NOERROR syd-1");
    assert.equal(text("id.server", "A"), "NOERROR ");
    assert.equal(text("authors.bind"), "REFUSED ");
    assert.equal(text("version.bind", "TXT", 1), "REFUSED ");
    assert.equal(chaosRecords({}).size, 0);
  });

  it("RFC 7828 s.3.2: how long a connection may be idle, where there is one", () => {
    const { answer } = guardWorld();
    const units = (transport: Transport) =>
      answer(asking(11), { transport }).options.get(11)?.readUInt16BE(0);
    assert.deepEqual(
      ["udp", "tcp", "dot", "doh"].map((it) => units(it as Transport)),
      [undefined, 100, 100, undefined],
    );
  });

  it("RFC 8467 s.4.1: nothing that its length tells, where it is encrypted", () => {
    const { answer } = guardWorld();
    for (const name of [WWW, "large.kingcdn.test", "no.such.name.kingcdn.test"]) {
      for (const transport of ["dot", "doh"] as const) {
        const type = "TXT" as const;
        const { bytes } = answer({ name, type, ...asking(12, "0000") }, { transport });
        assert.equal(bytes.length % 468, 0, `${name} has ${bytes.length} octets`);
        assert.ok(answer({ name, type, udpBytes: 1232 }, { transport }).bytes.length % 468 !== 0);
      }
      const plain = answer({ name, ...asking(12) }, { transport: "tcp" });
      assert.equal(plain.options.has(12), false);
    }
  });
});

describe("response rate limiting", () => {
  const flood = (
    answer: ReturnType<typeof guardWorld>["answer"],
    question: (i: number) => Partial<Question>,
    count = 40,
  ) => Array.from({ length: count }, (_, i) => answer(question(i)).text);
  const passed = (texts: readonly string[]) => texts.filter((text) => / [1-9]/.test(text)).length;

  it("answers ten a second, and of the rest every other one is short", () => {
    const { answer, guard, clock } = guardWorld();
    const texts = flood(answer, () => ({}));
    assert.equal(passed(texts), 10);
    assert.deepEqual(texts.slice(10, 14), ["dropped", "NOERROR tc 0", "dropped", "NOERROR tc 0"]);
    assert.deepEqual(
      { ...guard.actions },
      {
        pass: 10,
        leak: 0,
        slip: 15,
        badcookie: 0,
        drop: 15,
        "would-slip": 0,
        "would-drop": 0,
      },
    );
    clock.advance(500);
    assert.equal(passed(flood(answer, () => ({}))), 5);
  });

  it("RFC 7873 s.5.2.3: a short answer tells a client with a cookie what it needs", () => {
    const { answer, guard } = guardWorld();
    const texts = flood(answer, () => asking(10, CLIENT_COOKIE));
    assert.deepEqual(texts.slice(10, 12), ["dropped", "BADCOOKIE 0"]);
    assert.equal(guard.actions.badcookie, 15);
    assert.equal(guard.actions.slip, 0);
  });

  it("never limits who shows a valid cookie, comes over TCP, or is exempt", () => {
    const { answer, guard } = guardWorld({ rateLimit: { exempt: [prefix("203.0.113.0/24")] } });
    const cookie = answer(asking(10, CLIENT_COOKIE)).options.get(10)?.toString("hex") ?? "";
    flood(answer, () => ({}));
    const before = guard.actions.drop;
    assert.equal(passed(flood(answer, () => asking(10, cookie), 100)), 100);
    for (let i = 0; i < 100; i += 1) {
      assert.equal(answer({}, { transport: "tcp" }).text, "NOERROR 1");
      assert.equal(answer({}, { peer: "203.0.113.200" }).text, "NOERROR 1");
    }
    assert.equal(guard.actions.drop, before);
  });

  it("counts random names below a zone as one, whether a wildcard or nobody has them", () => {
    for (const [suffix, text] of [
      ["any.kingcdn.test", "NOERROR 1"],
      ["kingcdn.test", "NXDOMAIN 0"],
      ["sub.kingcdn.test", "NOERROR 0"],
    ] as const) {
      const { answer } = guardWorld();
      const texts = flood(answer, (i) => ({ name: `r${i}.${suffix}` }));
      assert.equal(texts.filter((it) => it === text).length, 10, suffix);
      assert.equal(answer({}).text, "NOERROR 1", "names that exist are not affected");
    }
  });

  it("counts all errors as one", () => {
    const { answer } = guardWorld();
    const texts = flood(answer, (i) => ({ name: `www.example${i}.com` }));
    assert.equal(texts.filter((text) => text === "REFUSED 0").length, 10);
  });

  it("bounds what all names together amplify", () => {
    const { answer } = guardWorld({ rateLimit: { extraBytesPerSecond: 15_000, slip: 0 } });
    const name = "large.kingcdn.test";
    const texts = flood(answer, () => ({ name, type: "TXT", udpBytes: 1232 }));
    assert.equal(passed(texts), 7, "of 40, though each is 10 times what is asked");
    const fits = { name: "sub.kingcdn.test", type: "A" } as const;
    assert.equal(answer(fits, { peer: "192.0.2.99" }).text, "NOERROR 0");
  });

  it("in a dry run decides, counts and sends everything", () => {
    const { answer, guard } = guardWorld({ rateLimit: { mode: "dry-run" } });
    assert.equal(passed(flood(answer, () => ({}))), 40);
    assert.equal(guard.actions["would-drop"], 15);
    assert.equal(guard.actions["would-slip"], 15);
    assert.equal(guard.actions.drop + guard.actions.slip, 0);
  });

  it("switched off, looks at nothing", () => {
    const { answer, guard } = guardWorld({ rateLimit: { mode: "off" } });
    assert.equal(passed(flood(answer, () => ({}))), 40);
    assert.equal(guard.actions.pass, 0);
  });

  it("leaks if it is told to", () => {
    const { answer, guard } = guardWorld({ rateLimit: { slip: 0, leak: 3 } });
    assert.equal(passed(flood(answer, () => ({}))), 20);
    assert.equal(guard.actions.leak, 10);
  });

  it("sends no short answer that is longer than its question, but for the cookie", () => {
    const { answer } = guardWorld({ nsid: Buffer.from("a-long-name-of-this-server") });
    const packet = queryBytes({ name: WWW, ...asking(3) });
    const short = Array.from({ length: 40 }, () => answer(packet)).find(({ text }) =>
      text.includes("tc"),
    );
    assert.ok(short !== undefined && short.bytes.length <= packet.length);
  });
});

it("what cannot be read as a query gets no answer", () => {
  const { answer } = guardWorld();
  assert.equal(answer(Buffer.alloc(11)).text, "dropped");
  assert.equal(answer(queryBytes({ name: WWW, flags: 0x8000 })).text, "dropped");
});
