import { FLAG, HEADER_BYTES } from "../wire/codes.ts";
import { wordAt } from "../wire/octets.ts";
import { MessageWriter, SECTION } from "../wire/writer.ts";
import { soaRecord, type TransferRecord, type TransferZone, zoneRecords } from "./content.ts";
import type { Journal } from "./journal.ts";

/**
 * Octets that a message of a transfer aims at. Compression pointers reach 16 KiB (RFC 1035 section
 * 4.1.4), so larger ones would only be less compressed; one large record may still make one.
 */
const MESSAGE_BYTES_AIM = 16_384;

const MESSAGE_BYTES_MAX = 65_535;

/** The records of a whole zone: SOA, everything, SOA (P). RFC 5936 section 2.2. */
export function* wholeZone(source: TransferZone): Generator<TransferRecord, void> {
  const soa = soaRecord(source.zone);
  yield soa;
  yield* zoneRecords(source);
  yield soa;
}

/**
 * The records of what has changed: the present SOA, for each step the SOA before, what is removed,
 * the SOA after, what is added; the present SOA (P). RFC 1995 section 4. Without steps it is the
 * SOA alone, which says that there is nothing to send.
 */
export function* changesOnly(
  source: TransferZone,
  steps: Journal,
): Generator<TransferRecord, void> {
  const soa = soaRecord(source.zone);
  yield soa;
  if (steps.length === 0) return;
  for (const { from, to, removed, added } of steps) {
    yield from;
    yield* removed;
    yield to;
    yield* added;
  }
  yield soa;
}

/**
 * Writes records as the messages of an answer (P). `request` gives id, RD and the question, which
 * the first message repeats (RFC 5936 section 2.2.1); `reservedBytes` of each message stay free
 * for a signature. A message is made when it is asked for, so a large zone is never there twice.
 */
export function* transferMessages(
  request: { readonly packet: Uint8Array; readonly questionEnd: number },
  records: Iterable<TransferRecord>,
  reservedBytes: number,
): Generator<Uint8Array, void> {
  const { packet } = request;
  const flags = FLAG.QR | FLAG.AA | (wordAt(packet, 2) & FLAG.RD);
  const writer = new MessageWriter();
  const out = new Uint8Array(MESSAGE_BYTES_MAX);
  const limit = MESSAGE_BYTES_MAX - reservedBytes;
  let questionEnd = request.questionEnd;
  let count = 0;
  const begin = (): void => {
    writer.start(out, limit, packet, questionEnd);
    count = 0;
  };
  const finish = (): Uint8Array => out.slice(0, writer.finish(wordAt(packet, 0), flags));
  begin();
  for (const { owner, type, ttlSeconds, rdata } of records) {
    const head = { owner, type, ttl: ttlSeconds };
    if (count > 0 && writer.length > MESSAGE_BYTES_AIM) {
      yield finish();
      questionEnd = HEADER_BYTES;
      begin();
    }
    if (!writer.record(SECTION.ANSWER, head, rdata)) {
      // It is the message that was too full: zones with larger records are refused when loaded.
      yield finish();
      questionEnd = HEADER_BYTES;
      begin();
      writer.record(SECTION.ANSWER, head, rdata);
    }
    count += 1;
  }
  yield finish();
}
