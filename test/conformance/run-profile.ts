import { silentLogger } from "../../common/log.ts";
import type { CacheProfile } from "../../edge/decide/storable.ts";
import { startEdge } from "../../edge/server.ts";
import { aSite } from "../edge/harness.ts";
import { openEdition } from "./suite.ts";

/*
 * Runs an edition of the public suite against a quick-mode edge of one profile, in a process of its
 * own because the suite keeps its results in module state. Prints the results as JSON.
 * With a folder in MERIDIAN_SUITE_DISK the edge has next to no memory, and a disk there behind it.
 */
const profile = process.argv[2] as CacheProfile;
const disk = process.env["MERIDIAN_SUITE_DISK"];
const anyPort = { host: "127.0.0.1", port: 0 };
const edition = await openEdition(process.argv[3]);
const edge = await startEdge({
  name: "suite",
  pop: "test",
  listen: anyPort,
  admin: anyPort,
  memoryBytes: disk === undefined ? 64 * 2 ** 20 : 2 ** 18,
  ...(disk === undefined ? {} : { disk: { path: disk, bytes: 2 ** 26 } }),
  capacityBitsPerSecond: 1e9,
  profile,
  anyHost: true,
  sites: [
    aSite({
      origins: [edition.originUrl],
      timeouts: { connectTimeout: 2_000, firstByteTimeout: 10_000, idleTimeout: 30_000 },
    }),
  ],
  log: silentLogger,
  fastLane: process.env["MERIDIAN_TEST_LANE"] !== "off",
});
const results = await edition.run(`http://127.0.0.1:${edge.addresses["http"]?.port}`);
process.stdout.write(`\n${JSON.stringify(results)}\n`);
await edge.stop(1_000);
await edition.stop();
process.exit(0);
