import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SocketAddress } from "../../common/address.ts";
import { freePort } from "./free-port.ts";
import { startProcess } from "./process.ts";
import type { Scope } from "./scope.ts";
import { tempDir } from "./temp-dir.ts";

/** A zone and who answers it; with `tls`, over TLS and only under that name and certificate. */
export interface UnboundStub {
  readonly zone: string;
  readonly at: SocketAddress;
  readonly tls?: { readonly name: string; readonly certificate: string };
}

/** A recursive resolver for one test. */
export interface UnboundOptions {
  /** A root hints file; left out: the resolver knows no root. */
  readonly rootHints?: string;
  /** Zones that are asked for at an address instead of being looked up from the root. */
  readonly stubs?: readonly UnboundStub[];
  /** Servers that get the client's subnet (RFC 7871); the resolver takes it from the query too. */
  readonly sendClientSubnetTo?: readonly string[];
  /** DS or DNSKEY records; with them the resolver validates. Left out: it does not. */
  readonly trustAnchors?: readonly string[];
  /** The moment at which signatures have to be good, in epoch milliseconds; left out: now. */
  readonly validatesAt?: number;
  /** True: answers for stubs are remembered as all others are; left out: never. */
  readonly cachesStubs?: boolean;
}

/** Starts a real unbound that asks on loopback. Resolves when it serves. */
export async function startUnbound(scope: Scope, options: UnboundOptions): Promise<SocketAddress> {
  const dir = tempDir(scope);
  const port = await freePort();
  const file = join(dir, "unbound.conf");
  writeFileSync(file, unboundConfig(dir, port, options));
  const child = startProcess(scope, { command: "unbound", args: ["-d", "-p", "-c", file] });
  await child.waitForLine("stderr", (line) => line.includes("start of service") || undefined);
  return { host: "127.0.0.1", port };
}

function unboundConfig(dir: string, port: number, options: UnboundOptions): string {
  const { sendClientSubnetTo: ecs = [], trustAnchors: anchors = [] } = options;
  const modules = [
    ...(ecs.length > 0 ? ["subnetcache"] : []),
    ...(anchors.length > 0 ? ["validator"] : []),
    "iterator",
  ];
  const lines = [
    "server:",
    `  directory: "${dir}"`,
    '  chroot: ""',
    '  username: ""',
    '  pidfile: ""',
    "  use-syslog: no",
    '  logfile: ""',
    "  verbosity: 1",
    "  num-threads: 1",
    "  do-daemonize: no",
    "  interface: 127.0.0.1",
    `  port: ${port}`,
    "  access-control: 127.0.0.0/8 allow",
    "  do-not-query-localhost: no",
    "  do-ip6: no",
    // RFC 6761 s.6.2 lets resolvers answer for test. themselves.
    '  local-zone: "test." nodefault',
    "  qname-minimisation: yes",
    `  module-config: "${modules.join(" ")}"`,
    ...anchors.map((anchor) => `  trust-anchor: "${anchor}"`),
    // What a validator does not have to ask for again, it makes up from denials (RFC 8198).
    ...(anchors.length > 0 ? ["  aggressive-nsec: yes"] : []),
    ...(options.validatesAt === undefined
      ? []
      : [`  val-override-date: "${secondsDate(options.validatesAt)}"`]),
    ...ecs.map((server) => `  send-client-subnet: ${server}`),
    ...(ecs.length > 0 ? ["  client-subnet-always-forward: yes"] : []),
    ...(options.stubs ?? []).flatMap(({ tls }) =>
      tls === undefined ? [] : [`  tls-cert-bundle: "${tls.certificate}"`],
    ),
    ...(options.rootHints === undefined ? [] : [`  root-hints: "${options.rootHints}"`]),
    "remote-control:",
    "  control-enable: no",
    ...(options.stubs ?? []).flatMap(({ zone, at, tls }) => [
      "stub-zone:",
      `  name: "${zone}"`,
      `  stub-addr: ${at.host}@${at.port}${tls === undefined ? "" : `#${tls.name}`}`,
      `  stub-tls-upstream: ${tls === undefined ? "no" : "yes"}`,
      `  stub-no-cache: ${options.cachesStubs === true ? "no" : "yes"}`,
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** As RRSIG records are written: YYYYMMDDHHmmSS. */
function secondsDate(at: number): string {
  return new Date(at).toISOString().replace(/\D/g, "").slice(0, 14);
}
