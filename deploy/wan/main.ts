import { readFileSync } from "node:fs";
import { runUntilSignal } from "../../common/daemon.ts";
import { createLogger } from "../../common/log.ts";
import { parsePlan } from "./plan.ts";
import { startWan } from "./server.ts";

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("usage: node deploy/wan/main.ts PLAN.yaml\n");
  process.exit(2);
}
const plan = parsePlan(readFileSync(file, "utf8"));
if (!plan.ok) {
  process.stderr.write(`${plan.error.map((problem) => `${file}: ${problem}`).join("\n")}\n`);
  process.exit(2);
}
const log = createLogger("json");
const wan = await startWan({ plan: plan.value, log });
log.info({ event: "ready", name: wan.name, addresses: wan.addresses });
await runUntilSignal([wan], log);
