import { type DecodedPacket, DNSSEC_OK, decode, encode, type Packet } from "dns-packet";
import type { AdminAnswer } from "../../common/admin-server.ts";
import {
  formatIp,
  formatPrefix,
  type IpBytes,
  type IpPrefix,
  maskIp,
  parseIp,
  parsePrefix,
} from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { LoadState } from "../data/load-keeper.ts";
import { choosePop, locateClient, type SteerPop, type SteerView } from "../geo/choose.ts";
import type { LocatedIn } from "../geo/locate.ts";
import { distanceKm, type Place } from "../geo/place.ts";
import { prefixAt } from "../geo/prefix-table.ts";
import { type EdgeHealth, visibleHealth } from "../health/board.ts";
import { answerQuery, type Outcome, type Snapshot, UDP_BYTES_DEFAULT } from "../pipeline.ts";
import type { SteerAnswer } from "../steering.ts";
import { readName } from "../transfer/message.ts";
import { MESSAGE_BYTES_MAX } from "../transport/answer.ts";
import { HEADER_BYTES, OPTION, rcodeName, TYPE, typeName } from "../wire/codes.ts";
import { formatName } from "../wire/name.ts";
import { wordAt } from "../wire/octets.ts";
import { AnswerNotes, explainSections } from "./explain-answer.ts";
import { explainLoad, explainPopLoad, popNote } from "./explain-load.ts";
import { explainSignatures } from "./explain-signatures.ts";

/** What an explanation is made from: exactly what queries are answered from at the moment. */
export interface ExplainSources {
  readonly snapshot: Snapshot;
  readonly view: SteerView;
  /** Of each PoP of the view. */
  readonly places: readonly Place[];
  readonly health: ReadonlyMap<string, EdgeHealth>;
  /** Where a database puts an address; undefined: nobody knows. */
  readonly locate: (bytes: IpBytes) => Promise<LocatedIn | undefined>;
  /** Left out: load decides nothing. */
  readonly load?: LoadState | undefined;
  /** Whether a majority of routers decides on health, and what each sees of an edge. */
  readonly quorum: string;
  readonly votes: (edge: string) => readonly { readonly vantage: string; readonly sees: string }[];
}

interface Question {
  readonly name: string;
  readonly type: string;
  readonly client: IpPrefix;
  readonly isDnssecOk: boolean;
}

/** The question has the client's address in both places; here only one of them counts. */
const BY_RESOLVER = "resolver (the site ignores client subnets)";

/**
 * Answers `/explain?name=&client=&type=`: the query is put to the pipeline as a packet with that
 * client subnet, and the steps of the decision are shown beside what it answered.
 */
export async function explainQuery(
  query: URLSearchParams,
  sources: ExplainSources,
): Promise<AdminAnswer> {
  const question = readQuestion(query);
  if (!question.ok) return { status: 400, body: { error: question.error } };
  const { name, type, client, isDnssecOk } = question.value;
  const located = await sources.locate(client.bytes);
  const { snapshot } = sources;
  const asked = ask(question.value, snapshot, isDnssecOk ? DNSSEC_OK : 0);
  const signatures = explainSignatures(ask(question.value, snapshot, DNSSEC_OK).message);
  const steered = asked.steered?.answer;
  return {
    status: 200,
    body: {
      query: {
        name,
        type,
        client: formatPrefix(client),
        takenFor: asked.steered?.isByResolver === true ? BY_RESOLVER : "client subnet (ECS)",
      },
      site: asked.steered?.site ?? null,
      answer: asked.answer,
      message: asked.explained,
      ...(signatures.length === 0 ? {} : { signatures }),
      ...(steered === undefined
        ? {}
        : { decision: explainDecision(client, steered, located, sources) }),
    },
  };
}

