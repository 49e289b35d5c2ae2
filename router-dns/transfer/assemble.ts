import { fail, ok, type Result } from "../../common/result.ts";
import type { Steps } from "../../common/steps.ts";
import { TYPE, typeName } from "../wire/codes.ts";
import { formatName, isAtOrBelow, type NameKey, nameKey } from "../wire/name.ts";
import { NAMES_PER_STEP, rdataIdentity, type Zone, zoneSteps } from "../zone/zone.ts";
import type { TransferRecord } from "./content.ts";
import { serialOf } from "./serial.ts";

/** Records of one zone; a secondary holds no more, whatever a primary sends. */
const RECORDS_MAX = 5_000_000;

/**
 * Takes the records of an answer to AXFR or IXFR one after the other and knows when it is whole.
 * RFC 5936 section 2.2: SOA, records, SOA. RFC 1995 section 4: SOA, then for each step the SOA
 * before, what goes, the SOA after, what comes, and the first SOA again; or one SOA alone when
 * there is nothing new; or the form of AXFR.
 */
export class TransferReader {
  readonly #serial: number | undefined;
  readonly #records: TransferRecord[] = [];
  #soa: TransferRecord | undefined;
  #lastSoa = "";
  #soas = 0;
  /** True if it is told in changes; known from the second record on. */
  isIncremental = false;
  /** True once the last record is there. */
  isWhole = false;

  /** `serial` is that of the version that we have, when IXFR was asked. */
  constructor(serial: number | undefined) {
    this.#serial = serial;
  }

  /** Takes the records of one message. Fails with what is wrong with them. */
  take(records: readonly TransferRecord[]): Result<undefined, string> {
    for (const record of records) {
      if (this.isWhole) return fail("there are records behind the last SOA");
      if (this.#records.length >= RECORDS_MAX) return fail(`more than ${RECORDS_MAX} records`);
      const problem = this.#takeOne(record);
      if (problem !== undefined) return fail(problem);
    }
    // RFC 1995 section 4: the first SOA alone, no newer than what we have, is the whole answer.
    if (this.#records.length === 1 && this.#serial !== undefined && this.#soa !== undefined) {
      this.isWhole = serialOf(this.#soa) === this.#serial;
    }
    return ok(undefined);
  }

  #takeOne(record: TransferRecord): string | undefined {
    const isSoa = record.type === TYPE.SOA;
    if (this.#soa === undefined) {
      if (!isSoa) return `the first record is ${typeName(record.type)}, not SOA`;
      this.#soa = record;
      this.#lastSoa = rdataIdentity(record.rdata);
    } else if (isSoa && this.#records.length === 1 && this.#serial === serialOf(record)) {
      this.isIncremental = true;
    }
    this.#records.push(record);
    if (!isSoa) return undefined;
    this.#soas += 1;
    if (this.#soas > 1 && rdataIdentity(record.rdata) === this.#lastSoa) {
      // With steps there is one SOA, two for each of them, and one more: even only at the end.
      this.isWhole = !this.isIncremental || (this.#soas > 2 && this.#soas % 2 === 0);
    }
    return undefined;
  }

  /** The zone that the answer makes of `before`, which may be undefined for AXFR. */
  *zone(origin: TransferRecord["owner"], before: Zone | undefined): Steps<Result<Zone, string>> {
    if (!this.isWhole) return fail("the transfer ended before its last SOA");
    if (this.#records.length === 1 && before !== undefined) return ok(before);
    if (!this.isIncremental) return yield* zoneOf(origin, this.#records.slice(0, -1));
    if (before === undefined) return fail("changes came, and there is nothing to change");
    return yield* this.#applied(origin, before);
  }

  *#applied(origin: TransferRecord["owner"], before: Zone): Steps<Result<Zone, string>> {
    const present = new Map<string, TransferRecord>();
    let count = 0;
    for (const node of before.nodes.values()) {
      count += 1;
      if (count % NAMES_PER_STEP === 0) yield;
      for (const { type, ttlSeconds, rdatas } of node.rrsets) {
        for (const rdata of rdatas) {
          const record = { owner: node.owner, type, ttlSeconds, rdata };
          present.set(identity(record), record);
        }
      }
    }
    let isRemoving = false;
    for (const record of this.#records.slice(1, -1)) {
      count += 1;
      if (count % NAMES_PER_STEP === 0) yield;
      if (record.type === TYPE.SOA) isRemoving = !isRemoving;
      const key = identity(record);
      if (!isRemoving) {
        present.set(key, record);
      } else if (!present.delete(key)) {
        const what = `${typeName(record.type)} record of ${formatName(record.owner)}`;
        return fail(`a ${what} is to be removed that is not there`);
      }
    }
    return yield* zoneOf(origin, [...present.values()]);
  }
}

/** The zone that records make: they lie in it, and one of them is its SOA (P). */
export function* zoneOf(
  origin: TransferRecord["owner"],
  all: readonly TransferRecord[],
): Steps<Result<Zone, string>> {
  const apex = nameKey(origin);
  const records = new Map<NameKey, TransferRecord[]>();
  const soas: NameKey[] = [];
  let count = 0;
  for (const record of all) {
    count += 1;
    if (count % NAMES_PER_STEP === 0) yield;
    const owner = nameKey(record.owner);
    if (!isAtOrBelow(owner, apex)) return fail(`${formatName(record.owner)} is not in the zone`);
    if (record.type === TYPE.SOA) soas.push(owner);
    const siblings = records.get(owner);
    if (siblings === undefined) records.set(owner, [record]);
    else siblings.push(record);
  }
  if (soas.length !== 1 || soas[0] !== apex) {
    return fail(`a zone has one SOA, at its top, and here are ${soas.length}`);
  }
  return ok(yield* zoneSteps({ origin, records }));
}

/** Without the TTL: RFC 1995 removes a record by its data, whatever its TTL is said to be. */
function identity({ owner, type, rdata }: TransferRecord): string {
  return JSON.stringify([nameKey(owner), type, rdataIdentity(rdata)]);
}
