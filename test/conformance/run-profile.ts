import { createServer } from "node:http";
import { listenTcp } from "../../common/listen.ts";
import { silentLogger } from "../../common/log.ts";
import type { CacheProfile } from "../../edge/decide/storable.ts";
import { startEdge } from "../../edge/server.ts";
import { runSuite, suiteOrigin } from "./suite.ts";

/*
 * Runs the public suite against a quick-mode edge of one profile, in a process of its own because
 * the suite keeps its results in module state. Prints the results as JSON.
 */
const profile = process.argv[2] as CacheProfile;
const anyPort = { host: "127.0.0.1", port: 0 };
const origin = createServer(await suiteOrigin());
const { port } = await listenTcp(origin, anyPort, "suite origin");
const edge = await startEdge({
  name: "suite",
  pop: "test",
  listen: anyPort,
  admin: anyPort,
  memoryBytes: 64 * 2 ** 20,
  capacityBitsPerSecond: 1e9,
  profile,
  anyHost: true,
  sites: [
    {
      name: "default",
      hosts: [],
      origin: {
        urls: [`http://127.0.0.1:${port}`],
        connectTimeout: 2_000,
        firstByteTimeout: 10_000,
        idleTimeout: 30_000,
      },
      rules: [],
      allDown: "serve-all",
    },
  ],
  log: silentLogger,
});
const results = await runSuite(`http://127.0.0.1:${edge.addresses["http"]?.port}`);
process.stdout.write(`\n${JSON.stringify(results)}\n`);
await edge.stop(1_000);
origin.close();
origin.closeAllConnections();
process.exit(0);
