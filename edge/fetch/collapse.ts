import type { Clock } from "../../common/clock.ts";
import type { StoredResponse } from "../decide/stored.ts";
import { type FieldLines, hasField } from "../http/fields.ts";
import type { Store, StoredVariants } from "../store/store.ts";
import { DoNotCoalesce } from "./do-not-coalesce.ts";
import { Fill, type FillResult, type FillSurroundings } from "./fill.ts";
import type { FillClient, FillPlan } from "./fill-plan.ts";
import type { OriginClient } from "./origin-client.ts";
import type { SlicedBodies } from "./sliced-bodies.ts";

/** Refreshes behind clients' backs at the same time; beyond that the next request waits. */
const BACKGROUND_FILLS_MAX = 256;

/** Clients that wait for one answer, besides the one who asked, where the site names no number. */
export const WAITERS_MAX = 10_000;

/** What the fills of an edge need, and whom they tell. */
export interface FillsOptions {
  readonly store: Store;
  readonly origins: OriginClient;
  readonly sliced: SlicedBodies;
  /** See `FillSurroundings`. */
  needsWhole(plan: FillPlan, response: StoredResponse): boolean;
  readonly clock: Clock;
  onFillEnd(fill: Fill, result: FillResult): void;
  onStored(fill: Fill, stored: StoredResponse): void;
}

/**
 * All fills under way: one for each key and variant, however many clients wait.
 *
 * A client joins a fill whose answer will fit it as far as is known: by the variant that the head
 * says, or by the fields that earlier answers of the key varied on, or on trust. When the head
 * shows that the answer cannot be shared, all who waited are released in the same turn.
 */
export class Fills {
  /** All fills, by key. */
  readonly #byKey = new Map<string, Set<Fill>>();
  #count = 0;
  readonly #background = new Set<Fill>();
  readonly #doNotCoalesce: DoNotCoalesce;
  readonly #around: FillSurroundings;

  constructor(options: FillsOptions) {
    this.#doNotCoalesce = new DoNotCoalesce(options.clock);
    this.#around = {
      store: options.store,
      origins: options.origins,
      sliced: options.sliced,
      needsWhole: (plan, response) => options.needsWhole(plan, response),
      onNotShareable: (fill) => this.#doNotCoalesce.note(fill.plan.key),
      onStored: (fill, stored) => {
        this.#doNotCoalesce.forget(fill.plan.key);
        options.onStored(fill, stored);
      },
      onEnd: (fill, result) => {
        this.#forget(fill);
        options.onFillEnd(fill, result);
      },
    };
  }

  /** True if clients of this key wait for one another. */
  mayCoalesce(key: string): boolean {
    return !this.#doNotCoalesce.has(key);
  }

  /** The fill that a client may wait for, if there is one. */
  find(
    key: string,
    requestFields: FieldLines,
    stored: StoredVariants | undefined,
  ): Fill | undefined {
    const candidates = this.#byKey.get(key);
    if (candidates === undefined) return undefined;
    const names = knownVary(candidates, stored);
    for (const fill of candidates) if (fill.accepts(requestFields, names)) return fill;
    return undefined;
  }

  /** Starts a fill. `leader` may be told of a failure before this returns. */
  lead(plan: FillPlan, leader: FillClient): Fill {
    const fill = this.#add(plan, leader);
    fill.start();
    return fill;
  }

  /** Starts a refresh that no client waits for, unless one is under way or there are too many. */
  refresh(plan: FillPlan): void {
    if (this.#background.size >= BACKGROUND_FILLS_MAX) return;
    if (this.find(plan.key, plan.requestFields, undefined) !== undefined) return;
    const fill = this.#add(plan, undefined);
    this.#background.add(fill);
    fill.start();
  }

  /** Keeps what is under way for a key, but for `except`, from being stored or joined. */
  doomKey(key: string, except?: Fill): void {
    for (const fill of this.#byKey.get(key) ?? []) if (fill !== except) fill.doom();
  }

  /** The same for all keys that begin with a text, in time proportional to the fills under way. */
  doomPrefix(prefix: string, except?: Fill): void {
    for (const key of this.#byKey.keys()) if (key.startsWith(prefix)) this.doomKey(key, except);
  }

  /** Closes all connections to origins. */
  abortAll(): void {
    for (const fill of this.#fills()) fill.abort();
  }

  /** Fills under way, and clients that wait for a fill that another one leads. */
  counts(): { readonly fills: number; readonly waiters: number } {
    let waiters = 0;
    for (const fill of this.#fills()) waiters += Math.max(0, fill.clients - 1);
    return { fills: this.#count, waiters };
  }

  #fills(): Fill[] {
    return [...this.#byKey.values()].flatMap((fills) => [...fills]);
  }

  #add(plan: FillPlan, leader: FillClient | undefined): Fill {
    const fill = new Fill(plan, leader, this.#around);
    const fills = this.#byKey.get(plan.key);
    if (fills === undefined) this.#byKey.set(plan.key, new Set([fill]));
    else fills.add(fill);
    this.#count += 1;
    return fill;
  }

  #forget(fill: Fill): void {
    this.#background.delete(fill);
    const fills = this.#byKey.get(fill.plan.key);
    if (fills?.delete(fill) === true) this.#count -= 1;
    if (fills?.size === 0) this.#byKey.delete(fill.plan.key);
  }
}

/** The fields that answers for this key are known to vary on. */
function knownVary(
  fills: ReadonlySet<Fill>,
  stored: StoredVariants | undefined,
): readonly string[] | undefined {
  for (const { pending } of fills) {
    if (pending !== undefined) return pending.varyOn.map(([name]) => name);
  }
  const latest = stored?.responses.at(-1);
  return latest === undefined || !hasField(latest.fields, "vary")
    ? undefined
    : latest.varyOn.map(([name]) => name);
}
