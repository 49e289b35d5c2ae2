/** A purge as the checker remembers it: what must not be seen any more once it is acknowledged. */
interface LedgerPurge {
  readonly version: number;
  /** Which life of the log gave the version: another one counts anew. */
  readonly life: number;
  /** The version of each path that was written before the purge was asked for. */
  readonly floors: ReadonlyMap<string, number>;
  readonly open: Set<string>;
}

/** Bytes that an edge gave to a request that began after it had acknowledged their purge. */
export interface Violation {
  readonly edge: string;
  readonly path: string;
  readonly got: number;
  readonly atLeast: number;
}

/**
 * What each edge may still serve, from what was written, purged and acknowledged in which order. It
 * knows nothing of caches: whoever observes an acknowledgement tells it, and asks before and after
 * each read.
 */
export class PurgeLedger {
  readonly #edges: readonly string[];
  readonly #written = new Map<string, number>();
  readonly #purges = new Set<LedgerPurge>();
  /** By edge, then by path: the oldest version that may be seen. */
  readonly #floors: ReadonlyMap<string, Map<string, number>>;
  readonly violations: Violation[] = [];
  /** Reads that had to give something not older than a purge. */
  boundReads = 0;
  /** Acknowledgements, one for each purge and edge. */
  acknowledged = 0;

  constructor(edges: readonly string[]) {
    this.#edges = edges;
    this.#floors = new Map(edges.map((edge) => [edge, new Map()]));
  }

  /** The origin has a new version of a path. */
  write(path: string): void {
    this.#written.set(path, this.version(path) + 1);
  }

  /** What the origin has. */
  version(path: string): number {
    return this.#written.get(path) ?? 1;
  }

  /** Takes down what a purge of these paths promises; to be called before it is asked for. */
  promise(paths: readonly string[]): ReadonlyMap<string, number> {
    return new Map(paths.map((path) => [path, this.version(path)]));
  }

  /** A purge was accepted. */
  purged(version: number, life: number, floors: ReadonlyMap<string, number>): void {
    this.#purges.add({ version, life, floors, open: new Set(this.#edges) });
  }

  /** An edge is known to have acknowledged a version. */
  acknowledge(edge: string, version: number, life: number): void {
    const floors = this.#floors.get(edge);
    for (const purge of this.#purges) {
      if (purge.life !== life || purge.version > version || !purge.open.delete(edge)) continue;
      this.acknowledged += 1;
      for (const [path, floor] of purge.floors) {
        floors?.set(path, Math.max(floor, floors.get(path) ?? 0));
      }
      if (purge.open.size === 0) this.#purges.delete(purge);
    }
  }

  /** What a read that begins now must give at least; 0 if nothing is promised. */
  floor(edge: string, path: string): number {
    return this.#floors.get(edge)?.get(path) ?? 0;
  }

  /** A read that began under `atLeast` gave a version. */
  read(edge: string, path: string, got: number, atLeast: number): void {
    if (atLeast > 0) this.boundReads += 1;
    if (got < atLeast) this.violations.push({ edge, path, got, atLeast });
  }
}
