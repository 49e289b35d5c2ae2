import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../test/support/temp-dir.ts";
import { runLoad } from "./http/load.ts";
import { LOAD_CORE, startEdge, startServer } from "./http/peers.ts";
import { type CpuProfile, flameGraph, hottest } from "./profile/flame.ts";

/*
 * Where the time goes: `npm run -s profile -- edge [PATH]` asks an edge for hits of 1 KiB (or of a
 * path such as /102400/x), and writes a flame graph and the profile for Chrome's DevTools.
 */

const USAGE = "npm run -s profile -- edge [PATH]\n";

/** Compiling is over by then, and the profile is of the code that stays. */
const WARM_SECONDS = 5;
const SECONDS = 5;

const CONNECTIONS = 32;
const SHOWN = 25;
const FOLDER = "profile";

const stops: (() => void | Promise<void>)[] = [];
const scope = { after: (stop: () => void | Promise<void>) => void stops.push(stop) };

const [program, path = "/1024/hit"] = process.argv.slice(2);
if (program === "edge") {
  await profileEdge();
} else {
  process.stderr.write(USAGE);
  process.exitCode = 2;
}

async function profileEdge(): Promise<void> {
  const folder = tempDir(scope);
  const parts: (() => void | Promise<void>)[] = [];
  const measured = { after: (stop: () => void | Promise<void>) => void parts.push(stop) };
  try {
    const origin = await startServer(LOAD_CORE, scope, ["origin"]);
    const options = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
    const edge = await startEdge(measured, origin.port, options);
    const load = { connections: CONNECTIONS };
    await runLoad(edge, path, { ...load, seconds: WARM_SECONDS });
    const figures = await runLoad(edge, path, { ...load, seconds: SECONDS });
    for (const stop of parts.splice(0)) await stop();
    show(folder, `edge, ${path}, ${Math.round(figures.requestsPerCpuSecond)} per CPU second`);
  } finally {
    for (const stop of [...parts, ...stops].reverse()) await stop();
  }
}

function show(folder: string, title: string): void {
  const [file] = readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error("the process wrote no profile");
  const text = readFileSync(join(folder, file), "utf8");
  const profile = JSON.parse(text) as CpuProfile;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, "edge.svg"), flameGraph(profile, title));
  writeFileSync(join(FOLDER, "edge.cpuprofile"), text);
  process.stdout.write(`${title}\n${hottest(profile, SHOWN).join("\n")}\n\n`);
  process.stdout.write(`${FOLDER}/edge.svg, ${FOLDER}/edge.cpuprofile\n`);
}
