import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { RecentTraffic } from "../../state/recent-traffic.ts";
import type { Heartbeat } from "../../state/records.ts";
import type { StateStore } from "../../state/store.ts";
import type { StoreUsage } from "../store/store.ts";

/** From one heartbeat to the next. */
export const HEARTBEAT_MS = 1_000;

/** An edge whose heartbeat is older than this is forgotten. */
export const HEARTBEAT_TTL_MS = 10_000;

/** Where the figures of a heartbeat come from. Counters only grow. */
export interface HeartbeatSources {
  readonly edge: string;
  readonly pop: string;
  readonly run: string;
  readonly version: () => number;
  readonly connections: () => number;
  /** Bytes of bodies sent, since the start. */
  readonly bytes: () => number;
  readonly requests: () => number;
  /** Microseconds of processor time, since the start; undefined: others use the process, too. */
  readonly cpuMicroseconds: (() => number) | undefined;
  readonly usage: () => StoreUsage;
  /** Ends a slice of so many milliseconds, and tells of the last seconds. */
  readonly recent: (ms: number) => RecentTraffic;
  /** Connections taken at most. */
  readonly connectionsMax: number;
  /** Of the disk; undefined: there is none. */
  readonly diskUsage: () => Pick<StoreUsage, "bytes" | "bytesMax"> | undefined;
}

interface Sample {
  readonly at: number;
  readonly bytes: number;
  readonly requests: number;
  readonly cpuMicroseconds: number | undefined;
}

/** Says every second how this edge is, if the store can be told: never two calls at a time. */
export class HeartbeatSender {
  readonly #sources: HeartbeatSources;
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  #before: Sample;
  #cancel: (() => void) | undefined;
  #sending = false;
  #stopped = false;

  constructor(
    sources: HeartbeatSources,
    options: { readonly store: StateStore; readonly clock: Clock; readonly log: Logger },
  ) {
    this.#sources = sources;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#before = this.#sample();
  }

  /** Sends the first one now and one every second from then on. */
  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#clock.after(HEARTBEAT_MS, () => this.start());
    const beat = this.#beat();
    if (this.#sending) return;
    this.#sending = true;
    const sent = this.#store
      .heartbeat(beat, HEARTBEAT_TTL_MS)
      .catch((error: unknown) => this.#log.debug({ event: "heartbeat-failed", err: error }))
      .finally(() => {
        this.#sending = false;
      });
    background(this.#log, "heartbeat", sent);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #sample(): Sample {
    const { bytes, requests, cpuMicroseconds } = this.#sources;
    return {
      at: this.#clock.monotonic(),
      bytes: bytes(),
      requests: requests(),
      cpuMicroseconds: cpuMicroseconds?.(),
    };
  }

  #beat(): Heartbeat {
    const { edge, pop, run, version, connections, connectionsMax, usage } = this.#sources;
    const disk = this.#sources.diskUsage();
    const before = this.#before;
    const sample = this.#sample();
    this.#before = sample;
    const seconds = Math.max(0.001, (sample.at - before.at) / 1000);
    const { bytes, bytesMax, objects } = usage();
    return {
      edge,
      pop,
      at: this.#clock.now(),
      run,
      version: version(),
      connections: connections(),
      bitsPerSecond: Math.round(((sample.bytes - before.bytes) * 8) / seconds),
      requestsPerSecond: Math.round((sample.requests - before.requests) / seconds),
      ...cpuShare(before, sample, seconds),
      storeBytes: bytes,
      storeBytesMax: bytesMax,
      objects,
      connectionsMax,
      recent: this.#sources.recent(sample.at - before.at),
      ...(disk === undefined ? {} : { diskBytes: disk.bytes, diskBytesMax: disk.bytesMax }),
    };
  }
}

/** Which part of one core the process has used between two samples (P), if that is known. */
function cpuShare(before: Sample, sample: Sample, seconds: number): Pick<Heartbeat, "cpu"> {
  if (before.cpuMicroseconds === undefined || sample.cpuMicroseconds === undefined) return {};
  return { cpu: Math.min(1, (sample.cpuMicroseconds - before.cpuMicroseconds) / 1e6 / seconds) };
}
