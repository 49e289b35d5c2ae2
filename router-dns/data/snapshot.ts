import { challengeName, delegatedName } from "../../common/acme-names.ts";
import type { HttpsConfig } from "../../common/config/https.ts";
import type { EdgeConfig, PopConfig } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import { type IpBytes, type IpPrefix, parseIp } from "../../common/ip.ts";
import type { Result } from "../../common/result.ts";
import type { ChallengeRecord } from "../../state/certificates.ts";
import type { LoadPlan } from "../../state/records.ts";
import {
  possibleAnswers,
  possiblePairs,
  type Standing,
  type SteerPop,
  type SteerSite,
  type SteerView,
} from "../geo/choose.ts";
import type { MapPop, SteeringMap } from "../geo/compile.ts";
import { nameSeed } from "../geo/hash.ts";
import { type EdgeHealth, lastGood } from "../health/board.ts";
import { steerLoad } from "../load/steer-load.ts";
import { zoneKeyOf } from "../sign/dnskey.ts";
import type { SteeredPair } from "../sign/sign-ahead.ts";
import type { SteeredSet } from "../signing.ts";
import { TYPE } from "../wire/codes.ts";
import { type NameKey, parseName } from "../wire/name.ts";
import { type HttpsService, httpsService } from "../wire/svcb.ts";
import { type BrokenAlias, brokenAliases } from "../zone/alias.ts";
import { buildCdnZone, type HostAddress, type NamedText } from "../zone/cdn-zone.ts";
import { buildReverseZones } from "../zone/reverse-zone.ts";
import { buildZoneTable, type Zone, type ZoneTable } from "../zone/zone.ts";

/** What the CDN's own zone says besides the sites. */
export interface CdnIdentity {
  readonly domain: string;
  readonly nameservers: readonly HostAddress[];
  readonly hostmaster?: string;
  readonly ttlSeconds: number;
  readonly pops: readonly PopConfig[];
  /** Quick mode: every name below the domain is steered. */
  readonly anyName: boolean;
  /** Names below those of edges have their addresses, for redirects; left out: there are none. */
  readonly hasNamesBelowEdges?: boolean;
  /** HTTPS records of sites that do not say it themselves; left out: none. */
  readonly https?: HttpsConfig;
  /** Addresses whose names we have: zones in in-addr.arpa and ip6.arpa; left out: none. */
  readonly reverse?: readonly IpPrefix[];
  /** The longest TTL of zones that are signed, by their apex; left out: none is. */
  readonly maxTtls?: ReadonlyMap<NameKey, number>;
}

/** The site that names of quick mode are counted under when there is no site. */
const ANY_SITE = "any";

/** What changes in the CDN's own zone. */
export interface CdnContent {
  readonly sites: ReadonlyMap<string, Site>;
  /** What certificate authorities want to see; left out: nothing. */
  readonly challenges?: Iterable<ChallengeRecord>;
}

/** The CDN's own zone, built for the sites of the moment, and the others (P). */
export function buildZones(
  identity: CdnIdentity,
  others: readonly Zone[],
  { sites, challenges = [] }: CdnContent,
  serial: number,
): Result<ZoneTable, string> {
  const { domain, nameservers, hostmaster, ttlSeconds, pops, anyName } = identity;
  const [first = ANY_SITE] = sites.keys();
  const maxTtlOf = (zone: string) => identity.maxTtls?.get(zoneKeyOf(zone));
  const maxTtlSeconds = maxTtlOf(domain);
  const edges = pops.flatMap((pop) => pop.edges.flatMap(edgeAddresses));
  const common = { domain, nameservers, serial, edges, ...(hostmaster && { hostmaster }) };
  const own = buildCdnZone({
    ...common,
    ttlSeconds,
    ...(maxTtlSeconds === undefined ? {} : { maxTtlSeconds }),
    sites: [...sites.keys()],
    services: servicesOf(sites, identity.https),
    texts: challengeTexts(challenges, domain),
    ...(anyName ? { anyNameSite: first } : {}),
    hasNamesBelowEdges: identity.hasNamesBelowEdges ?? false,
  });
  if (!own.ok) return own;
  const reverse = buildReverseZones({ ...common, prefixes: identity.reverse ?? [], maxTtlOf });
  return buildZoneTable([own.value, ...reverse, ...others]);
}

/** Of one string of a TXT record (RFC 1035 section 3.3). */
const TEXT_BYTES_MAX = 255;

/**
 * The TXT records that prove that hosts are ours (P; RFC 8555 section 8.4): each at the name that
 * customers' challenges may lead to, and at its own if that lies in the CDN's zone.
 */
function challengeTexts(challenges: Iterable<ChallengeRecord>, domain: string): NamedText[] {
  const texts: NamedText[] = [];
  for (const { kind, host, value: text } of challenges) {
    if (kind !== "dns-01" || Buffer.byteLength(text) > TEXT_BYTES_MAX) continue;
    texts.push({ name: delegatedName(host, domain), text });
    if (host !== domain && !host.endsWith(`.${domain}`)) continue;
    const name = challengeName(host);
    // What the store holds may be damaged, and must not take the zone with it.
    if (parseName(name).ok) texts.push({ name, text });
  }
  return texts;
}

