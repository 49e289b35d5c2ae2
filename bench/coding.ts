import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from "node:zlib";
import { siteSchema } from "../common/config/site.ts";
import { listenTcp } from "../common/listen.ts";
import { silentLogger } from "../common/log.ts";
import { LEVELS } from "../edge/coding/encode.ts";
import { CODINGS, type Coding } from "../edge/http/accept-encoding.ts";
import { startEdge } from "../edge/server.ts";
import { fetchAt } from "../test/support/http.ts";
import { median } from "./median.ts";

/*
 * What encoding costs and brings, on text that comes with this repository and its dependencies.
 * First each coding at several levels: size, and processor time in one thread. Then what a client
 * meets at an edge: the first answer, the hit that waits for the encoded form, and one that finds
 * it. Run: npx node bench/coding.ts
 */

const ROOT = join(import.meta.dirname, "..");
const PACKAGES = "node_modules";
const FILES = [
  "package-lock.json",
  "docs/images/story.svg",
  "docs/life-of-a-query.md",
  "control/console/console.js",
  `${PACKAGES}/playwright-core/lib/vite/htmlReport/report.css`,
  `${PACKAGES}/http-cache-tests/spec/bootstrap.min.css`,
  `${PACKAGES}/http-cache-tests/spec/cache.html`,
  `${PACKAGES}/http-cache-tests/asset/fonts/fontawesome-webfont.svg`,
];
const RUNS = 5;
const EDGE_RUNS = 15;

const TRIED: Readonly<Record<Coding, readonly number[]>> = {
  zstd: [1, 3, 6, 9, 12, 19],
  br: [1, 4, 5, 6, 9, 11],
  gzip: [1, 4, 6, 9],
};

const ENCODE: Readonly<Record<Coding, (body: Buffer, level: number) => Buffer>> = {
  zstd: (body, level) =>
    zstdCompressSync(body, {
      pledgedSrcSize: body.length,
      params: { [constants.ZSTD_c_compressionLevel]: level },
    }),
  br: (body, level) =>
    brotliCompressSync(body, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: level,
        [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
  gzip: (body, level) => gzipSync(body, { level }),
};

function show(...cells: readonly (string | number)[]): void {
  process.stdout.write(`${cells.map((cell) => String(cell).padStart(14)).join("")}\n`);
}

/** Size of all bodies, and milliseconds of processor time for 1 MiB of them, median of the runs. */
function measure(bodies: readonly Buffer[], coding: Coding, level: number) {
  let bytes = 0;
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const before = process.cpuUsage();
    bytes = bodies.reduce((sum, body) => sum + ENCODE[coding](body, level).length, 0);
    const { user, system } = process.cpuUsage(before);
    runs.push((user + system) / 1000);
  }
  const total = bodies.reduce((sum, body) => sum + body.length, 0);
  return { share: bytes / total, msPerMib: (median(runs) / total) * 2 ** 20 };
}

function measureLevels(bodies: readonly Buffer[]): void {
  show("coding", "level", "size", "CPU ms/MiB", "");
  for (const coding of CODINGS) {
    measure(bodies, coding, LEVELS[coding]);
    for (const level of TRIED[coding]) {
      const { share, msPerMib } = measure(bodies, coding, level);
      const chosen = level === LEVELS[coding] ? "<- used" : "";
      show(coding, level, `${(share * 100).toFixed(1)} %`, msPerMib.toFixed(1), chosen);
    }
  }
}

/** Milliseconds to the last byte: of a miss, of the hit that has a form made, of a later one. */
async function measureEdge(body: Buffer): Promise<void> {
  const origin = createServer((_request, response) => {
    response.writeHead(200, {
      "cache-control": "max-age=600",
      "content-type": "text/plain",
      "content-length": body.length,
    });
    response.end(body);
  });
  const any = { host: "127.0.0.1", port: 0 };
  const { port } = await listenTcp(origin, any, "bench origin");
  const site = { name: "bench", origin: { urls: [`http://127.0.0.1:${port}`] }, compress: {} };
  const edge = await startEdge({
    name: "bench",
    pop: "bench",
    listen: any,
    admin: any,
    memoryBytes: 256 * 2 ** 20,
    capacityBitsPerSecond: 1e9,
    profile: "safe",
    sites: [siteSchema.parse(site)],
    anyHost: true,
    log: silentLogger,
  });
  const at = edge.addresses["http"] ?? any;
  for (const coding of CODINGS) {
    const times: number[][] = [[], [], []];
    let encoded = 0;
    for (let run = 0; run < EDGE_RUNS; run += 1) {
      for (const list of times) {
        const headers = { "accept-encoding": coding };
        const answer = await fetchAt(`http://bench.test/${coding}/${run}`, { at, headers });
        list.push(answer.totalMs);
        if (list === times[1] && answer.field("content-encoding") === coding) encoded += 1;
      }
    }
    const cells = times.map((list) => median(list).toFixed(1));
    show(coding, `${Math.round(body.length / 1024)} KiB`, ...cells, `${encoded}/${EDGE_RUNS}`);
  }
  await edge.stop(0);
  origin.close();
  origin.closeAllConnections();
}

const bodies = FILES.map((file) => readFileSync(join(ROOT, file)));
const total = bodies.reduce((sum, { length }) => sum + length, 0);
process.stdout.write(`${bodies.length} files, ${total} bytes\n`);
measureLevels(bodies);
process.stdout.write("\nmilliseconds to the last byte at an edge, medians\n");
show("coding", "body", "miss", "first hit", "later hits", "waited for");
const text = Buffer.concat(bodies);
for (const size of [10_240, 102_400, 1_000_000]) await measureEdge(text.subarray(0, size));
