import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import { type GovernorState, governMemory, mayCollect, UNGOVERNED } from "./governor.ts";

/** How often memory is looked at. At full speed a process takes some ten megabytes in this time. */
const LOOK_EVERY_MS = 100;

/** The part of a store that the governor sees. */
interface GovernedStore {
  usage(): { readonly bytes: number; readonly bytesMax: number };
  resize(bytesMax: number): void;
}

/** Keeps this whole process within a budget, by what its store may hold. */
export class ProcessMemory {
  readonly #budgetBytes: number;
  readonly #store: GovernedStore;
  readonly #clock: Clock;
  readonly #collectGarbage = garbageCollector();
  #state: GovernorState = UNGOVERNED;
  #collected = { at: 0, tookMs: 0 };
  #cancel: (() => void) | undefined;

  constructor(budgetBytes: number, store: GovernedStore, clock: Clock) {
    this.#budgetBytes = budgetBytes;
    this.#store = store;
    this.#clock = clock;
  }

  /** Looks at once, and then for as long as the process runs. */
  start(log: Logger): void {
    this.#look();
    const { bytesMax } = this.#store.usage();
    log.info({ event: "memory", budget: this.#budgetBytes, store: bytesMax });
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    const { rss, heapUsed, external } = process.memoryUsage();
    const usage = this.#store.usage();
    const facts = {
      residentBytes: rss,
      scriptBytes: heapUsed + external,
      storeBytes: usage.bytes,
      storeBytesMax: usage.bytesMax,
    };
    const decision = governMemory(this.#budgetBytes, facts, this.#state);
    this.#state = decision.state;
    this.#store.resize(decision.storeBytesMax);
    if (decision.collect) this.#collect();
    this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  #collect(): void {
    const began = this.#clock.monotonic();
    if (!mayCollect(began - this.#collected.at, this.#collected.tookMs)) return;
    this.#collectGarbage();
    const at = this.#clock.monotonic();
    this.#collected = { at, tookMs: at - began };
  }
}

/** The function that a script has only if V8 is told to show it. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  return collect;
}