/** What HTTPS records of the sites say that have them. */
function servicesOf(
  sites: ReadonlyMap<string, Site>,
  common: HttpsConfig | undefined,
): ReadonlyMap<string, HttpsService> {
  const services = new Map<string, HttpsService>();
  for (const [name, site] of sites) {
    const https = site.https ?? common;
    if (https?.enabled !== true) continue;
    const { alpn, port, hints: hasHints } = https;
    services.set(name, httpsService({ alpn, port, hasHints }));
  }
  return services;
}

/** Aliases of files that lead nowhere, among all zones of a server (P). */
export function brokenAliasesOf(
  table: ZoneTable,
  fileZones: readonly Zone[],
): readonly BrokenAlias[] {
  const files: ReadonlySet<Zone> = new Set(fileZones);
  return brokenAliases(table, fileZones, (zone) => files.has(zone));
}

/** What choosing needs, at one moment (P). */
export function buildView(parts: {
  readonly map: SteeringMap;
  readonly pops: readonly PopConfig[];
  readonly sites: ReadonlyMap<string, Site>;
  readonly health: ReadonlyMap<string, EdgeHealth>;
  readonly ttlSeconds: number;
  readonly answersMax: number;
  readonly plan?: LoadPlan | undefined;
}): SteerView {
  const { map, pops, sites, health, ttlSeconds, answersMax, plan } = parts;
  const good = lastGood(health);
  return {
    map,
    ttlSeconds,
    pops: pops.map((pop) => toSteerPop(pop, health, good)),
    sites: new Map([...sites].map(([name, site]) => [name, toSteerSite(site, answersMax)])),
    anySite: { allDown: { kind: "serve-all" }, answersMax },
    load: steerLoad(plan, pops),
  };
}

/** Every set of addresses that a steered name can be answered with while an edge is up (P). */
export function steeredSets(view: SteerView): readonly SteeredSet[] {
  const { ttlSeconds } = view;
  return ([4, 6] as const).flatMap((family) =>
    possibleAnswers(view, family).map((addresses) => ({
      type: family === 4 ? TYPE.A : TYPE.AAAA,
      ttlSeconds,
      rdatas: addresses,
    })),
  );
}

/** The same, with both families of each answer together (P). */
export function steeredPairs(view: SteerView): readonly SteeredPair[] {
  const { ttlSeconds } = view;
  return possiblePairs(view).map((pair) => ({ ...pair, ttlSeconds }));
}

/** A PoP of the configuration as the map takes it (P). */
export function toMapPop(pop: PopConfig): MapPop {
  const [latitude, longitude] = pop.location;
  return {
    name: pop.name,
    place: { latitude, longitude },
    ...(pop.deep === undefined ? {} : { deep: pop.deep }),
  };
}

function toSteerSite(site: Site, answersMax: number): SteerSite {
  const answers = site.answers ?? answersMax;
  const { allDown, ecs } = site;
  if (typeof allDown === "string") return { allDown: { kind: allDown }, answersMax: answers, ecs };
  const target = parseName(allDown.backup);
  // A name that a checked configuration let through and DNS cannot carry: then as by default.
  return {
    allDown: target.ok ? { kind: "backup", target: target.value } : { kind: "serve-all" },
    answersMax: answers,
    ecs,
  };
}

function toSteerPop(
  pop: PopConfig,
  health: ReadonlyMap<string, EdgeHealth>,
  good: ReadonlySet<string>,
): SteerPop {
  return {
    name: pop.name,
    seed: nameSeed(pop.name),
    edges: pop.edges.map((edge) => {
      const addresses = [edge.address, edge.address2].map(toBytes);
      return {
        name: edge.name,
        seed: nameSeed(edge.name),
        weight: edge.weight ?? 1,
        isLastGood: good.has(edge.name),
        v4: addresses.find((bytes) => bytes?.length === 4),
        v6: addresses.find((bytes) => bytes?.length === 16),
        standing: standingOf(health.get(edge.name)),
      };
    }),
  };
}

/** An edge that no probe has come back from counts as up: nothing speaks against it. */
function standingOf(health: EdgeHealth | undefined): Standing {
  if (health?.drained === true) return "drained";
  return health?.probed === "down" ? "down" : "up";
}

function edgeAddresses(edge: EdgeConfig): HostAddress[] {
  const { name, address, address2 } = edge;
  return [address, ...(address2 === undefined ? [] : [address2])].map((text) => ({
    name,
    address: text,
  }));
}

function toBytes(text: string | undefined): IpBytes | undefined {
  const bytes = text === undefined ? undefined : parseIp(text);
  return bytes?.ok === true ? bytes.value : undefined;
}