function readQuestion(query: URLSearchParams): Result<Question, string> {
  const name = query.get("name") ?? "";
  const type = (query.get("type") ?? "A").toUpperCase();
  const text = query.get("client") ?? "";
  if (!/^[\x21-\x7e]{1,255}$/.test(name)) return fail("name: which name? (?name=www.example.test)");
  const isDnssecOk = query.get("dnssec") === "1";
  const qtype = typeNumber(type);
  if (qtype === undefined) return fail(`type: "${type}" is not a type such as A, HTTPS or TYPE65`);
  const address = parseIp(text);
  if (address.ok) {
    const length = address.value.length * 8;
    return ok({
      name,
      type: typeName(qtype),
      client: { bytes: address.value, length },
      isDnssecOk,
    });
  }
  const prefix = parsePrefix(text);
  if (!prefix.ok) return fail(`client: "${text}" is neither an address nor a prefix`);
  if (prefix.value.length === 0) return fail("client: /0 says nothing about anybody");
  return ok({ name, type: typeName(qtype), client: prefix.value, isDnssecOk });
}

/** The number of a type in words or as `TYPE65` (RFC 3597 section 5); undefined: there is none. */
function typeNumber(word: string): number | undefined {
  const named: number | undefined = (TYPE as Readonly<Record<string, number>>)[word];
  const number = named ?? Number(/^TYPE(\d{1,5})$/.exec(word)?.[1] ?? Number.NaN);
  return number > 0 && number <= 0xffff ? number : undefined;
}

function ask({ name, type, client }: Question, snapshot: Snapshot, flags = 0) {
  const packet = encode({
    type: "query",
    id: 0,
    questions: [{ name, type: "A", class: "IN" }],
    additionals: [
      {
        type: "OPT",
        name: ".",
        udpPayloadSize: UDP_BYTES_DEFAULT,
        flags,
        options: [
          {
            code: "CLIENT_SUBNET",
            family: client.bytes.length === 4 ? 1 : 2,
            sourcePrefixLength: client.length,
            ip: formatIp(client.bytes),
          },
        ],
      } as unknown as NonNullable<Packet["additionals"]>[number],
    ],
  });
  // The encoder knows fewer types than we do: the type stands before the class of the question.
  packet.writeUInt16BE(typeNumber(type) ?? TYPE.A, questionEndOf(packet) - 4);
  const out = new Uint8Array(MESSAGE_BYTES_MAX);
  const recorder = new AnswerNotes();
  const context = {
    peer: client.bytes,
    transport: "tcp",
    snapshot,
    maxUdpBytes: UDP_BYTES_DEFAULT,
    recorder,
  } as const;
  const outcome = answerQuery(packet, context, out);
  const octets = out.subarray(0, outcome.length);
  const message = decode(Buffer.from(octets));
  return {
    steered: outcome.steered,
    message,
    explained: explainMessage(octets, message, outcome, recorder),
    answer: {
      rcode: (message as { rcode?: string }).rcode ?? "NOERROR",
      records: (message.answers ?? []).map((record) => ({
        name: record.name,
        type: record.type,
        ttl: "ttl" in record ? record.ttl : undefined,
        data: "data" in record ? record.data : undefined,
      })),
      ttlSeconds: outcome.steered?.answer.ttlSeconds ?? null,
      scopePrefixLength: outcome.steered?.answer.scopePrefixLength ?? null,
    },
  };
}

/** The answer as it goes out: header, OPT record, sections, and why each record is there. */
function explainMessage(
  octets: Uint8Array,
  message: DecodedPacket,
  { rcode, steered }: Outcome,
  recorder: AnswerNotes,
) {
  const { answer } = steered ?? {};
  const chosen = steered && { site: steered.site, pop: answer?.pop, reason: answer?.reason ?? "" };
  const opt = message.additionals?.find((record) => record.type === "OPT");
  const flags = ["aa", "tc", "rd", "ra", "ad", "cd"] as const;
  const { zone } = recorder;
  return {
    rcode: rcodeName(rcode),
    flags: ["qr", ...flags.filter((flag) => message[`flag_${flag}`])],
    bytes: octets.length,
    zone: zone === undefined ? null : formatName(zone.origin),
    edns: opt === undefined ? null : explainOpt(opt as unknown as OptFields),
    ...explainSections(octets, recorder, chosen),
  };
}

