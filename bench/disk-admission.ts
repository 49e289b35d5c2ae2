import { Ghost, hashKey } from "../edge/store/ghost.ts";
import { type QueueNode, S3Fifo } from "../edge/store/s3-fifo.ts";
import type { Trace } from "./hitratio/trace.ts";
import { readTraceFile } from "./hitratio/trace-file.ts";

/*
 * What a disk that is full should take in. Replays a trace (`id size` or `id` a line, as for
 * bench:hitratio) through memory before a disk that is first in, first out, and prints hit ratios
 * by objects and bytes, and how often the unique bytes were written. Run:
 * npx node bench/disk-admission.ts FILE size|id
 */

/** How a disk is run: what it takes once it is full, and whether what was used is carried over. */
interface Policy {
  readonly title: string;
  readonly admits: "all" | "twice";
  readonly carries: boolean;
}

const POLICIES: readonly Policy[] = [
  { title: "all", admits: "all", carries: false },
  { title: "all, used carried over", admits: "all", carries: true },
  { title: "seen twice, used carried over", admits: "twice", carries: true },
];

/** Memory and disk as shares of the unique bytes. */
const SHARES = [
  [0.01, 0.05],
  [0.01, 0.1],
  [0.01, 0.25],
  [0.05, 0.25],
] as const;

interface Stored {
  readonly object: number;
  readonly bytes: number;
  used: boolean;
}

interface Node extends QueueNode {
  readonly object: number;
}

/** A disk whose oldest objects make room: as segments do, but one by one. */
class ModelDisk {
  readonly #bytesMax: number;
  readonly #policy: Policy;
  readonly #stored = new Map<number, Stored>();
  readonly #order: Stored[] = [];
  readonly #seen = new Ghost();
  #oldest = 0;
  #bytes = 0;
  #isFull = false;
  writtenBytes = 0;

  constructor(bytesMax: number, policy: Policy) {
    this.#bytesMax = bytesMax;
    this.#policy = policy;
  }

  use(object: number): boolean {
    const stored = this.#stored.get(object);
    if (stored !== undefined) stored.used = true;
    return stored !== undefined;
  }

  offer(object: number, name: string, bytes: number): void {
    const hash = hashKey(name);
    const isNew = this.#isFull && this.#policy.admits === "twice";
    if (isNew && this.#seen.take(hash) === Number.POSITIVE_INFINITY) {
      this.#seen.add(hash, this.#stored.size);
    } else this.write(object, bytes);
  }

  /** It was used in memory: it is known to be worth a place. */
  offerUsed(object: number, bytes: number): void {
    if (!this.use(object)) this.write(object, bytes);
  }

  write(object: number, bytes: number): void {
    if (bytes > this.#bytesMax / 16) return;
    this.#append({ object, bytes, used: false });
    let carriedBytes = 0;
    while (this.#bytes > this.#bytesMax) {
      this.#isFull = true;
      const oldest = this.#order[this.#oldest];
      this.#oldest += 1;
      if (oldest === undefined) return;
      this.#bytes -= oldest.bytes;
      if (this.#stored.get(oldest.object) !== oldest) continue;
      this.#stored.delete(oldest.object);
      // At most half of what is new, on average.
      const isCarried = this.#policy.carries && oldest.used && carriedBytes <= bytes / 2;
      if (!isCarried) continue;
      carriedBytes += oldest.bytes;
      this.#append({ ...oldest, used: false });
    }
  }

  #append(stored: Stored): void {
    this.#stored.set(stored.object, stored);
    this.#order.push(stored);
    this.#bytes += stored.bytes;
    this.writtenBytes += stored.bytes;
  }
}

function replay(trace: Trace, [memory, share]: readonly [number, number], policy: Policy): string {
  const memoryBytes = trace.uniqueBytes * memory;
  const disk = new ModelDisk(trace.uniqueBytes * share, policy);
  const nodes = new Map<number, Node>();
  const order = new S3Fifo<Node>(memoryBytes, ({ object, bytes }) => {
    if (policy.admits === "twice") disk.offerUsed(object, bytes);
    else disk.use(object);
  });
  let [hits, hitBytes, allBytes] = [0, 0, 0];
  for (let i = 0; i < trace.requests; i += 1) {
    const object = trace.objects[i] ?? 0;
    const bytes = trace.bytes[i] ?? 1;
    const key = trace.names[object] ?? "";
    allBytes += bytes;
    const node = nodes.get(object);
    const onDisk = node === undefined && disk.use(object);
    if (node !== undefined || onDisk) [hits, hitBytes] = [hits + 1, hitBytes + bytes];
    if (node !== undefined) order.touch(node);
    else {
      if (!onDisk) disk.offer(object, key, bytes);
      if (bytes > memoryBytes / 4) continue;
      const links = { queue: "none", newer: undefined, older: undefined } as const;
      const fresh = { object, key, bytes, uses: 0, ...links };
      nodes.set(object, fresh);
      order.insert(fresh);
    }
    while (order.bytes - order.sideBytes > memoryBytes) {
      const victim = order.evict();
      if (victim !== undefined) nodes.delete(victim.object);
    }
  }
  const percent = (part: number, whole: number) => ((100 * part) / whole).toFixed(2);
  const ratios = `${percent(hits, trace.requests)} / ${percent(hitBytes, allBytes)}`;
  return `${ratios}, written ${(disk.writtenBytes / trace.uniqueBytes).toFixed(2)} x`;
}

const [file = "", format = "size"] = process.argv.slice(2);
const trace = await readTraceFile(file, format === "id" ? "id" : "size");
if (!trace.ok) {
  process.stderr.write(`${trace.error}\n`);
  process.exit(1);
}
for (const shares of SHARES) {
  process.stdout.write(`memory ${shares[0] * 100} %, disk ${shares[1] * 100} %\n`);
  for (const policy of POLICIES) {
    process.stdout.write(`  ${policy.title.padEnd(32)} ${replay(trace.value, shares, policy)}\n`);
  }
}
