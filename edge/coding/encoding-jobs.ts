import { background } from "../../common/background.ts";
import type { Clock, MonotonicMs } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { Coding } from "../http/accept-encoding.ts";
import { type CacheObject, partKey, type Store } from "../store/store.ts";
import type { Encode } from "./encode.ts";

/** Jobs that run at the same time: half of the threads that Node has for them and for files. */
export const RUNNING_MAX = 2;

/** Jobs that run or wait, and the bytes of the bodies that they hold. */
export const JOBS_MAX = 256;
export const JOBS_BYTES_MAX = 64 * 2 ** 20;

/** After so long a job is given up. The most that a site may ask for takes a few seconds. */
export const JOB_MS_MAX = 30_000;

/** How a job ended: the label values of `edge_encode_jobs_total{result}`. */
export type EncodeResult =
  | "encoded"
  /** Not again for this body. */
  | "not_smaller"
  /** The encoder failed or took too long: not again for this body. */
  | "failed"
  /** The object left the store meanwhile, or the edge stops. */
  | "dropped"
  /** Too many jobs, or no room for the result: the next who asks may be luckier. */
  | "busy";

/** What jobs need, and whom they tell. */
export interface EncodingJobsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly encode: Encode;
  /** `seconds` is 0 for a job that did not begin. */
  onEnd(coding: Coding, result: EncodeResult, seconds: number): void;
}

/** An encoded form on its way. */
export interface EncodingJob {
  readonly object: CacheObject;
  readonly coding: Coding;
  /** Undefined while it waits for its turn. */
  readonly startedAt: MonotonicMs | undefined;
  /** Calls `action` when it is over, however it ended. */
  onOver(action: () => void): void;
}

/**
 * Makes encoded forms of stored bodies: each once, however many clients ask, a few at a time, in
 * the order in which they were first asked for. A form is an ordinary object of the store, beside
 * the one that it was made of. One that would not be shorter, and one that could not be made, is
 * remembered in the same way, as a form without bytes.
 */
export class EncodingJobs {
  readonly #options: EncodingJobsOptions;
  /** All jobs, by the key of what they make, in order. */
  readonly #jobs = new Map<string, Job>();
  #running = 0;
  #bytes = 0;

  constructor(options: EncodingJobsOptions) {
    this.#options = options;
  }

  /** The job that makes a form, under way or new; undefined when there are too many. */
  want(object: CacheObject, coding: Coding): EncodingJob | undefined {
    const key = partKey(object.id, coding);
    const before = this.#jobs.get(key);
    if (before !== undefined) return before;
    const isFull = this.#jobs.size >= JOBS_MAX || this.#bytes + object.bodyBytes > JOBS_BYTES_MAX;
    if (isFull) {
      this.#options.onEnd(coding, "busy", 0);
      return undefined;
    }
    const job = new Job(key, object, coding);
    // What the job reads may leave the store, and then counts as bytes that a client reads.
    job.release = this.#options.store.read(object, () => job.abort());
    this.#jobs.set(key, job);
    this.#bytes += object.bodyBytes;
    this.#startNext();
    return job;
  }

  /** Gives all jobs up. */
  stop(): void {
    for (const job of this.#jobs.values()) job.abort();
  }

  #startNext(): void {
    for (const job of this.#jobs.values()) {
      if (this.#running >= RUNNING_MAX) return;
      if (job.startedAt !== undefined) continue;
      job.startedAt = this.#options.clock.monotonic();
      this.#running += 1;
      background(this.#options.log, "encode", this.#run(job));
    }
  }

  async #run(job: Job): Promise<void> {
    const { clock } = this.#options;
    const began = clock.monotonic();
    const cancel = clock.after(JOB_MS_MAX, () => job.abort("failed"));
    let result: EncodeResult | "found" = "failed";
    try {
      result = await this.#make(job);
    } finally {
      cancel();
      job.release();
      this.#jobs.delete(job.key);
      this.#bytes -= job.object.bodyBytes;
      this.#running -= 1;
      if (result !== "found") {
        this.#options.onEnd(job.coding, result, (clock.monotonic() - began) / 1000);
      }
      job.settle();
      this.#startNext();
    }
  }

  async #make(job: Job): Promise<EncodeResult | "found"> {
    const { store } = this.#options;
    // A slower tier may have kept it from earlier.
    if ((await store.load(job.key)) !== undefined) return "found";
    if (job.aborted !== undefined || !this.#isStored(job.object)) return "dropped";
    const reservedBytes = job.object.bodyBytes;
    if (!store.reserve(reservedBytes)) return "busy";
    const made = await this.#encode(job);
    if (made === "dropped" || !this.#isStored(job.object)) {
      store.release(reservedBytes);
      return "dropped";
    }
    const isMade = Array.isArray(made);
    this.#put(job, isMade ? made : [], reservedBytes);
    return isMade ? "encoded" : made;
  }

  async #encode(job: Job): Promise<Buffer[] | "not_smaller" | "failed" | "dropped"> {
    const { encode, log } = this.#options;
    const { coding, signal } = job;
    const { chunks, bodyBytes, site, url } = job.object;
    try {
      const pieces = await encode({ coding, chunks, bodyBytes, signal });
      return pieces ?? "not_smaller";
    } catch (error) {
      if (job.aborted === "dropped") return "dropped";
      log.warn({ event: "encode-failed", site, url, coding, bodyBytes, err: error });
      return "failed";
    }
  }

  #put({ key, object, coding }: Job, chunks: readonly Buffer[], reservedBytes: number): void {
    const { store } = this.#options;
    const { site, url, response } = object;
    const bodyBytes = chunks.reduce((sum, { length }) => sum + length, 0);
    const fields = [["content-encoding", coding]] as const;
    store.put({
      key,
      site,
      url,
      response: { ...response, fields, bodyBytes, varyOn: [] },
      chunks,
      bodyBytes,
      // Purges concern what it is made of; whoever finds that will find this.
      generation: store.purges.generation,
      reservedBytes,
    });
  }

  /** True while the body is the one that clients get: else nobody would find what is made of it. */
  #isStored({ key, id }: CacheObject): boolean {
    return this.#options.store.lookup(key)?.objects.some((object) => object.id === id) === true;
  }
}

class Job implements EncodingJob {
  readonly key: string;
  readonly object: CacheObject;
  readonly coding: Coding;
  readonly #stop = new AbortController();
  readonly #waiting: (() => void)[] = [];
  startedAt: MonotonicMs | undefined;
  /** Why it was aborted, if it was. */
  aborted: "dropped" | "failed" | undefined;
  release: () => void = () => {};

  constructor(key: string, object: CacheObject, coding: Coding) {
    this.key = key;
    this.object = object;
    this.coding = coding;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  onOver(action: () => void): void {
    this.#waiting.push(action);
  }

  settle(): void {
    for (const action of this.#waiting.splice(0)) action();
  }

  abort(why: "dropped" | "failed" = "dropped"): void {
    this.aborted ??= why;
    this.#stop.abort();
  }
}
