/** One open file of the disk store. Offsets and lengths are in bytes. */
export interface DiskFile {
  /** Fills `into` from `offset` on, as far as the file goes; gives how many bytes there were. */
  read(into: Buffer, offset: number): Promise<number>;
  readSync(into: Buffer, offset: number): number;
  /** Writes all pieces one after the other, or rejects. */
  write(pieces: readonly Buffer[], offset: number): Promise<void>;
  writeSync(bytes: Buffer, offset: number): void;
  size(): number;
  truncate(bytes: number): void;
  /** Resolves when everything written so far is on the medium. */
  sync(): Promise<void>;
  /** Closes it as soon as nothing is read or written any more. */
  close(): void;
}

/**
 * All that the disk store asks of a file system: one flat folder. Everything but `list` throws or
 * rejects what the system says, such as ENOSPC or EIO.
 */
export interface DiskFolder {
  /** Names of the files in it. */
  list(): readonly string[];
  /** Opens a file for reading and writing; makes an empty one if there is none. */
  open(name: string): DiskFile;
  /** Removes a file; one that is not there is no error. */
  remove(name: string): void;
  /** Puts a file in place of one of that name: after a crash either is there, whole. */
  replace(name: string, content: Buffer): void;
}

/** All bytes of a file, or undefined if it is empty. */
export function readWhole(folder: DiskFolder, name: string): Buffer | undefined {
  const file = folder.open(name);
  try {
    const content = Buffer.allocUnsafeSlow(file.size());
    const bytes = file.readSync(content, 0);
    return bytes === 0 ? undefined : content.subarray(0, bytes);
  } finally {
    file.close();
  }
}
