import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runToEnd } from "../../../common/steps.ts";
import { TransferReader } from "../../../router-dns/transfer/assemble.ts";
import {
  aliasEnds,
  type TransferRecord,
  type TransferZone,
  zoneRecords,
} from "../../../router-dns/transfer/content.ts";
import {
  extendJournal,
  type Journal,
  stepBetween,
  stepsSince,
} from "../../../router-dns/transfer/journal.ts";
import { readPeerAnswer } from "../../../router-dns/transfer/message.ts";
import { isNewerSerial, serialOf } from "../../../router-dns/transfer/serial.ts";
import { changesOnly, transferMessages, wholeZone } from "../../../router-dns/transfer/stream.ts";
import { typeName } from "../../../router-dns/wire/codes.ts";
import { formatName } from "../../../router-dns/wire/name.ts";
import { httpsService } from "../../../router-dns/wire/svcb.ts";
import { rdataIdentity, type Zone } from "../../../router-dns/zone/zone.ts";
import { fuzzCount, fuzzSeed, Seeded } from "../../fuzz/seeded.ts";
import { ipBytes, queryBytes, snapshotOf, zoneOf } from "../dns-world.ts";
import { cdnZone } from "../netcinema-world.ts";
import { PEER_ZONES } from "../peer-zones.ts";

const SEED = fuzzSeed();

function sourceOf(zone: Zone): TransferZone {
  return { zone, fallback: () => [], steeredTtlSeconds: 20, aliases: new Map() };
}

function extended(journal: Journal, before: Zone, after: Zone): Journal {
  const step = runToEnd(stepBetween(sourceOf(before), sourceOf(after)));
  return runToEnd(extendJournal(journal, step, sourceOf(after)));
}

/** Every record of a zone as a line, sorted. */
function lines(zone: Zone): string[] {
  const all = [...zoneRecords(sourceOf(zone))].map(line);
  return [...all, rdataIdentity(zone.soa.rdatas[0] ?? assert.fail())].toSorted();
}

function line({ owner, type, ttlSeconds, rdata }: TransferRecord): string {
  return `${formatName(owner)} ${ttlSeconds} ${type} ${rdataIdentity(rdata)}`;
}

/** What a secondary that has `before` makes of the messages. */
function receive(messages: Iterable<Uint8Array>, before: Zone | undefined, origin: Zone): Zone {
  const reader = new TransferReader(before === undefined ? undefined : serialOf(before));
  for (const message of messages) {
    assert.ok(!reader.isWhole, "a message behind the last");
    const answer = readPeerAnswer(message);
    assert.ok(answer !== undefined);
    const taken = reader.take(answer.answers);
    assert.ok(taken.ok, taken.ok ? "" : taken.error);
  }
  const zone = runToEnd(reader.zone(origin.origin, before));
  assert.ok(zone.ok, zone.ok ? "" : zone.error);
  return zone.value;
}

function request(zone: Zone, type: "AXFR" | "IXFR") {
  const packet = queryBytes({ name: formatName(zone.origin), type });
  return { packet, questionEnd: packet.length };
}

/** A zone of some records out of many, so that two of them differ a little. */
function someZone(serial: number, random: Seeded): Zone {
  const records = Array.from({ length: random.below(40) }, () => {
    const owner = random.pick(["@", "a", "b.a", "*.c", "d.e.f", "G"]);
    const data = random.pick([
      `A 192.0.2.${random.below(4)}`,
      `AAAA 2001:db8::${random.below(4)}`,
      `TXT "${"t".repeat(random.below(200))}"`,
      `MX ${random.below(3)} mx${random.below(3)}`,
      "SRV 1 2 3 Target",
      `TYPE65280 \\# 1 0${random.below(3)}`,
    ]);
    return `${owner} ${random.pick([60, 60, 300])} ${data}`;
  });
  const head = `$ORIGIN x.test.\n@ 60 SOA ns h ${serial} 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n`;
  return zoneOf(`${head}${records.join("\n")}\n`);
}

