// A process with two daemons that only say what is asked of them. Its arguments are the deadline
// for stopping in milliseconds and how the first daemon stops: `at-once`, `slowly` or `badly`.
import type { RunningDaemon } from "../../common/daemon.ts";
import { runUntilSignal } from "../../common/daemon.ts";
import { createLogger } from "../../common/log.ts";

const [deadlineMs, manner] = process.argv.slice(2);
const log = createLogger("json");
const keepAlive = setInterval(() => undefined, 1_000);

function daemon(name: string, stop: () => Promise<void>): RunningDaemon {
  return {
    name,
    addresses: {},
    async stop(withinMs) {
      log.info({ event: "asked-to-stop", daemon: name, withinMs });
      await stop();
    },
    async reload() {
      log.info({ event: "asked-to-reload", daemon: name });
      if (name === "first") throw new Error("broken file");
    },
  };
}

const first = daemon("first", () => {
  if (manner === "badly") return Promise.reject(new Error("cannot stop"));
  return new Promise((resolve) => {
    setTimeout(resolve, manner === "slowly" ? 300 : 0);
  });
});
const second = daemon("second", () => Promise.resolve());

const running = runUntilSignal([first, second], log, { deadlineMs: Number(deadlineMs) });
log.info({ event: "ready" });
await running;
clearInterval(keepAlive);
