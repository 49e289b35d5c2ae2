import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { installLine, missingPeers, type Peer } from "./peers.ts";

/** Debian asks this program before a package starts its service; exit code 101 forbids it. */
const POLICY_FILE = "/usr/sbin/policy-rc.d";

/** A mirror that hangs must not hold the tests for ever. */
const APT_DEADLINE_MS = 15 * 60_000;

/**
 * Gets missing peers where that is ours to do: as root on Debian. Says what it does through `say`.
 * Gives the peers that are still missing afterwards.
 */
export function installPeers(missing: readonly Peer[], say: (line: string) => void): Peer[] {
  if (missing.length === 0) return [];
  const names = missing.map(({ binary }) => binary).join(", ");
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
    say(`Not on this machine: ${names}. To run everything, install them; on Debian or Ubuntu:`);
    say(`    sudo ${installLine(missing)}`);
    return [...missing];
  }
  say(`Not on this machine: ${names}. Installing them: ${installLine(missing)}`);
  withoutServices(() => {
    for (const command of ["apt-get -q update", `${installLine(missing)} -qq -y`]) {
      const failure = apt(command);
      if (failure !== undefined) say(`${command}: ${failure}`);
    }
  });
  return missingPeers(missing);
}

function apt(command: string): string | undefined {
  const [program = "", ...args] = command.split(" ");
  const { status, stderr, error } = spawnSync(program, args, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    timeout: APT_DEADLINE_MS,
  });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : `exit code ${status}: ${stderr.trim().slice(-2_000)}`;
}

/** Runs `action` while packages may not start services, unless the machine has its own rule. */
function withoutServices(action: () => void): void {
  if (existsSync(POLICY_FILE)) {
    action();
    return;
  }
  writeFileSync(POLICY_FILE, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    action();
  } finally {
    rmSync(POLICY_FILE);
  }
}
