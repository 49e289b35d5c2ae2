import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SocketAddress } from "../../common/address.ts";
import { freePort } from "./free-port.ts";
import { startProcess } from "./process.ts";
import type { Scope } from "./scope.ts";
import { tempDir } from "./temp-dir.ts";

/** What a secondary of another make is told: which zone, from whom, and how they sign. */
export interface ForeignSecondary {
  /** With a final dot. */
  readonly zone: string;
  readonly primary: SocketAddress;
  readonly key: { readonly name: string; readonly secret: string };
  /** The zone is a catalog: its members are served too. BIND and Knot can. */
  readonly isCatalog?: boolean;
  /** Where it listens; left out: a free port. The primary may have to know it before. */
  readonly port?: number;
}

/** Starts a real BIND as a secondary. Resolves when it answers, with or without the zone. */
export async function startBindSecondary(
  scope: Scope,
  { zone, primary, key, isCatalog = false, port: wanted }: ForeignSecondary,
): Promise<SocketAddress> {
  const dir = tempDir(scope);
  const port = wanted ?? (await freePort());
  const file = join(dir, "named.conf");
  const from = `${primary.host} port ${primary.port} key "${key.name}";`;
  const catalog = `catalog-zones { zone "${zone}" default-primaries { ${from} } in-memory yes; };`;
  writeFileSync(
    file,
    `options {
  directory "${dir}"; pid-file none; session-keyfile "${join(dir, "session.key")}";
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no; allow-transfer { none; };
  ${isCatalog ? catalog : ""}
};
controls { };
key "${key.name}" { algorithm hmac-sha256; secret "${key.secret}"; };
server ${primary.host} { keys "${key.name}"; };
zone "${zone}" {
  type secondary; file "${join(dir, "zone")}";
  primaries { ${primary.host} port ${primary.port}; };
  allow-notify { 127.0.0.1; }; masterfile-format text;
};
`,
  );
  const args = ["-g", "-c", file, "-n", "1"];
  const child = startProcess(scope, { command: "named", args });
  await child.waitForLine("stderr", (line) => /\brunning$/.test(line) || undefined);
  return { host: "127.0.0.1", port };
}

/** Starts a real Knot as a secondary. */
export async function startKnotSecondary(
  scope: Scope,
  { zone, primary, key, isCatalog = false, port: wanted }: ForeignSecondary,
): Promise<SocketAddress> {
  const dir = tempDir(scope);
  const port = wanted ?? (await freePort());
  const file = join(dir, "knot.conf");
  const catalog = "    catalog-role: interpret\n    catalog-template: member\n";
  writeFileSync(
    file,
    `server:
  rundir: "${dir}"
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: info
database:
  storage: "${dir}"
key:
  - id: "${key.name}"
    algorithm: hmac-sha256
    secret: "${key.secret}"
remote:
  - id: primary
    address: ${primary.host}@${primary.port}
    key: "${key.name}"
acl:
  - id: notices
    address: 127.0.0.0/8
    key: "${key.name}"
    action: notify
template:
  - id: member
    storage: "${dir}"
    master: primary
    acl: notices
zone:
  - domain: "${zone}"
    storage: "${dir}"
    master: primary
    acl: notices
    semantic-checks: off
${isCatalog ? catalog : ""}`,
  );
  const child = startProcess(scope, { command: "knotd", args: ["-c", file] });
  await child.waitForLine("stderr", (line) => line.includes("server started") || undefined);
  return { host: "127.0.0.1", port };
}

/** Starts a real NSD as a secondary. */
export async function startNsdSecondary(
  scope: Scope,
  { zone, primary, key, port: wanted }: ForeignSecondary,
): Promise<SocketAddress> {
  const dir = tempDir(scope);
  const port = wanted ?? (await freePort());
  const file = join(dir, "nsd.conf");
  const at = `${primary.host}@${primary.port}`;
  writeFileSync(
    file,
    `server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  zonesdir: "${dir}"
  database: ""
  pidfile: "${join(dir, "nsd.pid")}"
  xfrdfile: "${join(dir, "xfrd.state")}"
  xfrdir: "${dir}"
  zonelistfile: "${join(dir, "zone.list")}"
  verbosity: 2
remote-control:
  control-enable: no
key:
  name: "${key.name}"
  algorithm: hmac-sha256
  secret: "${key.secret}"
zone:
  name: "${zone}"
  zonefile: "zone"
  request-xfr: ${at} ${key.name}
  allow-notify: 127.0.0.0/8 ${key.name}
`,
  );
  const child = startProcess(scope, { command: "nsd", args: ["-d", "-c", file] });
  await child.waitForLine("stderr", (line) => line.includes("nsd started") || undefined);
  return { host: "127.0.0.1", port };
}
