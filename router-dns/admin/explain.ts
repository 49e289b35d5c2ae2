import { DNSSEC_OK, decode, encode, type Packet } from "dns-packet";
import type { AdminAnswer } from "../../common/admin-server.ts";
import {
  formatIp,
  formatPrefix,
  type IpPrefix,
  maskIp,
  parseIp,
  parsePrefix,
} from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { locateClient, type SteerPop, type SteerView } from "../geo/choose.ts";
import type { DatabaseSource } from "../geo/database.ts";
import { type LocatedIn, locateIn } from "../geo/locate.ts";
import { distanceKm, type Place } from "../geo/place.ts";
import { prefixAt } from "../geo/prefix-table.ts";
import { type EdgeHealth, visibleHealth } from "../health/board.ts";
import { answerQuery, type Snapshot, UDP_BYTES_DEFAULT } from "../pipeline.ts";
import type { SteerAnswer } from "../steering.ts";
import { MESSAGE_BYTES_MAX } from "../transport/answer.ts";
import { explainSignatures } from "./explain-signatures.ts";

/** What an explanation is made from: exactly what queries are answered from at the moment. */
export interface ExplainSources {
  readonly snapshot: Snapshot;
  readonly view: SteerView;
  /** Of each PoP of the view. */
  readonly places: readonly Place[];
  readonly health: ReadonlyMap<string, EdgeHealth>;
  readonly databases: readonly DatabaseSource[];
}

interface Question {
  readonly name: string;
  readonly type: "A" | "AAAA";
  readonly client: IpPrefix;
}

/**
 * Answers `/explain?name=&client=&type=`: the query is put to the pipeline as a packet with that
 * client subnet, and the steps of the decision are shown beside what it answered.
 */
export function explainQuery(query: URLSearchParams, sources: ExplainSources): AdminAnswer {
  const question = readQuestion(query);
  if (!question.ok) return { status: 400, body: { error: question.error } };
  const { name, type, client } = question.value;
  const asked = ask(question.value, sources.snapshot);
  const signatures = explainSignatures(ask(question.value, sources.snapshot, DNSSEC_OK).message);
  const steered = asked.steered?.answer;
  return {
    status: 200,
    body: {
      query: { name, type, client: formatPrefix(client), takenFor: "client subnet (ECS)" },
      site: asked.steered?.site ?? null,
      answer: asked.answer,
      ...(signatures.length === 0 ? {} : { signatures }),
      ...(steered === undefined ? {} : { decision: explainDecision(client, steered, sources) }),
    },
  };
}

function readQuestion(query: URLSearchParams): Result<Question, string> {
  const name = query.get("name") ?? "";
  const type = (query.get("type") ?? "A").toUpperCase();
  const text = query.get("client") ?? "";
  if (!/^[\x21-\x7e]{1,255}$/.test(name)) return fail("name: which name? (?name=www.example.test)");
  if (type !== "A" && type !== "AAAA") return fail("type: only A and AAAA are steered");
  const address = parseIp(text);
  if (address.ok) {
    const length = address.value.length * 8;
    return ok({ name, type, client: { bytes: address.value, length } });
  }
  const prefix = parsePrefix(text);
  if (!prefix.ok) return fail(`client: "${text}" is neither an address nor a prefix`);
  if (prefix.value.length === 0) return fail("client: /0 says nothing about anybody");
  return ok({ name, type, client: prefix.value });
}

function ask({ name, type, client }: Question, snapshot: Snapshot, flags = 0) {
  const packet = encode({
    type: "query",
    id: 0,
    questions: [{ name, type, class: "IN" }],
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
  const out = new Uint8Array(MESSAGE_BYTES_MAX);
  const context = {
    peer: client.bytes,
    transport: "tcp",
    snapshot,
    maxUdpBytes: UDP_BYTES_DEFAULT,
  } as const;
  const outcome = answerQuery(packet, context, out);
  const message = decode(Buffer.from(out.subarray(0, outcome.length)));
  return {
    steered: outcome.steered,
    message,
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

function explainDecision(client: IpPrefix, answer: SteerAnswer, sources: ExplainSources) {
  const { view, databases } = sources;
  const { bytes, length } = client;
  const place = locateClient(view.map, { bytes, prefixLength: length, source: "ecs" });
  const located = locateIn(databases, bytes);
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
    ranking: place.leaf.ranking.map((index, rank) => {
      const pop = view.pops[index];
      return pop === undefined ? null : explainPop(pop, rank, { index, located, answer, sources });
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
  },
) {
  const { located, answer, sources } = context;
  const from = located?.place;
  const to = sources.places[context.index];
  const isChosen = pop.name === answer.pop;
  const hasUp = pop.edges.some((edge) => edge.standing === "up");
  return {
    rank: rank + 1,
    pop: pop.name,
    km: from === undefined || to === undefined ? null : Math.round(distanceKm(from, to)),
    chosen: isChosen,
    note: isChosen ? "answered" : hasUp ? "not needed" : "skipped: no edge that is up",
    edges: pop.edges.map((edge) => {
      const health = sources.health.get(edge.name);
      return {
        edge: edge.name,
        addresses: [edge.v4, edge.v6].flatMap((bytes) => (bytes ? [formatIp(bytes)] : [])),
        health: health === undefined ? "unknown" : visibleHealth(health),
        detail: health?.detail ?? "",
        since: health === undefined ? null : new Date(health.since).toISOString(),
        answered: [edge.v4, edge.v6].some((bytes) => bytes && answer.addresses.includes(bytes)),
      };
    }),
  };
}
