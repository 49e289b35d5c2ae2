import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SocketAddress } from "../../common/address.ts";
import { freePort } from "./free-port.ts";
import { startProcess } from "./process.ts";
import type { Scope } from "./scope.ts";
import { tempDir } from "./temp-dir.ts";

/**
 * Starts a real dnsdist that passes everything on to one server, with a PROXY header before each
 * packet and connection that says who has asked. Resolves when it serves.
 */
export async function startDnsdist(scope: Scope, to: SocketAddress): Promise<SocketAddress> {
  const port = await freePort();
  const file = join(tempDir(scope), "dnsdist.conf");
  const server = `address="${to.host}:${to.port}", useProxyProtocol=true, healthCheckMode="up"`;
  writeFileSync(file, `setLocal("127.0.0.1:${port}")\nnewServer({${server}})\n`);
  const args = ["--supervised", "--disable-syslog", "-C", file];
  const child = startProcess(scope, { command: "dnsdist", args });
  await child.waitForLine("stdout", (line) => /Listening on/.test(line) || undefined);
  return { host: "127.0.0.1", port };
}
