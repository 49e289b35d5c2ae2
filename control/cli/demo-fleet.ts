import type { RunningDaemon } from "../../common/daemon.ts";
import type { DemoEdges } from "../demo-edges.ts";

/** A crash does not wait for anybody. */
const CRASH_DEADLINE_MS = 0;

/** The edges of the demo, which can be stopped and started one by one while it runs. */
export class DemoFleet implements DemoEdges {
  readonly #start: (edge: string) => Promise<RunningDaemon>;
  readonly #running = new Map<string, RunningDaemon>();
  /** The last thing that was asked of an edge: what is asked next waits for it. */
  readonly #busy = new Map<string, Promise<void>>();
  #closing = false;

  constructor(start: (edge: string) => Promise<RunningDaemon>) {
    this.#start = start;
  }

  isRunning(edge: string): boolean {
    return this.#running.has(edge);
  }

  start(edge: string): Promise<void> {
    return this.#next(edge, async () => {
      if (this.#running.has(edge) || this.#closing) return;
      this.#running.set(edge, await this.#start(edge));
    });
  }

  stop(edge: string): Promise<void> {
    return this.#next(edge, () => this.#stop(edge, CRASH_DEADLINE_MS));
  }

  /** All of them as one daemon, for the end of the demo. */
  asDaemon(): RunningDaemon {
    return {
      name: "edges",
      addresses: {},
      stop: async (deadlineMs) => {
        this.#closing = true;
        const edges = new Set([...this.#running.keys(), ...this.#busy.keys()]);
        await Promise.all(
          [...edges].map((edge) => this.#next(edge, () => this.#stop(edge, deadlineMs))),
        );
      },
    };
  }

  async #stop(edge: string, deadlineMs: number): Promise<void> {
    const daemon = this.#running.get(edge);
    if (daemon === undefined) return;
    this.#running.delete(edge);
    await daemon.stop(deadlineMs);
  }

  #next(edge: string, work: () => Promise<void>): Promise<void> {
    const before = this.#busy.get(edge) ?? Promise.resolve();
    const next = before.then(work, work);
    this.#busy.set(edge, next);
    return next;
  }
}
