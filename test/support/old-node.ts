import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { searchPath } from "./peers.ts";

/** The first Node in PATH that is too old for us, if this machine has one. */
export function oldNode(): string | undefined {
  const candidates = searchPath()
    .split(delimiter)
    .map((folder) => join(folder, "node"));
  return candidates.find((path) => {
    const { status, stdout } = spawnSync(path, ["-p", "process.versions.node"], {
      encoding: "utf8",
    });
    return status === 0 && Number.parseInt(stdout, 10) < 24;
  });
}
