import type { Clock } from "../../common/clock.ts";
import type { FileProblem } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { runInTurns } from "../../common/steps.ts";
import { treeSteps, type Zone } from "../zone/zone.ts";
import { namesInOctets } from "../zone/zone-octets.ts";
import { runAside } from "./aside.ts";
import { type MaxTtls, readZones, type ZoneFileOrder } from "./zones.ts";
import type { PackedFile, PackedFiles, ZonesOrder } from "./zones-worker.ts";

interface KnownZone {
  readonly digest: string;
  readonly zone: Zone;
}

/** The zones of the files, or everything that is wrong with these. */
export type LoadedZones = Result<readonly Zone[], readonly FileProblem[]>;

/**
 * The zone files of a router. What is read while it answers is parsed and checked in a thread of
 * its own, and its tree is built here in turns: no answer waits for a large zone. A file whose text
 * is the same gives the same zone, at no cost.
 */
export class ZoneFiles {
  readonly #files: readonly string[];
  readonly #maxTtls: MaxTtls;
  readonly #clock: Clock;
  /** By their place in the list of files. */
  #known: readonly KnownZone[] = [];

  constructor(files: readonly string[], maxTtls: MaxTtls, clock: Clock) {
    this.#files = files;
    this.#maxTtls = maxTtls;
    this.#clock = clock;
  }

  /** Reads all files for the first time, in this thread: nobody is answered yet. */
  load(): LoadedZones {
    const read = readZones(this.#orders(), this.#maxTtls);
    if (!read.ok) return read;
    this.#known = read.value.flatMap(({ digest, zone }) => (zone ? [{ digest, zone }] : []));
    return ok(this.#known.map(({ zone }) => zone));
  }

  /** Reads all files again; a problem in one of them leaves all zones as they are. */
  async reload(): Promise<LoadedZones> {
    if (this.#files.length === 0) return ok([]);
    const order: ZonesOrder = { orders: this.#orders(), maxTtls: this.#maxTtls };
    const script = new URL("./zones-worker.ts", import.meta.url);
    const done = await runAside<PackedFiles>(script, order, "reading the zone files");
    if (!done.ok) return fail([{ file: "zones", line: 1, column: 1, message: done.error }]);
    if (!done.value.ok) return done.value;
    const known: KnownZone[] = [];
    for (const [index, file] of done.value.value.entries()) {
      known.push(await this.#unpack(index, file));
    }
    this.#known = known;
    return ok(known.map(({ zone }) => zone));
  }

  #orders(): readonly ZoneFileOrder[] {
    return this.#files.map((file, index) => {
      const known = this.#known[index];
      return known === undefined ? { file } : { file, knownDigest: known.digest };
    });
  }

  async #unpack(index: number, { digest, packed }: PackedFile): Promise<KnownZone> {
    const known = this.#known[index];
    if (packed === undefined) {
      if (known === undefined) throw new Error("invariant broken: only known zones are left out");
      return known;
    }
    const { octets, ...rest } = packed;
    const steps = treeSteps({ ...rest, names: namesInOctets(octets) });
    return { digest, zone: await runInTurns(steps, this.#clock) };
  }
}
