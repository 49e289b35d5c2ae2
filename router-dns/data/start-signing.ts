import type { Clock } from "../../common/clock.ts";
import { formatProblem } from "../../common/file-problem.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { zoneKeyOf } from "../sign/dnskey.ts";
import type { SigningPolicy } from "../sign/online-signer.ts";
import { WHOLE_LIFETIME_SECONDS_MIN } from "../sign/whole-zone.ts";
import { fetchedNames, type TransferSettings } from "../transfer/settings.ts";
import type { NameKey } from "../wire/name.ts";
import type { Zone } from "../zone/zone.ts";
import { RouterFilesError } from "./files.ts";
import type { LiveSnapshot } from "./live.ts";
import { type DnssecOptions, LiveSigning } from "./live-signing.ts";
import { SignedCopies } from "./signed-copies.ts";
import { steeredPairs, steeredSets } from "./snapshot.ts";

/** What signing at the start of a router depends on. */
export interface StartSigningOptions {
  readonly dnssec: DnssecOptions;
  readonly transfers: TransferSettings | undefined;
  /** Name of the CDN's own zone. */
  readonly domain: string;
  readonly live: LiveSnapshot;
  readonly fileZones: readonly Zone[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Who signs what is answered, and what is transferred. */
export interface StartedSigning {
  readonly signing: LiveSigning;
  readonly copies: SignedCopies;
}

/**
 * Reads the keys of the signed zones, and makes the signed copies of those that are transferred.
 * Rejects with a RouterFilesError: a zone without keys, or keys without a zone, is an error.
 */
export async function startSigning(options: StartSigningOptions): Promise<StartedSigning> {
  const { dnssec, live, fileZones, clock, random, log } = options;
  const signing = new LiveSigning({
    ...dnssec,
    clock,
    random,
    log,
    subjects: () => ({
      zones: live.snapshot().zones,
      steered: steeredSets(live.view()),
      pairs: steeredPairs(live.view()),
    }),
    onChange: (changed) => live.setSigning(changed),
  });
  const loaded = signing.load();
  const policies = travellingZones(options);
  const problems = [
    ...zoneProblems(options, policies),
    ...(loaded.ok ? [] : loaded.error.map(formatProblem)),
  ];
  if (!loaded.ok || problems.length > 0) throw new RouterFilesError(problems);
  live.setSigning(loaded.value);
  const copies = new SignedCopies({
    policies,
    keysOf: (apex) => signing.storedKeys(apex),
    clock,
    log,
    onVersion: (zone) => live.replaceZone(zone),
  });
  const dressed = await dressZones(copies, fileZones);
  if (!dressed.ok) throw new RouterFilesError([dressed.error]);
  live.setFileZones(dressed.value);
  return { signing, copies };
}

/** The zones as they are to be served; the first one that cannot be stops all. */
export async function dressZones(copies: SignedCopies, zones: readonly Zone[]) {
  const dressed: Zone[] = [];
  for (const zone of zones) {
    const taken = await copies.take(zone);
    if (!taken.ok) return taken;
    dressed.push(taken.value);
  }
  return { ok: true, value: dressed } as const;
}

/** Zones that are signed and that other servers may have. */
function travellingZones({
  dnssec,
  transfers,
  fileZones,
}: StartSigningOptions): ReadonlyMap<NameKey, SigningPolicy> {
  const zones = transfers?.zones ?? [];
  const files = zones.filter(({ primaries }) => primaries === undefined);
  const leaving = new Set([
    ...fileZones.filter((_, index) => files[index]?.transfer !== undefined).map(({ key }) => key),
    ...fetchedNames(zones.filter(({ transfer }) => transfer !== undefined)),
  ]);
  return new Map(
    dnssec.zones
      .map(({ name, policy }) => [zoneKeyOf(name), policy] as const)
      .filter(([key]) => leaving.has(key)),
  );
}

function zoneProblems(
  { dnssec, transfers, domain, live }: StartSigningOptions,
  policies: ReadonlyMap<NameKey, SigningPolicy>,
): readonly string[] {
  const { byApex } = live.snapshot().zones;
  const fetched = fetchedNames(transfers?.zones ?? []);
  return dnssec.zones.flatMap(({ name, policy }) => {
    const key = zoneKeyOf(name);
    if (!byApex.has(key) && !fetched.has(key)) {
      return [`dnssec: ${name} is signed, and no zone of that name is served`];
    }
    // Secondaries would get addresses that nobody chose for their clients, signed as the truth.
    if (key === zoneKeyOf(domain) && transfers?.cdn !== undefined) {
      return [`dnssec: ${name} is signed and has steered names, so it cannot be transferred`];
    }
    if (policies.has(key) && policy.signatureLifetime < WHOLE_LIFETIME_SECONDS_MIN) {
      const least = `at least ${WHOLE_LIFETIME_SECONDS_MIN} s`;
      return [`dnssec: signatureLifetime of ${name}, which is transferred, must be ${least}`];
    }
    return [];
  });
}