describe(`transfers, FUZZ_SEED=${SEED}`, () => {
  for (const { name, text } of PEER_ZONES) {
    it(`RFC 5936 s.2.2: all of ${name} arrives`, () => {
      const zone = zoneOf(text);
      const messages = transferMessages(request(zone, "AXFR"), wholeZone(sourceOf(zone)), 100);
      assert.deepEqual(lines(receive(messages, undefined, zone)), lines(zone));
    });
  }

  it("RFC 5936 s.2.2: a large zone comes in messages that leave room for a signature", () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => `n${i} TXT "${"x".repeat(200)}"`);
    const big = `$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n`;
    const zone = zoneOf(`${big}${rows.join("\n")}\n`);
    const messages = [...transferMessages(request(zone, "AXFR"), wholeZone(sourceOf(zone)), 100)];
    assert.ok(messages.length > 50);
    for (const message of messages) assert.ok(message.length <= 65_535 - 100);
    assert.deepEqual(lines(receive(messages, undefined, zone)), lines(zone));
  });

  it("a record larger than what a message aims at is sent all the same", () => {
    const strings = `"${"x".repeat(255)}" `.repeat(200);
    const zone = zoneOf(
      `$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nbig TXT ${strings}\nbig2 TXT ${strings}\n`,
    );
    const messages = transferMessages(request(zone, "AXFR"), wholeZone(sourceOf(zone)), 100);
    assert.deepEqual(lines(receive(messages, undefined, zone)), lines(zone));
  });

  it("RFC 1995 s.4: whoever has any version gets the present one, by changes or whole", () => {
    const random = new Seeded(SEED);
    for (let round = fuzzCount(60); round > 0; round -= 1) {
      let serial = random.pick([1, 4_294_967_290, 2 ** 31 - 3]);
      const versions = [someZone(serial, random)];
      let journal: Journal = [];
      for (let i = random.below(8); i > 0; i -= 1) {
        serial = (serial + 1 + random.below(3)) >>> 0;
        const before = versions.at(-1) ?? assert.fail();
        const after = someZone(serial, random);
        journal = extended(journal, before, after);
        versions.push(after);
      }
      const present = versions.at(-1) ?? assert.fail();
      for (const version of versions) {
        const steps = stepsSince(journal, present, serialOf(version));
        const records =
          steps === undefined
            ? wholeZone(sourceOf(present))
            : changesOnly(sourceOf(present), steps);
        const messages = transferMessages(request(present, "IXFR"), records, 0);
        assert.deepEqual(lines(receive(messages, version, present)), lines(present));
      }
      const bytes = journal.reduce((sum, step) => sum + step.bytes, 0);
      const whole = [...zoneRecords(sourceOf(present))].length;
      assert.ok(journal.length === 0 || bytes < whole * 600 + 1_000);
    }
  });

  it("RFC 1982 s.3.2: serials go round", () => {
    assert.ok(isNewerSerial(1, 0));
    assert.ok(isNewerSerial(0, 4_294_967_295));
    assert.ok(isNewerSerial(2 ** 31 - 1, 0));
    assert.ok(!isNewerSerial(0, 1));
    assert.ok(!isNewerSerial(5, 5));
    assert.ok(!isNewerSerial(2 ** 31, 0));
  });

  it("a serial that did not grow starts a new journal", () => {
    const random = new Seeded(1);
    const [a, b, c] = [someZone(1, random), someZone(2, random), someZone(2, random)];
    const journal = extended([], a, b);
    assert.deepEqual(extended(journal, b, c), []);
  });

  it("whatever is changed in a message, reading it ends and does not throw", () => {
    const random = new Seeded(SEED);
    const zone = zoneOf(PEER_ZONES[0]?.text ?? "");
    const [first = new Uint8Array(0)] = transferMessages(
      request(zone, "AXFR"),
      wholeZone(sourceOf(zone)),
      0,
    );
    for (let i = fuzzCount(20_000); i > 0; i -= 1) {
      const changed = Uint8Array.from(first.subarray(0, random.below(first.length + 1)));
      for (let j = random.below(8); j > 0; j -= 1) {
        changed[random.below(changed.length + 1)] = random.below(256);
      }
      const answer = readPeerAnswer(changed);
      if (answer === undefined) continue;
      const reader = new TransferReader(undefined);
      if (reader.take(answer.answers).ok) runToEnd(reader.zone(zone.origin, undefined));
    }
  });
});

