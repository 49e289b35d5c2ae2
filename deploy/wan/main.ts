import { readFileSync } from "node:fs";
import { runUntilSignal } from "../../common/daemon.ts";
import { createLogger } from "../../common/log.ts";
import { fail, type Result } from "../../common/result.ts";
import { parsePlan, type WanPlan } from "./plan.ts";
import { startWan } from "./server.ts";

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("usage: node deploy/wan/main.ts PLAN.yaml\n");
  process.exit(2);
}
const plan = readPlan(file);
if (!plan.ok) {
  process.stderr.write(`${plan.error.map((problem) => `${file}: ${problem}`).join("\n")}\n`);
  process.exit(2);
}
const log = createLogger("json");
const wan = await startWan({ plan: plan.value, log });
log.info({ event: "ready", name: wan.name, addresses: wan.addresses });
await runUntilSignal([wan], log);

function readPlan(path: string): Result<WanPlan, readonly string[]> {
  try {
    return parsePlan(readFileSync(path, "utf8"));
  } catch (error) {
    return fail([error instanceof Error ? error.message : String(error)]);
  }
}
