// Compiles the UDP layer with the system's C compiler; `npm ci` runs it, and so does
// `npm run build:native`. Without a compiler, or on another system than Linux, it says so and the
// router uses node:dgram: an install never fails for it. `--strict` makes that a failure.
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = dirname(fileURLToPath(import.meta.url));
const OUTPUT = join(FOLDER, "build", "udp.node");
const COMPILERS = [process.env.CC, "cc", "gcc", "clang"].filter((name) => name);
const COMPILE_DEADLINE_MS = 60_000;

const problem = build();
const strict = process.argv.includes("--strict");
console.log(
  problem === undefined
    ? "UDP layer: native (recvmmsg and sendmmsg)"
    : `UDP layer: node:dgram, as ${problem}`,
);
if (strict && problem !== undefined) process.exitCode = 1;

/** Gives the reason why there is no layer, or undefined if there is one. */
function build() {
  try {
    // What is there may be of another version or machine.
    rmSync(OUTPUT, { force: true });
    if (process.platform !== "linux") return `the native one is for Linux, not ${process.platform}`;
    const headers = createRequire(import.meta.url)("node-api-headers").include_dir;
    mkdirSync(dirname(OUTPUT), { recursive: true });
    return compile(headers);
  } catch (error) {
    return error.message.split("\n", 1)[0];
  }
}

function compile(headers) {
  const fresh = `${OUTPUT}.${process.pid}`;
  const options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC"];
  const files = [`-I${headers}`, join(FOLDER, "udp.c"), "-o", fresh];
  for (const compiler of COMPILERS) {
    const { error, status, stderr } = spawnSync(compiler, [...options, ...files], {
      encoding: "utf8",
      timeout: COMPILE_DEADLINE_MS,
    });
    if (error?.code === "ENOENT") continue;
    if (status === 0) {
      renameSync(fresh, OUTPUT);
      return undefined;
    }
    rmSync(fresh, { force: true });
    return `${compiler} failed: ${(stderr || error?.message || "").trim().split("\n", 1)[0]}`;
  }
  return "there is no C compiler";
}
