import { basename } from "node:path";
import { stringify } from "yaml";
import { type DnsDecision, readDnsDecision } from "../dns-decision.ts";
import { formatTable } from "./table.ts";

/** Writes a router's decision for people (P): who asked, what is known of them, whom they get. */
export function formatDnsDecision(decision: unknown): string {
  const known = readDnsDecision(decision);
  return known === undefined ? formatFacts(decision) : narrate(known);
}

/** Writes any decision for people (P): its facts one below the other, in the order they came. */
export function formatFacts(facts: unknown): string {
  return stringify(facts, { lineWidth: 0 }).replace(/^(?=.)/gm, "  ");
}

function narrate({ query, site, answer, decision }: DnsDecision): string {
  const facts = [
    ["asked", `${query.name} ${query.type}, for ${query.client}, taken for ${query.takenFor}`],
    ["site", site ?? "none: the answer does not depend on who asks"],
    ...(decision === undefined ? [] : steeringFacts(decision)),
    ["answer", answerText(answer)],
  ];
  const records = answer.records.map(({ name, type, ttl, data }) => [
    name,
    String(ttl ?? ""),
    type,
    typeof data === "string" ? data : JSON.stringify(data),
  ]);
  const ranking = decision === undefined ? [] : rankingRows(decision);
  return [
    formatTable(facts, "  "),
    formatTable(records, "    "),
    ranking.length === 0 ? "" : `  candidates\n${formatTable(ranking, "    ")}`,
  ].join("");
}

function answerText({ rcode, scopePrefixLength }: DnsDecision["answer"]): string {
  if (scopePrefixLength === null) return rcode;
  return `${rcode}, the same for everybody who shares the first ${scopePrefixLength} bits`;
}

type Steering = NonNullable<DnsDecision["decision"]>;

function steeringFacts({ location, map, chosen }: Steering): string[][] {
  return [
    ["client is", locationText(location)],
    ["map says", `${map.prefix}: ${map.reason}`],
    ["chosen", `${chosen.pop ?? "nobody"}, because: ${chosen.reason}`],
  ];
}

function locationText(location: Steering["location"]): string {
  if (location === null) return "nowhere that the database knows";
  const { country, place, database } = location;
  const where = place ? ` near ${place.latitude.toFixed(1)},${place.longitude.toFixed(1)}` : "";
  return `${country ?? "somewhere"}${where} (${basename(database)})`;
}

function rankingRows({ ranking }: Steering): string[][] {
  return ranking.flatMap(({ rank, pop, km, note, edges }) =>
    edges.map(({ edge, health, detail, answered }, index) => [
      index === 0 ? `${rank}.` : "",
      index === 0 ? pop : "",
      index === 0 && km !== null ? `${km} km` : "",
      edge,
      detail === "" ? health : `${health} (${detail})`,
      answered ? "<- answered" : note === "answered" ? "" : note,
    ]),
  );
}
