import { parentPort, workerData } from "node:worker_threads";
import type { FromWorker, ToWorker, WorkerOrder } from "./messages.ts";
import { WorkerRouter } from "./worker-router.ts";

// A thread of its own: what it cannot cope with ends it, and the leader starts another one.
const router = new WorkerRouter(workerData as WorkerOrder, {
  tell: (message: FromWorker) => parentPort?.postMessage(message, []),
  // In a worker this ends the thread and not the process.
  end: (code) => process.exit(code),
});
parentPort?.on("message", (message: ToWorker) => router.take(message));
