import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  read as readFile,
  readSync,
  renameSync,
  rmSync,
  writeSync,
  writev,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DiskFile, DiskFolder } from "./folder.ts";

const readAt = promisify(readFile);
const writeAt = promisify(writev);
const syncData = promisify(fdatasync);

/** What a replaced file is called until it is whole. */
const UNFINISHED = ".new";

/** Pieces of one system call; Linux takes 1,024. */
const PIECES_MAX = 512;

/** A folder of the real file system, which must exist. */
export class NodeFolder implements DiskFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  list(): readonly string[] {
    return readdirSync(this.#path).filter((name) => !name.endsWith(UNFINISHED));
  }

  open(name: string): DiskFile {
    const flags = constants.O_RDWR | constants.O_CREAT;
    return new NodeFile(openSync(join(this.#path, name), flags, 0o640));
  }

  remove(name: string): void {
    rmSync(join(this.#path, name), { force: true });
  }

  replace(name: string, content: Buffer): void {
    const path = join(this.#path, name);
    const fd = openSync(path + UNFINISHED, "w", 0o640);
    try {
      writeWhole(fd, content, 0);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(path + UNFINISHED, path);
    this.#syncNames();
  }

  #syncNames(): void {
    const fd = openSync(this.#path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** Its descriptor is not given back before the last call that uses it has ended. */
class NodeFile implements DiskFile {
  readonly #fd: number;
  #underWay = 0;
  #closing = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  async read(into: Buffer, offset: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const rest = into.length - done;
      const { bytesRead } = await this.#use(() =>
        readAt(this.#fd, into, done, rest, offset + done),
      );
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  readSync(into: Buffer, offset: number): number {
    let done = 0;
    while (done < into.length) {
      const bytes = readSync(this.#fd, into, done, into.length - done, offset + done);
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  async write(pieces: readonly Buffer[], offset: number): Promise<void> {
    let at = offset;
    for (let first = 0; first < pieces.length; first += PIECES_MAX) {
      let some = pieces.slice(first, first + PIECES_MAX);
      let left = some.reduce((sum, piece) => sum + piece.length, 0);
      while (left > 0) {
        const { bytesWritten } = await this.#use(() => writeAt(this.#fd, some, at));
        at += bytesWritten;
        left -= bytesWritten;
        // A disk that is almost full takes what fits; the next call says why it took no more.
        if (left > 0) some = [Buffer.concat(some).subarray(-left)];
      }
    }
  }

  writeSync(bytes: Buffer, offset: number): void {
    writeWhole(this.#fd, bytes, offset);
  }

  size(): number {
    return fstatSync(this.#fd).size;
  }

  truncate(bytes: number): void {
    ftruncateSync(this.#fd, bytes);
  }

  async sync(): Promise<void> {
    await this.#use(() => syncData(this.#fd));
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#underWay === 0) closeSync(this.#fd);
  }

  async #use<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing) throw new Error("the file is closed");
    this.#underWay += 1;
    try {
      return await call();
    } finally {
      this.#underWay -= 1;
      if (this.#closing && this.#underWay === 0) closeSync(this.#fd);
    }
  }
}

function writeWhole(fd: number, bytes: Buffer, offset: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
