import { flushCompileCache } from "node:module";
import { createLogger } from "../../../common/log.ts";
import { startEdge } from "../../../edge/server.ts";
import { aSite } from "../harness.ts";

/*
 * An edge with a disk as a process of its own, to be killed: `folder origin memoryBytes diskBytes`.
 * Prints its port when it serves. What it logs goes to stderr.
 */
const [path = "", origin = "", memoryBytes = "", diskBytes = ""] = process.argv.slice(2);
const anyPort = { host: "127.0.0.1", port: 0 };
const edge = await startEdge({
  name: "child",
  pop: "test",
  listen: anyPort,
  admin: anyPort,
  memoryBytes: Number(memoryBytes),
  disk: { path, bytes: Number(diskBytes) },
  capacityBitsPerSecond: 1e9,
  profile: "safe",
  anyHost: true,
  sites: [aSite({ origins: [origin] })],
  log: createLogger("json", "warn"),
});
process.stdout.write(`${edge.addresses["http"]?.port}\n`);
// A process that is killed cannot leave its compiled code to the next one later.
flushCompileCache();
