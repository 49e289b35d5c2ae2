import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import * as dns from "dns-packet";
import type { SocketAddress } from "../../common/address.ts";
import { TYPE } from "../../router-dns/wire/codes.ts";
import { fuzzCount, fuzzSeed } from "../fuzz/seeded.ts";
import { startKnot } from "../support/knot.ts";
import { suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { describeQuery, encodeQuery, type PeerQuery, peerQueries } from "./peer-queries.ts";
import { PEER_ZONES } from "./peer-zones.ts";
import { startTestRouter } from "./support.ts";
import { askTcp, askUdp } from "./wire-client.ts";

const SEED = fuzzSeed();
const QUERIES = fuzzCount(10_000);
const MAX_UDP_BYTES = 1232;

/** An answer in the parts that are compared. Sections are sets of records in lower case. */
interface Reply {
  readonly bytes: number;
  readonly records: number;
  readonly question: string;
  readonly rcode: number;
  readonly aa: boolean;
  readonly tc: boolean;
  readonly otherFlags: string;
  readonly cd: boolean;
  readonly opt: string;
  readonly answer: ReadonlySet<string>;
  readonly authority: ReadonlySet<string>;
  readonly additional: ReadonlySet<string>;
}

const PARTS = [
  "question",
  "rcode",
  "aa",
  "tc",
  "otherFlags",
  "cd",
  "opt",
  "answer",
  "authority",
  "additional",
] as const;
type Part = (typeof PARTS)[number];

/** One query and what both servers said. */
interface Exchange {
  readonly query: PeerQuery;
  readonly ours: Reply;
  readonly theirs: Reply;
}

/** A way in which both servers are right although they differ. */
interface Reason {
  readonly title: string;
  readonly parts: readonly Part[];
  readonly holds: (exchange: Exchange) => boolean;
}

/** Every difference is on this list, and everything on this list is a difference that occurs. */
const REASONS: readonly Reason[] = [
  {
    title: "RFC 4035 s.3.1.6: CD is copied into the answer; Knot clears it in unsigned zones",
    parts: ["cd"],
    holds: ({ query, ours, theirs }) => ours.cd === (query.flags & 0x10) > 0 && !theirs.cd,
  },
  {
    title: "RFC 8482 s.4.1, s.4.2: to ANY we say HINFO, Knot one of the RRsets",
    parts: ["answer", "additional", "tc"],
    holds: ({ query, ours }) =>
      query.type === TYPE.ANY && /" 3600 hinfo |cname/.test([...ours.answer].join()),
  },
  {
    title: "RFC 1035 s.3.3.9, RFC 2782, RFC 9460 s.4.1: addresses may be added; we do not",
    parts: ["additional"],
    holds: ({ query, ours }) =>
      [TYPE.MX, TYPE.SRV, TYPE.SVCB, TYPE.HTTPS].some((type) => type === query.type) &&
      ours.additional.size === 0,
  },
  {
    title: "RFC 1034 s.4.3.2 step 3a: a CNAME is followed for every other type; Knot says NODATA",
    parts: ["rcode", "answer", "authority", "additional"],
    holds: ({ query, ours, theirs }) =>
      [46, 47].includes(query.type) && has(ours.answer, "cname") && theirs.answer.size === 0,
  },
  {
    title: "RFC 1034 s.4.3.2 step 1: a CNAME may lead to another of our zones; Knot refers to it",
    parts: ["rcode", "answer", "authority", "additional"],
    holds: ({ ours, theirs }) =>
      has(ours.answer, 'cname www\\.child\\.peer\\.test$|^"up\\.child') &&
      isSubset(theirs.answer, ours.answer),
  },
  {
    title: "RFC 1034 s.3.6.2: a resolver goes on where a chain is left; Knot follows 5, we 8",
    parts: ["answer", "authority"],
    holds: ({ ours, theirs }) =>
      cnames(theirs.answer) === 5 &&
      cnames(ours.answer) > 5 &&
      isSubset(theirs.answer, ours.answer),
  },
];

function has(records: ReadonlySet<string>, pattern: string): boolean {
  return new RegExp(pattern, "m").test([...records].join("\n"));
}

function cnames(records: ReadonlySet<string>): number {
  return [...records].filter((record) => / cname /.test(record)).length;
}

function isSubset(part: ReadonlySet<string>, whole: ReadonlySet<string>): boolean {
  return part.isSubsetOf(whole);
}

describe(`the same zones on Knot DNS, FUZZ_SEED=${SEED}`, () => {
  const scope = suiteScope();
  const queries = peerQueries(SEED, QUERIES);
  let exchanges: readonly Exchange[];

  before(async () => {
    const dir = tempDir(scope);
    const zoneFiles = PEER_ZONES.map(({ text }, index) => {
      const file = join(dir, `${index}.zone`);
      writeFileSync(file, text);
      return file;
    });
    const knot = await startKnot(scope, { zones: PEER_ZONES, maxUdpBytes: MAX_UDP_BYTES });
    const router = await startTestRouter(scope, { pops: [], zoneFiles, probe: { kind: "none" } });
    const ours = await askAll(router.dns, queries);
    const theirs = await askAll(knot, queries);
    exchanges = queries.map((query, index) => ({
      query,
      ours: readReply(ours[index], query),
      theirs: readReply(theirs[index], query),
    }));
  });

  it("gives the same answers, or others for a reason that is on the list", () => {
    for (const exchange of exchanges) {
      const parts = differences(exchange).filter((part) => explain(part, exchange) === undefined);
      if (parts.length === 0) continue;
      const show = (reply: Reply) =>
        JSON.stringify(reply, (_, value) =>
          value instanceof Set ? [...value] : (value as unknown),
        );
      const { query, ours, theirs } = exchange;
      const text = `${describeQuery(query)}\nours ${show(ours)}\nKnot ${show(theirs)}`;
      assert.deepEqual(parts, [], text);
    }
  });

  it("has no reason on the list that nothing needs", {
    skip: QUERIES < 10_000 && "a short run",
  }, () => {
    const needed = new Set(
      exchanges.flatMap((exchange) =>
        differences(exchange).map((part) => explain(part, exchange)?.title),
      ),
    );
    for (const { title } of REASONS) assert.ok(needed.has(title), title);
  });

  it("RFC 2181 s.5: no record is there twice", () => {
    for (const { query, ours } of exchanges) {
      const distinct = ours.answer.size + ours.authority.size + ours.additional.size;
      assert.equal(ours.records - distinct, query.edns === undefined ? 0 : 1, describeQuery(query));
    }
  });

  it("RFC 6891 s.6.2.5: no answer is larger than the client and the server allow", () => {
    for (const { query, ours } of exchanges) {
      const asked = query.edns === undefined ? 512 : Math.max(512, query.edns.udpBytes);
      const most = query.transport === "tcp" ? 65_535 : Math.min(asked, MAX_UDP_BYTES);
      assert.ok(ours.bytes <= most, describeQuery(query));
    }
  });
});

function differences({ ours, theirs }: Exchange): Part[] {
  // RFC 2181 s.9: what stands in a truncated message is not to be used, so it need not agree.
  const isCut = ours.tc && theirs.tc;
  return PARTS.filter((part) => {
    const [left, right] = [ours[part], theirs[part]];
    if (!(left instanceof Set) || !(right instanceof Set)) return left !== right;
    return !isCut && left.symmetricDifference(right).size > 0;
  });
}

function explain(part: Part, exchange: Exchange): Reason | undefined {
  return REASONS.find(({ parts, holds }) => parts.includes(part) && holds(exchange));
}

async function askAll(
  at: SocketAddress,
  all: readonly PeerQuery[],
): Promise<readonly (Buffer | undefined)[]> {
  const answers: (Buffer | undefined)[] = Array.from({ length: all.length });
  for (const [transport, ask] of [["udp", askUdp] as const, ["tcp", askTcp] as const]) {
    const indexes = all.flatMap((query, index) => (query.transport === transport ? [index] : []));
    const packets = indexes.map((index) => encodeQuery(all[index] as PeerQuery));
    for (const [i, answer] of (await ask(at, packets)).entries()) {
      answers[indexes[i] ?? 0] = answer;
    }
  }
  return answers;
}

function readReply(bytes: Buffer | undefined, query: PeerQuery): Reply {
  assert.ok(bytes !== undefined, `no answer to ${describeQuery(query)}`);
  const packet = dns.decode(bytes);
  const opt = packet.additionals?.find((record) => record.type === "OPT");
  const sections = [packet.answers, packet.authorities, packet.additionals];
  const extended = opt?.type === "OPT" ? opt.extendedRcode : 0;
  return {
    bytes: bytes.length,
    records: sections.reduce((sum, records) => sum + (records?.length ?? 0), 0),
    // From octets: letters must come back in their case.
    question: bytes.toString("latin1", 12, 12 + query.name.length + 4),
    rcode: ((bytes[3] ?? 0) & 0xf) | (extended << 4),
    aa: packet.flag_aa,
    tc: packet.flag_tc,
    otherFlags: String([packet.flag_rd, packet.flag_ra, packet.flag_ad, packet.flag_z]),
    cd: packet.flag_cd,
    opt: opt?.type === "OPT" ? `version ${opt.ednsVersion}, DO ${opt.flag_do}` : "none",
    answer: recordSet(packet.answers),
    authority: recordSet(packet.authorities),
    additional: recordSet(packet.additionals),
  };
}

/** RFC 4343 s.4.1: Knot writes names in the case of the question, we in that of the zone. */
function recordSet(records: readonly dns.Answer[] | undefined): ReadonlySet<string> {
  const lines = (records ?? [])
    .filter(({ type }) => type !== "OPT")
    .map((record) => {
      const { name, type, ttl, data } = record as dns.BaseAnswer<string, unknown>;
      return `${JSON.stringify(name)} ${ttl} ${type} ${dataText(data)}`.toLowerCase();
    });
  return new Set(lines);
}

function dataText(data: unknown): string {
  if (Buffer.isBuffer(data)) return data.toString("hex");
  if (Array.isArray(data)) return data.map(dataText).join(" ");
  return typeof data === "string" ? data : JSON.stringify(data);
}
