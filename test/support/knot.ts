import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SocketAddress } from "../../common/address.ts";
import { freePort } from "./free-port.ts";
import { startProcess } from "./process.ts";
import type { Scope } from "./scope.ts";
import { tempDir } from "./temp-dir.ts";

/** A zone for another authoritative server: its name, with a final dot, and its text. */
export interface KnotZone {
  readonly name: string;
  readonly text: string;
}

/** What a server of another make is told. */
export interface KnotOptions {
  readonly zones: readonly KnotZone[];
  /** Most octets of an answer over UDP. */
  readonly maxUdpBytes: number;
  /** Makes it demand cookies of this secret, in hexadecimal. */
  readonly cookieSecret?: string;
  /** Where it listens; left out: a free port. */
  readonly port?: number;
  /** A network that may transfer its zones; left out: none. */
  readonly transferTo?: string;
}

/** Starts a real Knot DNS that serves zones as they are. Resolves when all are loaded. */
export async function startKnot(
  scope: Scope,
  { zones, maxUdpBytes, port: wanted, transferTo, cookieSecret }: KnotOptions,
): Promise<SocketAddress> {
  const dir = tempDir(scope);
  const port = wanted ?? (await freePort());
  const files = zones.map(({ text }, index) => {
    const file = join(dir, `${index}.zone`);
    writeFileSync(file, text);
    return file;
  });
  const config = [
    "server:",
    `  rundir: "${dir}"`,
    `  listen: 127.0.0.1@${port}`,
    `  udp-max-payload: ${maxUdpBytes}`,
    "  udp-workers: 1",
    "  tcp-workers: 1",
    "  background-workers: 1",
    "log:",
    "  - target: stderr",
    "    any: info",
    "database:",
    `  storage: "${dir}"`,
    ...(transferTo === undefined
      ? []
      : ["acl:", "  - id: transfers", `    address: ${transferTo}`, "    action: transfer"]),
    ...cookieModule(cookieSecret),
    "zone:",
    ...zones.flatMap(({ name }, index) => [
      `  - domain: "${name}"`,
      `    file: "${files[index]}"`,
      "    semantic-checks: off",
      "    zonefile-load: whole",
      "    journal-content: none",
      ...(transferTo === undefined ? [] : ["    acl: transfers"]),
    ]),
  ].join("\n");
  const file = join(dir, "knot.conf");
  writeFileSync(file, `${config}\n`);
  const child = startProcess(scope, { command: "knotd", args: ["-c", file] });
  const missing = new Set(zones.map(({ name }) => name));
  await child.waitForLine("stderr", (line) => {
    const name = /\[(\S+)\] loaded, serial/.exec(line)?.[1];
    if (name !== undefined) missing.delete(name);
    return missing.size === 0 ? true : undefined;
  });
  return { host: "127.0.0.1", port };
}

function cookieModule(secret: string | undefined): readonly string[] {
  if (secret === undefined) return [];
  const module = ["mod-cookies:", "  - id: shared", `    secret: 0x${secret}`];
  return [...module, "template:", "  - id: default", "    global-module: mod-cookies/shared"];
}
