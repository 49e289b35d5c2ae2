import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as dns from "dns-packet";
import { fuzzSeed, Seeded } from "../fuzz/seeded.ts";
import { askBytes, snapshotOf, zoneOf } from "./dns-world.ts";

const SEED = fuzzSeed();

/** A record as text of a zone file, and as another library decodes it. */
interface Sample {
  readonly name: string;
  readonly type: "A" | "AAAA" | "MX" | "TXT" | "SRV" | "PTR" | "CAA";
  readonly text: string;
  readonly line: string;
}

function word(random: Seeded): string {
  // No letter is there in both cases, so that different words are different names.
  const letters = "abcXYZ019-_";
  const length = 1 + random.below(12);
  return Array.from({ length }, () => letters[random.below(letters.length)]).join("");
}

function nameBelow(random: Seeded): string {
  const labels = Array.from({ length: 1 + random.below(3) }, () => `n${word(random)}`);
  return `${labels.join(".")}.x.test`;
}

function sample(random: Seeded, name: string): Sample {
  const target = random.below(4) === 0 ? "x.test" : nameBelow(random);
  const number = random.below(65_536);
  switch (random.below(7)) {
    case 0: {
      const address = random.bytes(4).join(".");
      return { name, type: "A", text: address, line: `A ${address}` };
    }
    case 1: {
      const address = `2001:db8::${(1 + random.below(65_535)).toString(16)}`;
      return { name, type: "AAAA", text: address, line: `AAAA ${address}` };
    }
    case 2:
      return { name, type: "MX", text: `${number} ${target}.`, line: `MX ${number} ${target}` };
    case 3: {
      const words = [word(random), word(random)];
      const quoted = words.map((text) => JSON.stringify(text)).join(" ");
      return { name, type: "TXT", text: quoted, line: `TXT ${quoted}` };
    }
    case 4: {
      const fields = `${number} ${random.below(9)} ${random.below(9)} ${target}`;
      return { name, type: "SRV", text: `${fields}.`, line: `SRV ${fields}` };
    }
    case 5:
      return { name, type: "PTR", text: `${target}.`, line: `PTR ${target}` };
    default: {
      const value = word(random);
      return {
        name,
        type: "CAA",
        text: `0 issue ${value}`,
        line: `CAA 0 issue ${value} false`,
      };
    }
  }
}

describe("a zone of random records", () => {
  it(`RFC 1035 s.5: what another library reads in answers is what the file says, FUZZ_SEED=${SEED}`, () => {
    const random = new Seeded(SEED);
    const samples = Array.from({ length: 300 }, () => nameBelow(random)).flatMap((name) =>
      Array.from({ length: 1 + random.below(5) }, () => sample(random, name)),
    );
    const head = "$ORIGIN x.test.\n$TTL 77\n@ SOA ns.else. h.else. 1 2 3 4 5\n@ NS ns.else.\n";
    const lines = samples.map(({ name, type, text }) => `${name}. ${type} ${text}`);
    const snapshot = snapshotOf([zoneOf(head + lines.join("\n"))]);
    const rrsets = Map.groupBy(samples, ({ name, type }) => `${name.toLowerCase()} ${type}`);
    for (const members of rrsets.values()) {
      const [{ name, type } = { name: "", type: "A" as const }] = members;
      const questions = [{ name, type }];
      const opt = {
        type: "OPT",
        name: ".",
        udpPayloadSize: 4096,
        options: [{ code: 8, ip: "192.0.2.0", sourcePrefixLength: 24 }],
      } as unknown as dns.OptAnswer;
      const packet = dns.encode({ type: "query", id: 5, questions, additionals: [opt] });
      const seen = askBytes(snapshot, packet, { transport: "tcp" });
      const expected = new Set(members.map(({ line }) => `${name} 77 ${line}`));
      assert.deepEqual(new Set(seen.answer), expected, `${name} ${type}`);
      assert.equal(seen.question, `${name} ${type}`);
      assert.deepEqual(seen.authority, []);
    }
    assert.ok(rrsets.size > 300);
  });
});
