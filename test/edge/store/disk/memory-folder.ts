import type { DiskFile, DiskFolder } from "../../../../edge/store/disk/folder.ts";

/** What the file system refuses: the operation, on files whose name ends so, and how. */
export interface Fault {
  readonly operation: "read" | "write" | "sync" | "open" | "remove";
  readonly suffix: string;
  readonly code: "EIO" | "ENOSPC";
}

/** A folder in memory that can fail, be damaged, and be abandoned as by a crash. */
export class MemoryFolder implements DiskFolder {
  readonly files = new Map<string, Buffer>();
  /** In force until they are taken out. */
  readonly faults = new Set<Fault>();
  /** Set when the process that used it is dead: its calls change nothing any more. */
  #generation = 0;

  /** Leaves everything as it is now, whatever its users still do. */
  abandon(): void {
    this.#generation += 1;
  }

  /** Bytes of all files. */
  get bytes(): number {
    return [...this.files.values()].reduce((sum, { length }) => sum + length, 0);
  }

  list(): readonly string[] {
    return [...this.files.keys()];
  }

  open(name: string): DiskFile {
    this.#check("open", name);
    if (!this.files.has(name)) this.files.set(name, Buffer.alloc(0));
    const born = this.#generation;
    let closed = false;
    const content = () => this.files.get(name) ?? Buffer.alloc(0);
    const readSync = (into: Buffer, offset: number): number => {
      this.#check("read", name);
      return content().copy(into, 0, offset);
    };
    const writeSync = (bytes: Buffer, offset: number): void => {
      this.#check("write", name);
      if (born !== this.#generation || closed || !this.files.has(name)) return;
      const before = content();
      const after = Buffer.alloc(Math.max(before.length, offset + bytes.length));
      before.copy(after);
      bytes.copy(after, offset);
      this.files.set(name, after);
    };
    return {
      readSync,
      writeSync,
      read: async (into, offset) => {
        await turn();
        return readSync(into, offset);
      },
      write: async (pieces, offset) => {
        await turn();
        writeSync(Buffer.concat(pieces), offset);
      },
      size: () => content().length,
      truncate: (bytes) => {
        this.#check("write", name);
        if (born === this.#generation) this.files.set(name, content().subarray(0, bytes));
      },
      sync: async () => {
        await turn();
        this.#check("sync", name);
      },
      close: () => {
        closed = true;
      },
    };
  }

  remove(name: string): void {
    this.#check("remove", name);
    this.files.delete(name);
  }

  replace(name: string, content: Buffer): void {
    this.#check("write", name);
    this.files.set(name, Buffer.from(content));
  }

  #check(operation: Fault["operation"], name: string): void {
    for (const fault of this.faults) {
      if (fault.operation !== operation || !name.endsWith(fault.suffix)) continue;
      throw Object.assign(new Error(`${fault.code}: ${operation} ${name}`), { code: fault.code });
    }
  }
}

/** A read or write that the system takes its time for. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
