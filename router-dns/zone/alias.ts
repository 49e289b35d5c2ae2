import { unreachable } from "../../common/assert.ts";
import type { FileProblem } from "../../common/file-problem.ts";
import { TYPE } from "../wire/codes.ts";
import { formatName, type NameKey } from "../wire/name.ts";
import type { HttpsService } from "../wire/svcb.ts";
import { findZone, isInMissingZone, lookUp } from "./lookup.ts";
import type { Alias, Rrset, Zone, ZoneTable } from "./zone.ts";

/** Names that are gone through from an alias to what it stands for, CNAMEs counted too. */
export const ALIAS_CHAIN_MAX = 8;

/** The types that an alias takes from its target. */
export const ALIAS_TYPES: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.HTTPS];

/** Why an alias leads nowhere: a closed set, also the `reason` of its log lines. */
export type AliasProblem =
  /** No zone of ours has the target: nobody here knows its addresses. */
  | "not-served"
  /** The zone of the target comes from a primary and is not there now. */
  | "not-ready"
  /** There is no such name in the zone of the target. */
  | "no-such-name"
  /** Other servers have the target: it is at or below a delegation. */
  | "delegated"
  /** The target is below a DNAME; who writes the alias can write where that leads. */
  | "below-dname"
  /** The chain is longer than ALIAS_CHAIN_MAX, as a circle is. */
  | "too-long";

/** What an alias leads to, for one type. */
export type AliasEnd =
  /** A site, whose edges are chosen for each client. */
  | {
      readonly kind: "steered";
      readonly site: string;
      readonly service: HttpsService | undefined;
      readonly ttlSeconds: number;
    }
  | { readonly kind: "static"; readonly rrset: Rrset; readonly ttlSeconds: number }
  /** The target is there, and has nothing of this type. */
  | { readonly kind: "nodata"; readonly ttlSeconds: number }
  | { readonly kind: "broken"; readonly problem: AliasProblem };

/**
 * Follows an alias through the zones of a server to what it stands for (P). `ttlSeconds` of what
 * comes back is the least on the way. `visit` is told of each zone that has a part in it.
 */
export function followAlias(
  table: ZoneTable,
  alias: Alias,
  qtype: number,
  visit?: (zone: Zone) => void,
): AliasEnd {
  let key: NameKey = alias.targetKey;
  let ttl = alias.ttlSeconds;
  for (let steps = 0; steps < ALIAS_CHAIN_MAX; steps += 1) {
    const zone = findZone(table, key, qtype);
    if (zone === undefined) {
      return broken(isInMissingZone(table, key) ? "not-ready" : "not-served");
    }
    visit?.(zone);
    const found = lookUp(zone, key, qtype);
    switch (found.kind) {
      case "hit":
        return { kind: "static", rrset: found.rrset, ttlSeconds: least(ttl, found.rrset) };
      case "steered":
        return { kind: "steered", site: found.site, service: found.service, ttlSeconds: ttl };
      case "follow":
        ttl = least(ttl, found.cname);
        key = found.target;
        break;
      case "alias":
        ttl = least(ttl, found.alias);
        key = found.alias.targetKey;
        break;
      case "nodata":
      case "any":
        return { kind: "nodata", ttlSeconds: least(ttl, zone.negativeSoa) };
      case "nxdomain":
        return broken("no-such-name");
      case "delegation":
        return broken("delegated");
      case "dname":
        return broken("below-dname");
      default:
        return unreachable(found);
    }
  }
  return broken("too-long");
}

function broken(problem: AliasProblem): AliasEnd {
  return { kind: "broken", problem };
}

function least(ttlSeconds: number, other: { readonly ttlSeconds: number }): number {
  return Math.min(ttlSeconds, other.ttlSeconds);
}

/** An alias that leads nowhere. */
export interface BrokenAlias {
  readonly problem: AliasProblem;
  /** Where it stands, and a sentence for people. */
  readonly place: FileProblem;
  /**
   * True if nothing but another zone file can mend it. False if it goes through a zone that changes
   * while the server runs: a site may be added, a primary may answer.
   */
  readonly isFinal: boolean;
}

/**
 * The aliases of `zones` that lead nowhere in a server's zones (P). `isFixed` tells which zones are
 * made of files alone.
 */
export function brokenAliases(
  table: ZoneTable,
  zones: Iterable<Zone>,
  isFixed: (zone: Zone) => boolean,
): readonly BrokenAlias[] {
  return [...zones].flatMap((zone) =>
    zone.aliases.flatMap(({ owner, alias }) => {
      let isFinal = true;
      const end = followAlias(table, alias, TYPE.A, (passed) => {
        if (!isFixed(passed)) isFinal = false;
      });
      if (end.kind !== "broken") return [];
      const { problem } = end;
      const target = formatName(alias.target);
      const message = `${formatName(owner)} is an ALIAS of ${target}, ${SENTENCES[problem]}`;
      const place = { file: zone.file, ...alias.place, message };
      return [{ problem, place, isFinal: isFinal && problem !== "not-ready" }];
    }),
  );
}

const SENTENCES: Readonly<Record<AliasProblem, string>> = {
  "not-served": "which is in no zone that is served here: use a CNAME, or addresses",
  "not-ready": "whose zone comes from a primary and is not there yet",
  "no-such-name": "and the zone of that has no such name",
  delegated: "which is delegated to other servers: they know its addresses, not we",
  "below-dname": "which is below a DNAME: write the name that this leads to",
  "too-long": `which leads in a circle, or through more than ${ALIAS_CHAIN_MAX} names`,
};
