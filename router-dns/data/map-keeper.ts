import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import { formatProblem } from "../../common/file-problem.ts";
import { FileWatch } from "../../common/file-watch.ts";
import type { Logger } from "../../common/log.ts";
import type { LiveSnapshot } from "./live.ts";
import { buildMapAside } from "./map.ts";
import type { LatencyOrder, MapOrder } from "./map-build.ts";

/** Problems of a map that a router's report tells of; its log has all. */
export const MAP_PROBLEMS_TOLD_MAX = 10;

/** What a keeper needs. */
export interface MapKeeperOptions {
  readonly order: Omit<MapOrder, "replaceBroken">;
  readonly live: LiveSnapshot;
  readonly clock: Clock;
  readonly log: Logger;
  /** Round trips that others have told, at the moment of a build. */
  readonly roundTrips: () => Pick<LatencyOrder, "measured" | "told">;
  /** Told of each build. */
  readonly onBuild: (result: "ok" | "failed") => void;
}

/**
 * Builds the map again when one of its files has changed, or when told to: in a thread, one at a
 * time, and swapped as a whole. Anything wrong keeps the map in use.
 */
export class MapKeeper {
  readonly #options: MapKeeperOptions;
  readonly #watch: FileWatch;
  #lastMs = 0;
  #problems: readonly string[] = [];
  #building: Promise<boolean> | undefined;
  #waiting: Promise<boolean> | undefined;

  constructor(options: MapKeeperOptions) {
    this.#options = options;
    const { order, clock, log } = options;
    this.#watch = new FileWatch(mapFiles(order), {
      clock,
      log,
      onChange: () => background(log, "map", this.rebuild()),
    });
  }

  /** Looks for changes of the files from now on. */
  start(): void {
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** How long the last build took, in milliseconds; 0 before the first. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** What is wrong with the files: those that were passed over, or that keep an older map. */
  get problems(): readonly string[] {
    const { broken } = this.#options.live.parts().built;
    return this.#problems.length > 0 ? this.#problems : broken;
  }

  /**
   * Builds the map anew; true if it is in use now. Never rejects. Of those who ask while one is
   * being built all get the next one, which reads what they want read.
   */
  rebuild(): Promise<boolean> {
    this.#waiting ??= (this.#building ?? Promise.resolve(true)).then(() => {
      this.#building = this.#waiting;
      this.#waiting = undefined;
      return this.#build();
    });
    return this.#waiting;
  }

  async #build(): Promise<boolean> {
    const { order, live, clock, log, onBuild, roundTrips } = this.#options;
    const started = clock.monotonic();
    const { firsts } = live.parts().built.map;
    const latency = order.latency && { ...order.latency, ...roundTrips() };
    const built = await buildMapAside({ ...order, latency, firsts, replaceBroken: false });
    this.#lastMs = clock.monotonic() - started;
    onBuild(built.ok ? "ok" : "failed");
    if (built.ok) {
      this.#problems = [];
      live.setMap(built.value);
      const { v4, v6, leaves } = built.value.map;
      const prefixes = v4.count + v6.count;
      log.info({
        event: "map-built",
        ms: Math.round(this.#lastMs),
        prefixes,
        leaves: leaves.count,
      });
      return true;
    }
    this.#problems = [...built.error.broken, ...built.error.problems.map(formatProblem)];
    for (const reason of this.#problems) log.error({ event: "map-kept", reason });
    return false;
  }
}

function mapFiles(order: MapKeeperOptions["order"]): readonly string[] {
  const { city, asn, coverageFile, latency } = order;
  return [city, asn, coverageFile, latency?.file].filter((file) => file !== undefined);
}
