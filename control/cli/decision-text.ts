import { basename } from "node:path";
import { stringify } from "yaml";
import { type DnsDecision, type DnsMessage, readDnsDecision } from "../dns-decision.ts";
import { type HttpDecision, readHttpDecision } from "../http-decision.ts";
import { formatTable } from "./table.ts";

/** Writes a router's decision for people (P): who asked, what is known of them, whom they get. */
export function formatDnsDecision(decision: unknown): string {
  const known = readDnsDecision(decision);
  return known === undefined ? formatFacts(decision) : narrate(known);
}

/** Writes an edge's decision for people (P): what it would do with a request, and from what. */
export function formatHttpDecision(decision: unknown): string {
  const known = readHttpDecision(decision);
  return known === undefined ? formatFacts(decision) : narrateHttp(known);
}

function narrateHttp(known: HttpDecision): string {
  const { method, url, site, ruleText = "none matches", key, stored = [], state } = known;
  const { origin, redirect } = known;
  const facts = [
    ["asked", `${method} ${url}`],
    ["site", site ?? "none"],
  ];
  if (site !== undefined) facts.push(["rule", ruleText]);
  if (key !== undefined) facts.push(["key", key]);
  if (origin !== undefined) facts.push(["origin", `asked for ${origin.host}${origin.target}`]);
  if (redirect !== undefined) facts.push(["sends to", `${redirect.location} (${redirect.status})`]);
  if (site !== undefined && stored.length === 0) facts.push(["stored", "nothing"]);
  for (const object of stored) facts.push(["stored", storedText(object)]);
  facts.push(["would", doing(known)], ["state", `${state.status}, version ${state.version}`]);
  return formatTable(facts, "  ");
}

type Stored = NonNullable<HttpDecision["stored"]>[number];

function storedText(stored: Stored): string {
  const { status, bytes, ageSeconds, ttlSeconds, varyOn, encoding, slices } = stored;
  const left = Math.floor(Math.abs(ttlSeconds));
  const names = varyOn.map(([name]) => name).join(", ");
  const freshness = `${ttlSeconds > 0 ? "fresh" : "stale"} for ${left} s`;
  const varies = names === "" ? "" : `, varies on ${names}`;
  const kept =
    slices === undefined ? "" : `, ${slices.inMemory} of ${slices.count} slices in memory`;
  const age = `age ${Math.floor(ageSeconds)} s`;
  return `${status}, ${bytes} bytes${kept}, ${age}, ${freshness}${varies}${formsText(encoding)}`;
}

function formsText(encoding: Stored["encoding"]): string {
  const forms = Object.entries(encoding?.forms ?? {})
    .map(([coding, bytes]) => (bytes === 0 ? `${coding} in vain` : `${coding} ${bytes} bytes`))
    .join(", ");
  if (forms !== "") return `; encoded: ${forms}`;
  const reason = encoding?.reason;
  return reason === undefined || reason === "off" ? "" : `; not encoded, because: ${reason}`;
}

const DOING: Readonly<Record<string, string>> = {
  serve: "answer from the cache",
  "serve-stale-refresh": "answer from the cache, stale, and refresh it behind",
  revalidate: "ask the origin whether what is stored is still right",
  fetch: "fetch from the origin",
  redirect: "send the client elsewhere",
  bypass: "go past the cache to the origin",
  refuse: "refuse",
  reject: "reject",
};

function doing({ decision, fillUnderWay, coalesced }: HttpDecision): string {
  const { kind, reason } = decision;
  const what = DOING[kind] ?? kind;
  const why = reason === undefined ? "" : `, because: ${reason}`;
  if (kind !== "fetch" && kind !== "revalidate") return what + why;
  if (coalesced === false) return `${what}${why}; clients of this key do not wait for one another`;
  return fillUnderWay === true ? `${what}${why}; with those who do so already` : what + why;
}

/** Writes any decision for people (P): its facts one below the other, in the order they came. */
export function formatFacts(facts: unknown): string {
  return stringify(facts, { lineWidth: 0 }).replace(/^(?=.)/gm, "  ");
}

