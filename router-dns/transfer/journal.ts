import type { Steps } from "../../common/steps.ts";
import { type NameKey, nameKey } from "../wire/name.ts";
import { NAMES_PER_STEP, rdataIdentity, type Zone, type ZoneNode } from "../zone/zone.ts";
import {
  nodeRecords,
  recordBytes,
  soaRecord,
  type TransferRecord,
  type TransferZone,
  zoneRecords,
} from "./content.ts";
import { isNewerSerial, serialOf } from "./serial.ts";

/** Steps that are kept of one zone; a secondary that is further behind gets the whole of it. */
const STEPS_MAX = 100;

/** What one version of a zone changed in the one before (RFC 1995 section 4). */
export interface JournalStep {
  readonly from: TransferRecord;
  readonly to: TransferRecord;
  readonly removed: readonly TransferRecord[];
  readonly added: readonly TransferRecord[];
  /** Octets of all of it, not compressed. */
  readonly bytes: number;
}

/** The steps that led to the present version of a zone, the oldest first. */
export type Journal = readonly JournalStep[];

/**
 * The journal after a zone has become another version by `step` (P). Steps beyond STEPS_MAX, and
 * those that together would be larger than the zone, are forgotten from the oldest on: sending the
 * zone is then cheaper. A serial that did not grow starts a new journal, for no secondary can
 * follow it.
 */
export function* extendJournal(
  journal: Journal,
  step: JournalStep,
  after: TransferZone,
): Steps<Journal> {
  const before = serialOf({ rdata: step.from.rdata });
  if (!isNewerSerial(serialOf(after.zone), before)) return [];
  const steps = [...journal, step].slice(-STEPS_MAX);
  let bytesLeft = yield* zoneBytes(after);
  let first = steps.length;
  while (first > 0) {
    bytesLeft -= steps[first - 1]?.bytes ?? 0;
    if (bytesLeft < 0) break;
    first -= 1;
  }
  return steps.slice(first);
}

/**
 * The steps from a serial to the present version (P); empty when it is the present one, undefined
 * when the journal does not reach back so far.
 */
export function stepsSince(journal: Journal, zone: Zone, serial: number): Journal | undefined {
  if (serial === serialOf(zone)) return [];
  const first = journal.findIndex(({ from }) => serialOf({ rdata: from.rdata }) === serial);
  return first === -1 ? undefined : journal.slice(first);
}

/** True if nothing but the SOA may have changed (P). */
export function isEmptyStep({ removed, added }: JournalStep): boolean {
  return removed.length === 0 && added.length === 0;
}

/** What has to be removed from one version and added to get the other (P). */
export function* stepBetween(before: TransferZone, after: TransferZone): Steps<JournalStep> {
  const removed: TransferRecord[] = [];
  const added: TransferRecord[] = [];
  let count = 0;
  for (const [key, node] of before.zone.nodes) {
    count += 1;
    if (count % NAMES_PER_STEP === 0) yield;
    const other = after.zone.nodes.get(key);
    if (other !== undefined && sameRrsets(node, other)) continue;
    const [gone, come] = compare(records(node, before), records(other, after));
    removed.push(...gone);
    added.push(...come);
  }
  for (const [key, node] of after.zone.nodes) {
    count += 1;
    if (count % NAMES_PER_STEP === 0) yield;
    if (!before.zone.nodes.has(key)) added.push(...nodeRecords(node, after));
  }
  const from = soaRecord(before.zone);
  const to = soaRecord(after.zone);
  const bytes = [from, to, ...removed, ...added].reduce((sum, each) => sum + recordBytes(each), 0);
  return { from, to, removed, added, bytes };
}

/** Zones that are built anew share nothing, but names without steering are cheap to compare. */
function sameRrsets(node: ZoneNode, other: ZoneNode): boolean {
  if ((node.steered ?? other.steered) !== undefined) return false;
  if ((node.alias ?? other.alias) !== undefined) return false;
  return (
    node.rrsets.length === other.rrsets.length &&
    node.rrsets.every((rrset, i) => {
      const twin = other.rrsets[i];
      return (
        twin?.type === rrset.type &&
        twin.ttlSeconds === rrset.ttlSeconds &&
        twin.rdatas.length === rrset.rdatas.length &&
        rrset.rdatas.every(({ prefix, names, suffix }, j) => {
          const data = twin.rdatas[j];
          return (
            data !== undefined &&
            Buffer.compare(prefix, data.prefix) === 0 &&
            Buffer.compare(suffix, data.suffix) === 0 &&
            names.length === data.names.length &&
            names.every((name, k) => Buffer.compare(name, data.names[k] ?? new Uint8Array(0)) === 0)
          );
        })
      );
    })
  );
}

function records(
  node: ZoneNode | undefined,
  source: TransferZone,
): ReadonlyMap<string, TransferRecord> {
  const list = node === undefined ? [] : nodeRecords(node, source);
  return new Map(list.map((record) => [identity(record), record]));
}

function compare(
  before: ReadonlyMap<string, TransferRecord>,
  after: ReadonlyMap<string, TransferRecord>,
): readonly [TransferRecord[], TransferRecord[]] {
  const only = (own: typeof before, other: typeof before) =>
    [...own].filter(([key]) => !other.has(key)).map(([, record]) => record);
  return [only(before, after), only(after, before)];
}

/** Equal for records that are the same, TTL included: a secondary keeps what it is sent. */
function identity({ owner, type, ttlSeconds, rdata }: TransferRecord): string {
  const key: NameKey = nameKey(owner);
  return JSON.stringify([key, type, ttlSeconds, rdataIdentity(rdata)]);
}

function* zoneBytes(source: TransferZone): Steps<number> {
  let bytes = 2 * recordBytes(soaRecord(source.zone));
  let count = 0;
  for (const record of zoneRecords(source)) {
    bytes += recordBytes(record);
    count += 1;
    if (count % NAMES_PER_STEP === 0) yield;
  }
  return bytes;
}
