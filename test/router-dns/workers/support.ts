import type { Worker } from "node:worker_threads";
import type { SocketAddress } from "../../../common/address.ts";
import { atEnd, type Scope } from "../../support/scope.ts";
import { askUdp, type Patience } from "../wire-client.ts";

/**
 * Client sockets that ask at one time. The kernel picks a socket by the sender's port: that one of
 * three gets none of 64 happens once in 10^10 times.
 */
export const PORTS = 64;

/** What happens on a busy machine is not a failure. */
const PATIENCE: Patience = { tries: 10, patienceMs: 1_000 };

/** For who counts what is dropped. */
export const ASKED_ONCE: Patience = { tries: 1, patienceMs: 1_000 };

/** The answers to one packet, asked from so many ports. */
export function askFromManyPorts(
  at: SocketAddress,
  packet: Uint8Array,
  patience = PATIENCE,
): Promise<readonly (Buffer | undefined)[]> {
  const asks = Array.from({ length: PORTS }, async () => {
    const [answer] = await askUdp(at, [packet], patience);
    return answer;
  });
  return Promise.all(asks);
}

/** What a router says about itself. */
export async function metricsOf(admin: SocketAddress): Promise<string> {
  return (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
}

/** The sum of all series of a metric whose labels match. */
export function sumOf(metrics: string, name: string, labels = ""): number {
  const lines = metrics.split("\n").filter((line) => line.startsWith(`meridian_${name}`));
  const numbers = lines
    .filter((line) => line.includes(labels))
    .map((line) => line.split(" ").pop());
  return numbers.reduce((sum, number) => sum + Number(number), 0);
}

/** The threads that are started from now on until the scope ends. */
export function threadsOf(scope: Scope): readonly Worker[] {
  const threads: Worker[] = [];
  const onWorker = (thread: Worker) => void threads.push(thread);
  process.on("worker", onWorker);
  atEnd(scope, () => void process.off("worker", onWorker));
  return threads;
}
