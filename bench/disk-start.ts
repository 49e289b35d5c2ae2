import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { invariant } from "../common/assert.ts";
import { systemClock } from "../common/clock.ts";
import { silentLogger } from "../common/log.ts";
import { openDiskFolder } from "../edge/store/disk/disk-folder.ts";
import { DiskTier } from "../edge/store/disk/disk-tier.ts";
import { PurgeTable } from "../state/purge.ts";

/*
 * How long an edge takes to find its disk again, and what its index takes in memory: a million
 * objects of 1 KiB, or as many as the first argument says. First with the sidecars of an orderly
 * end, then without them, when every segment is scanned. Run:
 * npx node bench/disk-start.ts [objects]
 */
const OBJECTS = Number(process.argv[2] ?? 1_000_000);
const BODY_BYTES = 1_024;
const MEMORY_BYTES = 1_024 * 2 ** 20;

const path = mkdtempSync(join(tmpdir(), "meridian-start-"));
let memoryBytes = 0;

function open(): DiskTier {
  const { folder, release } = openDiskFolder(path, "bench");
  return new DiskTier({
    folder,
    release,
    bytesMax: 16 * 2 ** 30,
    memoryBytes: MEMORY_BYTES,
    purges: new PurgeTable(),
    clock: systemClock,
    log: silentLogger,
    observer: {
      onWrite: (result) => invariant(result === "written", `a record was ${result}`),
      onEviction: () => invariant(false, "nothing leaves"),
      onError: (operation) => invariant(false, `${operation} failed`),
      onMemory: (bytes) => {
        memoryBytes = bytes;
      },
    },
  });
}

async function fill(tier: DiskTier): Promise<void> {
  const fields = Array.from({ length: 10 }, (_, i) => [`x-field-${i}`, `value ${i}`] as const);
  const response = {
    status: 200,
    fields,
    times: { requestTime: 1, responseTime: 1 },
    bodyBytes: BODY_BYTES,
    method: "GET",
    varyOn: [],
    ruleTtlSeconds: undefined,
  };
  const chunks = [Buffer.alloc(BODY_BYTES, 7)];
  for (let i = 0; i < OBJECTS; i += 1) {
    const key = `shop shop.example/path/to/object/${i}`;
    const url = `http://shop.example/path/to/object/${i}`;
    const facts = { id: `bench-${i}`, key, site: "shop", url, response, bodyBytes: BODY_BYTES };
    tier.write({ ...facts, chunks, generation: 0, staleSince: undefined });
    if (i % 10_000 === 0) await tier.flush();
  }
  await tier.flush();
}

async function measure(title: string): Promise<void> {
  const began = performance.now();
  const cpu = process.cpuUsage();
  const tier = open();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const { objects, bytes } = tier.usage();
  invariant(objects === OBJECTS, `${objects} objects were found`);
  const [entry] = tier.entries(`shop shop.example/path/to/object/${OBJECTS >> 1}`);
  invariant(entry !== undefined && (await tier.read(entry)) !== undefined, "an object can be read");
  const figures = [
    `${objects} objects, ${Math.round(bytes / 2 ** 20)} MiB`,
    `${ms.toFixed(0)} ms (${((user + system) / 1_000).toFixed(0)} ms of CPU time)`,
    `${(memoryBytes / objects).toFixed(1)} bytes of memory each`,
  ];
  process.stdout.write(`${title.padEnd(24)} ${figures.join(", ")}\n`);
  await tier.stop();
}

try {
  const tier = open();
  const began = performance.now();
  await fill(tier);
  const seconds = (performance.now() - began) / 1_000;
  process.stdout.write(`written in ${seconds.toFixed(1)} s\n`);
  await tier.stop();
  await measure("with sidecars:");
  for (const name of openNames()) rmSync(join(path, name));
  await measure("every segment scanned:");
} finally {
  rmSync(path, { recursive: true });
}

/** The sidecars in the folder. */
function openNames(): readonly string[] {
  const { folder, release } = openDiskFolder(path, "bench");
  release();
  return folder.list().filter((name) => name.endsWith(".idx"));
}