function narrate({ query, site, answer, message, signatures = [], decision }: DnsDecision): string {
  const facts = [
    ["asked", `${query.name} ${query.type}, for ${query.client}, taken for ${query.takenFor}`],
    ["site", site ?? "none: the answer does not depend on who asks"],
    ...(decision === undefined ? [] : steeringFacts(decision)),
    ["answer", answerText(answer)],
    ...(message === undefined ? [] : messageFacts(message)),
  ];
  const records = answer.records.map(({ name, type, ttl, data }) => [
    name,
    String(ttl ?? ""),
    type,
    typeof data === "string" ? data : JSON.stringify(data),
  ]);
  const ranking = decision === undefined ? [] : rankingRows(decision);
  const signed = signatures.map(({ section, name, type, why }) => [section, name, type, why]);
  return [
    formatTable(facts, "  "),
    message === undefined ? formatTable(records, "    ") : sectionsText(message),
    signatures.length === 0 || message?.edns?.dnssecOk === true
      ? ""
      : `  with DNSSEC also\n${formatTable(signed, "    ")}`,
    ranking.length === 0 ? "" : `  candidates\n${formatTable(ranking, "    ")}`,
  ].join("");
}

function messageFacts({ flags, bytes, zone, edns }: DnsMessage): string[][] {
  const size = `${flags.join(" ")}, ${bytes} octets`;
  const facts = [["message", zone === null ? size : `${size}, from the zone ${zone}`]];
  if (edns === null) return facts;
  const { udpBytes, dnssecOk, clientSubnet, extendedError } = edns;
  const parts = [
    `EDNS, ${udpBytes} octets over UDP`,
    ...(dnssecOk ? ["DO"] : []),
    ...(clientSubnet === null
      ? []
      : [`client subnet ${clientSubnet.source}, scope ${clientSubnet.scopePrefixLength}`]),
    ...(extendedError === null ? [] : [`extended error ${extendedError}`]),
  ];
  return [...facts, ["OPT", parts.join("; ")]];
}

/** Each record as a zone file would have it, and below it why it is there. */
function sectionsText(message: DnsMessage): string {
  return (["answer", "authority", "additional"] as const)
    .filter((section) => message[section].length > 0)
    .map((section) => {
      const records = message[section].map(
        ({ name, ttl, type, data, why }) =>
          `    ${name} ${ttl} ${type} ${data}\n      ; ${why.text}\n`,
      );
      return `  ${section} section\n${records.join("")}`;
    })
    .join("");
}

function answerText({ rcode, scopePrefixLength }: DnsDecision["answer"]): string {
  if (scopePrefixLength === null) return rcode;
  return `${rcode}, the same for everybody who shares the first ${scopePrefixLength} bits`;
}

type Steering = NonNullable<DnsDecision["decision"]>;

function steeringFacts({ location, map, chosen, load, health }: Steering): string[][] {
  return [
    ["client is", locationText(location)],
    ["map says", `${map.prefix}: ${map.reason}`],
    ...(load === undefined ? [] : [["load", loadText(load)]]),
    ...(health === undefined || health === "majority"
      ? []
      : [["health", QUORUM[health] ?? health]]),
    ["chosen", `${chosen.pop ?? "nobody"}, because: ${chosen.reason}`],
  ];
}

const QUORUM: Readonly<Record<string, string>> = {
  alone: "no majority of routers is heard: as this one sees it",
  frozen: "no majority of routers is heard, and this one sees too little: as before",
};

function loadText({ status, home, keeps, client, gives }: NonNullable<Steering["load"]>): string {
  if (keeps === undefined || client === undefined) return status;
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
  const to = (gives ?? []).map(({ pop, fraction }) => `${percent(fraction)} to ${pop}`).join(", ");
  return `${home ?? ""} keeps ${percent(keeps)} of its clients (${to}); this one is at ${percent(client)}`;
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
