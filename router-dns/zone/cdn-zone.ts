import { invariant } from "../../common/assert.ts";
import { parseIp } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { TYPE } from "../wire/codes.ts";
import { isAtOrBelow, type Name, nameKey, parseName } from "../wire/name.ts";
import { addressRdata, nameRdata, soaRdata, txtRdata } from "../wire/rdata.ts";
import type { HttpsService } from "../wire/svcb.ts";
import { buildZone, groupByOwner, type SteeredName, type Zone, type ZoneRecord } from "./zone.ts";

/**
 * A host name and one of its addresses, as text. A host with several addresses is given several
 * times.
 */
export interface HostAddress {
  readonly name: string;
  readonly address: string;
}

/** Whose zones are made, and by which servers they are served. */
export interface Infrastructure {
  /** The CDN domain, such as `kingcdn.test`. */
  readonly domain: string;
  /** Those inside the domain get their address records in the zone. At least one. */
  readonly nameservers: readonly HostAddress[];
  /** Mailbox of the SOA as a domain name; left out: `hostmaster.<domain>`. */
  readonly hostmaster?: string;
  /** The longest TTL that a record may have; left out: there is none. */
  readonly maxTtlSeconds?: number;
  /** Serial of the SOA: 0 to 2^32 - 1. */
  readonly serial: number;
}

/** What the CDN's own zone is made of. Names come from a checked configuration. */
export interface CdnZoneOptions extends Infrastructure {
  /** TTL of the addresses of single edges, in seconds. */
  readonly ttlSeconds: number;
  /**
   * Sites steered at `<site>.<domain>`. A name that is taken by a name server stays the server's.
   */
  readonly sites: readonly string[];
  /** What HTTPS records of sites say; sites that are not in it have none. */
  readonly services?: ReadonlyMap<string, HttpsService>;
  /**
   * Quick mode: the site that every name below the domain without data of its own is steered for.
   */
  readonly anyNameSite?: string;
  /** Edges reached at `<edge>.edge.<domain>`, one label each. */
  readonly edges: readonly HostAddress[];
  /** True: every name below an edge's has its addresses too. Redirects lead there. */
  readonly hasNamesBelowEdges?: boolean;
  /** TXT records that come and go, in the zone; left out: none. */
  readonly texts?: readonly NamedText[];
}

/** A name with its final label, and the text of a TXT record there. */
export interface NamedText {
  readonly name: string;
  /** At most 255 octets. */
  readonly text: string;
}

/** TTL of what changes only with the configuration: SOA, NS and the name servers' addresses. */
const INFRASTRUCTURE_TTL_SECONDS = 3600;

/** Of what is asked for once and is another one the next time. */
const TEXT_TTL_SECONDS = 1;

/** How long "no such site" may be remembered, so that a new site is seen within a minute. */
const NEGATIVE_TTL_SECONDS = 60;

/** Room below the domain: `<edge>.edge` with labels of up to 63 octets, and their length octets. */
const ROOM_BELOW_BYTES = 64 + 5;

/** And the label of a site before them. */
const ROOM_BELOW_EDGES_BYTES = 64 + ROOM_BELOW_BYTES;

/** Builds the zone of the CDN domain (P). Fails if names below the domain would be too long. */
export function buildCdnZone(options: CdnZoneOptions): Result<Zone, string> {
  const origin = mustParseName(options.domain);
  const { hasNamesBelowEdges = false, ttlSeconds } = options;
  const room = hasNamesBelowEdges ? ROOM_BELOW_EDGES_BYTES : ROOM_BELOW_BYTES;
  if (origin.length > 255 - room) {
    return fail(
      `"${options.domain}" is too long: names of edges below it would not fit 255 octets`,
    );
  }
  // One wildcard for each edge instead of a name for each of its sites.
  const owners = hasNamesBelowEdges ? ["", "*."] : [""];
  const records = [
    ...infrastructure(options, origin).records,
    ...owners.flatMap((prefix) =>
      options.edges.map(({ name, address }) =>
        addressRecord(mustParseName(`${prefix}${name}.edge`, origin), address, ttlSeconds),
      ),
    ),
    ...(options.texts ?? []).map(({ name, text }) => ({
      owner: mustParseName(name),
      type: TYPE.TXT,
      ttlSeconds: TEXT_TTL_SECONDS,
      rdata: txtRdata([Buffer.from(text)]),
    })),
  ];
  const taken = new Set(records.map(({ owner }) => nameKey(owner)));
  const steered = steeredNames(options, origin).filter(({ owner }) => !taken.has(nameKey(owner)));
  return ok(buildZone({ origin, records: groupByOwner(records), steered }));
}

/** SOA, NS and glue of a zone of ours, and the TTL of what changes with the configuration (P). */
export function infrastructure(
  options: Infrastructure,
  origin: Name,
): { readonly records: readonly ZoneRecord[]; readonly ttlSeconds: number } {
  const primary = options.nameservers[0];
  invariant(primary !== undefined, "a CDN zone has a name server");
  const ttlSeconds = Math.min(
    INFRASTRUCTURE_TTL_SECONDS,
    options.maxTtlSeconds ?? INFRASTRUCTURE_TTL_SECONDS,
  );
  const soa = soaRdata({
    primary: mustParseName(primary.name),
    hostmaster: mustParseName(options.hostmaster ?? `hostmaster.${options.domain}`),
    serial: options.serial,
    refreshSeconds: 7200,
    retrySeconds: 900,
    expireSeconds: 1_209_600,
    minimumSeconds: NEGATIVE_TTL_SECONDS,
  });
  const records: ZoneRecord[] = [{ owner: origin, type: TYPE.SOA, ttlSeconds, rdata: soa }];
  for (const { name, address } of options.nameservers) {
    const target = mustParseName(name);
    records.push({ owner: origin, type: TYPE.NS, ttlSeconds, rdata: nameRdata(target) });
    if (isAtOrBelow(nameKey(target), nameKey(origin))) {
      records.push(addressRecord(target, address, ttlSeconds));
    }
  }
  return { records, ttlSeconds };
}

function steeredNames(options: CdnZoneOptions, origin: Name): readonly SteeredName[] {
  const sites = options.sites.map((site): SteeredName => {
    const service = options.services?.get(site);
    return { owner: mustParseName(site, origin), site, ...(service && { service }) };
  });
  if (options.anyNameSite === undefined) return sites;
  return [...sites, { owner: mustParseName("*", origin), site: options.anyNameSite }];
}

function addressRecord(owner: Name, address: string, ttlSeconds: number): ZoneRecord {
  const bytes = parseIp(address);
  invariant(bytes.ok, "addresses of a CDN zone come from a checked configuration");
  const type = bytes.value.length === 4 ? TYPE.A : TYPE.AAAA;
  return { owner, type, ttlSeconds, rdata: addressRdata(bytes.value) };
}

function mustParseName(text: string, origin?: Name): Name {
  const name = parseName(text, origin);
  invariant(name.ok, "names of a CDN zone come from a checked configuration");
  return name.value;
}
