import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import { type GovernorState, governMemory, mayCollect } from "./governor.ts";

/** How often memory is looked at. At full speed a process takes some ten megabytes in this time. */
const LOOK_EVERY_MS = 50;

/** With less than this beside what the process has at its start there is little to be cached in. */
const ROOM_BYTES_MIN = 32 * 2 ** 20;

/** The part of a store that the governor sees. */
interface GovernedStore {
  usage(): { readonly bytes: number; readonly bytesMax: number };
  resize(bytesMax: number, reachableBytes: number): void;
}

/**
 * Keeps this whole process within a budget: several times a second `governMemory` decides how much
 * of it the store may have, and whether to collect garbage.
 */
export class ProcessMemory {
  readonly #budgetBytes: number;
  readonly #store: GovernedStore;
  readonly #clock: Clock;
  readonly #collectGarbage = garbageCollector();
  #state: GovernorState | undefined;
  /** CPU time of the process when garbage was last collected, and what that took. */
  #collected = { at: 0, took: 0 };
  #cancel: (() => void) | undefined;

  constructor(budgetBytes: number, store: GovernedStore, clock: Clock) {
    this.#budgetBytes = budgetBytes;
    this.#store = store;
    this.#clock = clock;
  }

  /** Gives the store its first limit, and minds it until `stop`. */
  start(log: Logger): void {
    // Young garbage holds on to the pieces of bodies that have passed through: it may not become
    // more than it is at the start. By itself V8 lets it grow to 48 MiB.
    setFlagsFromString("--semi-space-growth-factor=1");
    this.#look();
    const budget = this.#budgetBytes;
    const resident = process.memoryUsage.rss();
    const store = this.#store.usage().bytesMax;
    if (budget - resident >= ROOM_BYTES_MIN) {
      log.info({ event: "memory", budget, resident, store });
    } else {
      log.warn(
        { event: "memory-small", budget, resident, store },
        "the process alone takes this budget or more: it is not kept, and little is cached",
      );
    }
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
    this.#store.resize(decision.storeBytesMax, decision.reachableBytes);
    if (decision.collect) this.#collect();
    this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  #collect(): void {
    const began = cpuMicroseconds();
    const { at, took } = this.#collected;
    if (!mayCollect({ sinceLast: began - at, lastTook: took })) return;
    this.#collectGarbage();
    const ended = cpuMicroseconds();
    this.#collected = { at: ended, took: ended - began };
  }
}

/** Microseconds of processor time that all threads of this process have used. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The function that V8 gives only to a context made while it is told to. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  return collect;
}