describe("what is decided for each client", () => {
  it("is transferred as what fits all: addresses of all edges, those of a static target", () => {
    const service = httpsService({ alpn: ["h2"], port: 443, hasHints: true });
    const cdn = cdnZone({ services: new Map([["netcinema", service]]) });
    const zone = zoneOf(`
$ORIGIN shop.test.
$TTL 300
@   SOA ns1 h 1 2 3 4 5
    NS ns1
@   600 ALIAS netcinema.kingcdn.test.
ns1 A 192.0.2.1
ns2 5 AAAA 2001:db8::1
fix ALIAS ns1
v6  ALIAS ns2
no  ALIAS nobody.kingcdn.test.
`);
    const { zones } = snapshotOf([zone, cdn]);
    const fallback = (_site: string, family: 4 | 6) =>
      family === 4 ? [ipBytes("127.0.10.1"), ipBytes("127.0.10.2")] : [];
    const source = { fallback, steeredTtlSeconds: 20 };
    const sent = (sent: Zone) =>
      [...zoneRecords({ ...source, zone: sent, aliases: aliasEnds(zones, sent) })].map(
        ({ owner, type, ttlSeconds, rdata }) =>
          `${formatName(owner)} ${ttlSeconds} ${typeName(type)} ${rdata.prefix.join(".")}`,
      );
    assert.deepEqual(sent(zone).slice(1).sort(), [
      "fix.shop.test. 300 A 192.0.2.1",
      "ns1.shop.test. 300 A 192.0.2.1",
      "ns2.shop.test. 5 AAAA 32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1",
      "shop.test. 20 A 127.0.10.1",
      "shop.test. 20 A 127.0.10.2",
      `shop.test. 20 HTTPS ${service.head.join(".")}`,
      "v6.shop.test. 5 AAAA 32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1",
    ]);
    const site = sent(cdn).filter((line) => line.startsWith("netcinema"));
    assert.deepEqual(site, [
      "netcinema.kingcdn.test. 20 A 127.0.10.1",
      "netcinema.kingcdn.test. 20 A 127.0.10.2",
      `netcinema.kingcdn.test. 20 HTTPS ${service.head.join(".")}`,
    ]);
  });
});

/** What a primary may get wrong: the records of its answer, and what is said of them. */
const BROKEN: readonly (readonly [string, readonly string[], string])[] = [
  ["no SOA first", ["a A 192.0.2.1"], "the first record is A, not SOA"],
  ["cut off", ["@ SOA ns h 2 2 3 4 5", "a A 192.0.2.1"], "the transfer ended before its last SOA"],
];

describe("broken transfers", () => {
  for (const [title, rows, problem] of BROKEN) {
    it(title, () => {
      const zone = zoneOf(
        "$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 2 2 3 4 5\n@ NS ns.\na A 192.0.2.1\n",
      );
      const all = [...wholeZone(sourceOf(zone))];
      const wanted = rows.map((row) =>
        row.startsWith("@ SOA") ? all[0] : all.find(({ type }) => type === 1),
      );
      const reader = new TransferReader(undefined);
      const taken = reader.take(wanted.filter((record) => record !== undefined));
      const result = taken.ok ? runToEnd(reader.zone(zone.origin, undefined)) : taken;
      assert.ok(!result.ok);
      assert.equal(result.error, problem);
    });
  }

  it("changes to what is not there", () => {
    const random = new Seeded(3);
    const [a, b, c] = [someZone(1, random), someZone(2, random), someZone(1, random)];
    const steps = [runToEnd(stepBetween(sourceOf(a), sourceOf(b)))];
    const reader = new TransferReader(1);
    assert.ok(reader.take([...changesOnly(sourceOf(b), steps)]).ok);
    const result = runToEnd(reader.zone(b.origin, c));
    assert.ok(!result.ok);
    assert.match(result.error, /is to be removed that is not there/);
  });
});
