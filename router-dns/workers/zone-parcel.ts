import type { Steps } from "../../common/steps.ts";
import { type SteeredName, treeSteps, type Zone } from "../zone/zone.ts";
import { namesInOctets, zoneOctets } from "../zone/zone-octets.ts";

/** A zone as it goes to another thread: its records as octets, and what is decided for clients. */
export interface ZoneParcel extends Pick<Zone, "origin" | "aliases" | "file"> {
  readonly octets: Uint8Array;
  readonly steered: readonly SteeredName[];
}

/** Packs a zone, in steps (P). */
export function* packSteps(zone: Zone): Steps<ZoneParcel> {
  const { origin, aliases, file, nodes } = zone;
  const octets = yield* zoneOctets(nodes.values());
  const steered: SteeredName[] = [];
  for (const { owner, steered: site, service } of nodes.values()) {
    if (site !== undefined) steered.push({ owner, site, ...(service && { service }) });
  }
  return { origin, aliases, file, octets, steered };
}

/** The zone that was packed, in steps (P); warnings stay with who has read it. */
export function unpackSteps({ octets, ...parcel }: ZoneParcel): Steps<Zone> {
  return treeSteps({ ...parcel, names: namesInOctets(octets) });
}
