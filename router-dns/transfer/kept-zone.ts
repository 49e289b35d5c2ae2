import { readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock, EpochMs } from "../../common/clock.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { runInTurns, runToEnd, type Steps } from "../../common/steps.ts";
import { MessageSplitter } from "../transport/tcp-framing.ts";
import { TYPE } from "../wire/codes.ts";
import type { Name } from "../wire/name.ts";
import type { Zone } from "../zone/zone.ts";
import { TransferReader } from "./assemble.ts";
import { readPeerAnswer } from "./message.ts";
import { askZone } from "./query.ts";
import { transferMessages, wholeZone } from "./stream.ts";

/** The first line of the file; the rest is the zone as AXFR would send it over TCP. */
const FIRST_LINE = /^meridian-zone 1 (\d{1,16})\n/;

/** A zone of a primary as it was kept, and when the primary last confirmed it. */
export interface KeptZone {
  readonly zone: Zone;
  readonly confirmedAt: EpochMs;
}

/**
 * Keeps a zone for the next start: written aside and renamed, so that there is always a whole file.
 * Rejects with what the file system says.
 */
export async function keepZone(file: string, kept: KeptZone, clock: Clock): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, await runInTurns(encodeKeptZone(kept), clock));
  await rename(`${file}.new`, file);
}

/** The content of the file of a zone, in steps (P). */
export function* encodeKeptZone({ zone, confirmedAt }: KeptZone): Steps<Uint8Array> {
  const packet = askZone(0, zone.origin, TYPE.AXFR);
  const request = { packet, questionEnd: packet.length };
  const source = { zone, fallback: () => [], steeredTtlSeconds: 0, aliases: new Map() };
  const records = wholeZone(source);
  const parts: Uint8Array[] = [Buffer.from(`meridian-zone 1 ${Math.floor(confirmedAt)}\n`)];
  for (const message of transferMessages(request, records, 0)) {
    parts.push(Uint8Array.of(message.length >> 8, message.length & 0xff), message);
    yield;
  }
  return Buffer.concat(parts);
}

/** Reads a zone back; undefined if there is no file, a sentence if it cannot be used. */
export function readKeptZone(file: string, origin: Name): Result<KeptZone | undefined, string> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? ok(undefined) : fail(message);
  }
  const kept = decodeKeptZone(bytes, origin);
  return kept.ok ? kept : fail(`${file}: ${kept.error}; the primary will be asked for all`);
}

/** The zone in the content of its file (P); fails with what is wrong. */
export function decodeKeptZone(bytes: Uint8Array, origin: Name): Result<KeptZone, string> {
  const first = FIRST_LINE.exec(Buffer.from(bytes.subarray(0, 64)).toString("latin1"));
  if (first === null) return fail("this is no zone that was kept here");
  const reader = new TransferReader(undefined);
  let problem: string | undefined;
  const splitter = new MessageSplitter((message) => {
    const answer = readPeerAnswer(message);
    const taken = answer === undefined ? fail("a message is damaged") : reader.take(answer.answers);
    if (!taken.ok) problem = taken.error;
    return taken.ok;
  });
  splitter.push(bytes.subarray(first[0].length));
  if (problem !== undefined) return fail(problem);
  const zone = runToEnd(reader.zone(origin, undefined));
  return zone.ok ? ok({ zone: zone.value, confirmedAt: Number(first[1]) }) : zone;
}
