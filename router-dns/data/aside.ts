import { Worker } from "node:worker_threads";
import { fail, type Result } from "../../common/result.ts";

/** What is done aside takes seconds; work that takes this long hangs. */
const WORK_MS_MAX = 120_000;

/**
 * Runs one order in a thread of its own, so that queries are answered meanwhile and the memory that
 * it takes is given back. `script` answers with one message. Never rejects: a thread that dies, or
 * that takes more than WORK_MS_MAX, is a failure with a sentence that begins with `what`.
 */
export function runAside<T>(script: URL, order: unknown, what: string): Promise<Result<T, string>> {
  return new Promise((resolve) => {
    const worker = new Worker(script, { workerData: order });
    const end = (result: Result<T, string>): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => {
      end(fail(`${what} took more than ${WORK_MS_MAX} ms`));
      worker.terminate().catch((error: unknown) => end(fail(`${what}: ${String(error)}`)));
    }, WORK_MS_MAX);
    worker.on("message", (value: T) => end({ ok: true, value }));
    worker.on("error", (error) => end(fail(`${what} failed: ${String(error)}`)));
    worker.on("exit", (code) => end(fail(`${what} ended with code ${code}`)));
  });
}
