import { crc32 } from "node:zlib";
import type { LogPosition } from "../../../state/follower.ts";
import type { PurgeEvent, PurgeTable } from "../../../state/purge.ts";
import { type DiskFile, type DiskFolder, readWhole } from "./folder.ts";

const NAME = "purges";

/** A line of the journal. */
type Entry =
  | PurgeEvent
  /** Generations go on from here. */
  | { readonly kind: "generation"; readonly generation: number }
  /** Everything of the change log up to here is in force. */
  | { readonly kind: "position"; readonly position: LogPosition };

/** What a journal of an earlier run says. */
export interface JournalStory {
  readonly position: LogPosition | undefined;
  /** Something in it cannot be read. */
  readonly damaged: boolean;
}

/**
 * The purges of prefixes, tags and sites beside what is stored: a text file, one JSON value a line
 * with its CRC-32 before it. Each purge is written in the call that puts it in force, so that it
 * outlives the process from that moment on. When the file has grown to its limit, it is replaced by
 * what the table holds, which is bounded.
 */
export class PurgeJournal {
  readonly #folder: DiskFolder;
  readonly #table: PurgeTable;
  readonly #bytesMax: number;
  #file: DiskFile;
  #position: LogPosition | undefined;
  bytes: number;

  private constructor(
    folder: DiskFolder,
    table: PurgeTable,
    { bytesMax, position }: { bytesMax: number; position: LogPosition | undefined },
  ) {
    this.#folder = folder;
    this.#table = table;
    this.#bytesMax = bytesMax;
    this.#position = position;
    this.#file = folder.open(NAME);
    this.bytes = this.#file.size();
  }

  /** Puts in force what the journal of a folder says, and goes on writing it. */
  static open(
    folder: DiskFolder,
    table: PurgeTable,
    bytesMax: number,
  ): { readonly journal: PurgeJournal; readonly story: JournalStory } {
    const { entries, damaged } = readEntries(readWhole(folder, NAME));
    let position: LogPosition | undefined;
    for (const entry of entries) {
      if (entry.kind === "position") position = entry.position;
      else if (entry.kind === "generation") table.atLeast(entry.generation);
      else table.replay(entry);
    }
    const journal = new PurgeJournal(folder, table, { bytesMax, position });
    // What stands behind a broken line would be lost with it the next time.
    if (damaged) journal.#compact();
    return { journal, story: { position, damaged } };
  }

  /** Writes an event that is in force. Throws if that does not work. */
  note(event: PurgeEvent): void {
    this.#append(event);
    if (this.bytes > this.#bytesMax) this.#compact();
  }

  /** Writes down how far the change log is in force. Throws if that does not work. */
  writePosition(position: LogPosition): void {
    const { epoch, version, mark } = position;
    const before = this.#position;
    if (before?.epoch === epoch && before.version === version && before.mark === mark) return;
    this.#append({ kind: "position", position });
    this.#position = position;
    if (this.bytes > this.#bytesMax) this.#compact();
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  #append(entry: Entry): void {
    const line = encodeLine(entry);
    this.#file.writeSync(line, this.bytes);
    this.bytes += line.length;
  }

  #compact(): void {
    let content = this.#content();
    if (content.length > this.#bytesMax / 2) {
      this.#table.foldAll();
      content = this.#content();
    }
    this.#file.close();
    this.#folder.replace(NAME, content);
    this.#file = this.#folder.open(NAME);
    this.bytes = content.length;
  }

  #content(): Buffer {
    const entries: Entry[] = [
      { kind: "generation", generation: this.#table.generation },
      ...this.#table.events(),
    ];
    if (this.#position !== undefined) entries.push({ kind: "position", position: this.#position });
    return Buffer.concat(entries.map(encodeLine));
  }
}

function encodeLine(entry: Entry): Buffer {
  const json = JSON.stringify(entry);
  const sum = crc32(json).toString(16).padStart(8, "0");
  return Buffer.from(`${sum} ${json}\n`);
}

function readEntries(content: Buffer | undefined): {
  readonly entries: readonly Entry[];
  readonly damaged: boolean;
} {
  if (content === undefined) return { entries: [], damaged: false };
  const lines = content.toString("utf8").split("\n");
  const entries: Entry[] = [];
  let damaged = lines.pop() !== "";
  for (const line of lines) {
    const json = line.slice(9);
    if (line.slice(0, 8) === crc32(json).toString(16).padStart(8, "0")) {
      entries.push(JSON.parse(json) as Entry);
    } else damaged = true;
  }
  return { entries, damaged };
}
