import { EvictionOutcomes } from "./eviction-outcomes.ts";
import type { QueueNode } from "./eviction-queue.ts";
import { EvictionTrial } from "./eviction-trial.ts";
import { hashOf } from "./ghost.ts";
import { type EvictionMode, S3Fifo } from "./s3-fifo.ts";

/** What may be in force: the first until something else has proved better. */
const MODES: readonly [EvictionMode, ...EvictionMode[]] = [
  { by: "frequency", size: "root" },
  { by: "recency", size: "root" },
  { by: "frequency", size: "none" },
  { by: "recency", size: "none" },
];

/** The last of them is LRU, which none may lose to by bytes. */
const LRU = MODES.length - 1;

/** A trial holds at most so many objects; beyond that fewer keys are sampled. */
const TRIAL_OBJECTS_MAX = 2_048;

/** A verdict is passed after so many sampled requests, and one for each object of a trial. */
const VERDICT_REQUESTS_MIN = 512;

/** Evidence counts half when there are so many requests of it, and these for each object. */
const EVIDENCE_REQUESTS = 8_192;
const EVIDENCE_REQUESTS_PER_OBJECT = 16;

/** To take the place of the mode in force, one must lead it by so many standard deviations. */
const LEAD_MIN = 2;

/** So far behind LRU by bytes, a mode is given up. */
const BEHIND_MAX = 1;

/** What an order may be told. */
export interface EvictionOrderOptions<N> {
  /** Told of nodes that are found to have been used when their turn comes. */
  readonly onUsed?: (node: N) => void;
  /** Objects of one trial, if they shall be fewer than usual. */
  readonly trialObjectsMax?: number;
}

/**
 * The order in which objects leave: `S3Fifo` in the mode that does best on the present traffic. All
 * modes are tried at once in small caches on a sample of the requests (`EvictionTrial`); of those
 * that do not lose to LRU by bytes the one with the most hits is in force. ADR 14 says what that is
 * worth. Side storage: at most 8,192 trial objects, and 16 to 32 bytes per object, both counted.
 */
export class EvictionOrder<N extends QueueNode> {
  readonly #order: S3Fifo<N>;
  readonly #trials: readonly EvictionTrial[];
  readonly #outcomes = new EvictionOutcomes(MODES.length);
  readonly #trialObjectsMax: number;
  #bytesMax: number;
  /** Of so many powers of two of keys one is sampled. */
  #sparsity = 0;
  #sinceVerdict = 0;
  #inForce = 0;

  constructor(bytesMax: number, options: EvictionOrderOptions<N> = {}) {
    const { onUsed, trialObjectsMax = TRIAL_OBJECTS_MAX } = options;
    this.#bytesMax = bytesMax;
    this.#trialObjectsMax = Math.min(trialObjectsMax, TRIAL_OBJECTS_MAX);
    this.#order = new S3Fifo(bytesMax, onUsed);
    this.#trials = MODES.map((mode) => new EvictionTrial(mode, bytesMax));
  }

  /** The mode that is in force now. */
  get mode(): EvictionMode {
    return this.#order.mode;
  }

  /** Bytes of everything queued, and of the side storage. */
  get bytes(): number {
    return this.#order.bytes + this.#trialBytes;
  }

  /** Bytes of the memory of what was evicted, and of the trials. */
  get sideBytes(): number {
    return this.#order.sideBytes + this.#trialBytes;
  }

  /** How many things are queued. */
  get count(): number {
    return this.#order.count;
  }

  /** Changes what everything queued may take. */
  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#order.resize(bytesMax);
    this.#fitTrials();
  }

  /** Puts a new node in its place. */
  insert(node: N): void {
    this.#order.insert(node);
    this.#try(node);
  }

  /** Counts one use. */
  touch(node: N): void {
    this.#order.touch(node);
    this.#try(node);
  }

  /** Takes a node out, whatever its place. */
  remove(node: N): void {
    this.#order.remove(node);
  }

  /** Puts a node in the place of another one of the same thing: see `S3Fifo`. */
  replace(node: N, successor: N): void {
    this.#order.replace(node, successor);
  }

  /** Takes out the node that should leave next, or gives undefined when nothing is queued. */
  evict(): N | undefined {
    return this.#order.evict();
  }

  get #trialBytes(): number {
    return this.#trials.reduce((sum, trial) => sum + trial.sideBytes, 0);
  }

  /** A request, hit or miss, in all trials, if its key is in the sample. */
  #try(node: N): void {
    const hash = hashOf(node);
    if (!isSampled(hash, this.#sparsity)) return;
    let hits = 0;
    let most = 0;
    for (const [i, trial] of this.#trials.entries()) {
      if (trial.request(hash, node)) hits |= 1 << i;
      most = Math.max(most, trial.objects);
    }
    this.#outcomes.add(hits, node.bytes);
    this.#sinceVerdict += 1;
    if (most > this.#trialObjectsMax) {
      this.#sparsity += 1;
      this.#fitTrials();
    }
    if (this.#sinceVerdict >= VERDICT_REQUESTS_MIN + most) this.#passVerdict(most);
  }

  #fitTrials(): void {
    const bytesMax = this.#bytesMax / 2 ** this.#sparsity;
    for (const trial of this.#trials) {
      trial.resize(bytesMax, (hash) => isSampled(hash, this.#sparsity));
    }
  }

  #passVerdict(objects: number): void {
    this.#sinceVerdict = 0;
    this.#inForce = bestMode(this.#outcomes, this.#inForce);
    this.#order.mode = MODES[this.#inForce] ?? MODES[0];
    const enough = EVIDENCE_REQUESTS + EVIDENCE_REQUESTS_PER_OBJECT * objects;
    if (this.#outcomes.total > enough) this.#outcomes.fade();
  }
}

/** Which mode the outcomes speak for (P). */
function bestMode(outcomes: EvictionOutcomes, inForce: number): number {
  let best = outcomes.leadByBytes(inForce, LRU) < -BEHIND_MAX ? LRU : inForce;
  for (let mode = 0; mode < MODES.length; mode += 1) {
    const needed = best === inForce ? LEAD_MIN : 0;
    const leads = outcomes.leadByRequests(mode, best) > needed;
    if (leads && outcomes.leadByBytes(mode, LRU) >= 0) best = mode;
  }
  return best;
}

/** True for one of 2 ^ sparsity hashes (P). What is sampled when few are is when more are, too. */
function isSampled(hash: number, sparsity: number): boolean {
  return sparsity === 0 || Math.imul(hash, 0x9e3779b1) >>> 0 < 2 ** (32 - sparsity);
}
