import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { importClosure } from "./import-graph.ts";

/** A real program that tests run, instead of an imitation of it. */
export interface Peer {
  /** What is looked for in PATH, and what a test spawns. */
  readonly binary: string;
  readonly debianPackage: string;
  /** What it shows about us. */
  readonly proves: string;
}

/**
 * Every peer. Which tests need one is not written down here, where it would rot: a test needs the
 * peers whose binary stands between double quotes in its file or in a file of `test/` that it
 * imports, as in `command: "dig"`.
 */
export const PEERS: readonly Peer[] = [
  { binary: "redis-server", debianPackage: "redis-server", proves: "shared state, and its loss" },
  { binary: "dig", debianPackage: "bind9-dnsutils", proves: "what DNS clients see" },
  { binary: "delv", debianPackage: "bind9-dnsutils", proves: "that our signatures validate" },
  { binary: "ldns-verify-zone", debianPackage: "ldnsutils", proves: "that whole zones verify" },
  { binary: "dnsviz", debianPackage: "dnsviz", proves: "that a second opinion has no warnings" },
  { binary: "dnssec-signzone", debianPackage: "bind9-utils", proves: "that we sign alike" },
  { binary: "kdig", debianPackage: "knot-dnsutils", proves: "DNS over TLS and HTTPS" },
  { binary: "dnsdist", debianPackage: "dnsdist", proves: "that front ends can stand before us" },
  { binary: "openssl", debianPackage: "openssl", proves: "TLS, from another side" },
  { binary: "unbound", debianPackage: "unbound", proves: "what a recursive resolver makes of us" },
  { binary: "knotd", debianPackage: "knot", proves: "that another server answers alike" },
  { binary: "named", debianPackage: "bind9", proves: "that BIND can be our secondary" },
  { binary: "nsd", debianPackage: "nsd", proves: "that NSD can be our secondary" },
  { binary: "ss", debianPackage: "iproute2", proves: "that the kernel tells how far clients are" },
  { binary: "curl", debianPackage: "curl", proves: "what HTTP clients see" },
  {
    binary: "slowhttptest",
    debianPackage: "slowhttptest",
    proves: "that slow clients stop nobody",
  },
  { binary: "nginx", debianPackage: "nginx-light", proves: "that we relay a foreign origin" },
  { binary: "prometheus", debianPackage: "prometheus", proves: "that we can be scraped" },
  { binary: "promtool", debianPackage: "prometheus", proves: "that metrics keep the conventions" },
  { binary: "chromium", debianPackage: "chromium", proves: "that the console page works" },
  { binary: "zsh", debianPackage: "zsh", proves: "that zsh takes our completions" },
  { binary: "fish", debianPackage: "fish", proves: "that fish takes our completions" },
  { binary: "pebble", debianPackage: "pebble", proves: "that an ACME server signs for us" },
  { binary: "script", debianPackage: "bsdutils", proves: "what a terminal is shown" },
  { binary: "pebble-challtestsrv", debianPackage: "pebble", proves: "names for an ACME server" },
  { binary: "git", debianPackage: "git", proves: "that a clean clone works" },
];

/** Where Debian keeps daemons, which is not in everybody's PATH. */
const DAEMON_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** PATH with the folders of daemons behind it (P). */
export function searchPath(path = process.env["PATH"] ?? ""): string {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return [...folders, ...DAEMON_FOLDERS.filter((extra) => !folders.includes(extra))].join(
    delimiter,
  );
}

/** The peers of the list that this machine does not have. */
export function missingPeers(peers: readonly Peer[]): Peer[] {
  return peers.filter(({ binary }) => findProgram(binary) === undefined);
}

/** Where a program is on this machine. */
export function findProgram(binary: string): string | undefined {
  const folders = searchPath().split(delimiter);
  return folders.map((folder) => join(folder, binary)).find(isProgram);
}

/** The peers that a test file needs: see PEERS. */
export function peersOf(testFile: string): Peer[] {
  const inTests = [...importClosure(testFile)].filter((file) => file.includes(`${sep}test${sep}`));
  const text = inTests
    .filter((file) => !file.endsWith(`${sep}peers.ts`))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  return PEERS.filter(({ binary }) => text.includes(`"${binary}"`));
}

/** The one line that installs peers on Debian (P). */
export function installLine(peers: readonly Peer[]): string {
  const packages = [...new Set(peers.map(({ debianPackage }) => debianPackage))];
  return `apt-get install --no-install-recommends ${packages.join(" ")}`;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