/** The fields of an OPT record as the decoder names them. */
interface OptFields {
  readonly udpPayloadSize: number;
  readonly flag_do: boolean;
  readonly options: readonly {
    readonly code: number;
    readonly ip?: string;
    readonly sourcePrefixLength?: number;
    readonly scopePrefixLength?: number;
    readonly data?: Uint8Array;
  }[];
}

function explainOpt({ udpPayloadSize, flag_do: dnssecOk, options }: OptFields) {
  const subnet = options.find(({ code }) => code === OPTION.CLIENT_SUBNET);
  const data = options.find(({ code }) => code === OPTION.EXTENDED_ERROR)?.data;
  return {
    udpBytes: udpPayloadSize,
    dnssecOk,
    clientSubnet:
      subnet === undefined
        ? null
        : {
            source: `${subnet.ip}/${subnet.sourcePrefixLength}`,
            scopePrefixLength: subnet.scopePrefixLength ?? 0,
          },
    extendedError: data === undefined ? null : wordAt(data, 0),
  };
}

function questionEndOf(packet: Uint8Array): number {
  return (readName(packet, HEADER_BYTES)?.end ?? HEADER_BYTES) + 4;
}

function explainDecision(
  client: IpPrefix,
  answer: SteerAnswer,
  located: LocatedIn | undefined,
  sources: ExplainSources,
) {
  const { view } = sources;
  const { bytes, length } = client;
  const place = locateClient(view.map, { bytes, prefixLength: length, source: "ecs" });
  return {
    location: located ?? null,
    map: {
      prefix: formatPrefix(prefixAt(place.table, place.position)),
      reason: place.leaf.reason,
      scope: formatPrefix({
        bytes: maskIp(bytes, place.scopePrefixLength),
        length: place.scopePrefixLength,
      }),
    },
    chosen: { pop: answer.pop ?? null, reason: answer.reason },
    health: sources.quorum,
    load: explainLoad(view, place, sources.load),
    ranking: place.leaf.ranking.map((index, rank) => {
      const pop = view.pops[index];
      return pop === undefined
        ? null
        : explainPop(pop, rank, {
            index,
            located,
            answer,
            sources,
            isHome: index === choosePop(view, place).home,
          });
    }),
  };
}

function explainPop(
  pop: SteerPop,
  rank: number,
  context: {
    readonly index: number;
    readonly located: LocatedIn | undefined;
    readonly answer: SteerAnswer;
    readonly sources: ExplainSources;
    readonly isHome: boolean;
  },
) {
  const { located, answer, sources, isHome } = context;
  const from = located?.place;
  const to = sources.places[context.index];
  const isChosen = pop.name === answer.pop;
  const hasUp = pop.edges.some((edge) => edge.standing === "up");
  return {
    rank: rank + 1,
    pop: pop.name,
    km: from === undefined || to === undefined ? null : Math.round(distanceKm(from, to)),
    chosen: isChosen,
    note: popNote({ isChosen, hasUp, isHome }, answer.reason),
    ...explainPopLoad(pop.name, sources.load),
    edges: pop.edges.map((edge) => {
      const health = sources.health.get(edge.name);
      return {
        edge: edge.name,
        addresses: [edge.v4, edge.v6].flatMap((bytes) => (bytes ? [formatIp(bytes)] : [])),
        health: health === undefined ? "unknown" : visibleHealth(health),
        detail: health?.detail ?? "",
        votes: sources.votes(edge.name),
        since: health === undefined ? null : new Date(health.since).toISOString(),
        answered: [edge.v4, edge.v6].some((bytes) => bytes && answer.addresses.includes(bytes)),
      };
    }),
  };
}
